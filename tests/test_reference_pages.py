"""The pages of the reference: complete, in both languages, linked, and nobody's to write on."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth_portal.settings import GUIDE_LOCALES
from auth_portal.web.reference.calls import find_calls
from auth_portal.web.reference.shelf import GUIDES

TURKISH_WARNING = (
    "Bu endpoint veri değiştirir veya operasyon tetikleyebilir. API Playground içinde Production server seçiliyse "
    "gerçek production verisi etkilenir; test için Development server kullanın."
)


pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    """A browser at a development portal."""
    return make_app(env="development").test_client()


def slugs(client: FlaskClient) -> list[str]:
    operations = [f"api/{call.slug}" for call in find_calls(client.application)]
    return [*(name for names in GUIDES.values() for name in names), *operations]


def read(client: FlaskClient, path: str, locale: str) -> str:
    answer = client.get(path, query_string={"lang": locale})
    assert answer.status_code == 200, path
    return unescape(answer.text)


@pytest.mark.parametrize("locale", GUIDE_LOCALES)
def test_every_page_is_there_with_its_twin_and_every_link_leads_to_a_page(client: FlaskClient, locale: str) -> None:
    pages = {f"/docs/{slug}": read(client, f"/docs/{slug}", locale) for slug in slugs(client)}
    pages |= {path: read(client, path, locale) for path in ("/docs", "/docs/playground", "/docs/search")}
    ids = {path: re.findall(r'\bid="([^"]+)"', page) for path, page in pages.items()}
    assert {
        path: [one for one in found if found.count(one) > 1]
        for path, found in ids.items()
        if len(set(found)) != len(found)
    } == {}
    lost = set()
    for path, page in pages.items():
        for href in re.findall(r'<a [^>]*href="([^"]+)"', page):
            target, _sign, fragment = href.partition("#")
            target = target.partition("?")[0] or path
            is_there = target in pages or not target.startswith("/") or client.get(target).status_code < 400
            if not is_there or (target in pages and fragment and fragment not in ids[target]):
                lost.add(f"{path}: {href}")
    assert lost == set()


@pytest.mark.parametrize("locale", GUIDE_LOCALES)
def test_from_the_first_page_next_leads_to_the_last_one(client: FlaskClient, locale: str) -> None:
    path, seen = "/docs/quick-start", []
    while path:
        page = read(client, path, locale)
        seen.append(path.removeprefix("/docs/"))
        found = re.search(r'<a rel="next" href="([^"]+)"', page)
        assert (re.search(r'<a rel="prev"', page) is None) == (len(seen) == 1)
        path = found[1] if found else ""
    assert sorted(seen) == sorted(slugs(client))


def test_a_page_of_an_operation_shows_all_that_the_contract_names(client: FlaskClient) -> None:
    page = read(client, "/docs/api/login-otp-email", "en")
    for words in (
        "Sign in with a code from an email",
        "/api/v1/auth/login-otp-email",
        "challengeId",
        "200 OK",
        "400 bad_request, validation_failed",
        "401 code_invalid",
        "403 account_suspended, deletion_pending",
        "Doğrulama kodu hatalı veya süresi dolmuş",
        "TypeScript definitions",
        "LoginOtpEmailResponse",
        "curl",
        "Python",
        "503 service_unavailable",
    ):
        assert words in re.sub(r"<[^>]+>", "", page), words


@pytest.mark.parametrize("slug", ["api/send-otp-email", "api/get-me"])
def test_the_warning_is_the_contracts_to_the_letter(client: FlaskClient, slug: str) -> None:
    page = read(client, f"/docs/{slug}", "tr")
    assert TURKISH_WARNING in page
    assert "<strong>Production uyarısı:</strong>" in page


def test_who_names_no_language_reads_turkish(client: FlaskClient) -> None:
    assert '<html lang="tr"' in client.get("/docs").text
    assert '<html lang="en"' in client.get("/docs", headers={"Accept-Language": "en"}).text
    for path in ("/openapi.json", "/docs/types.d.ts", "/llms.txt", "/docs/quick-start.md"):
        turkish, english = (client.get(path, headers={"Accept-Language": one}) for one in ("tr", "en"))
        assert turkish.text != english.text, path
        assert {"Accept-Language", "Cookie"} <= set(turkish.headers["Vary"].split(", "))


def test_programs_find_every_page_by_llms_txt(client: FlaskClient) -> None:
    text = client.get("/llms.txt?lang=en").text
    links = re.findall(r"\]\((\S+)\)", text)
    base = client.application.extensions["auth_portal"].settings.public_url
    assert {f"{base}/docs/{slug}.md" for slug in slugs(client)} <= set(links)
    for link in links:
        answer = client.get(link.removeprefix(base))
        assert answer.status_code == 200
        assert "<!-- " not in answer.text
    assert client.get("/docs.md?lang=en").text == text


def test_a_markdown_twin_says_what_its_page_says(client: FlaskClient) -> None:
    answer = client.get("/docs/api/send-otp-email.md?lang=en")
    assert answer.content_type == "text/markdown; charset=utf-8"
    assert answer.text.startswith("# Send a code by email\n")
    for words in ("## Request", "| `email` | `string` | required |", "### 409 resend_too_soon", "```python"):
        assert words in answer.text


def test_who_accepts_markdown_reads_it_at_the_same_address(client: FlaskClient) -> None:
    twin = client.get("/docs/api/get-me.md?lang=en").text
    for accepted, is_markdown in {
        "text/markdown": True,
        "text/markdown, text/html;q=0.5": True,
        "text/html, text/markdown;q=0.9": False,
        "text/html,application/xhtml+xml,*/*;q=0.8": False,
        "*/*": False,
    }.items():
        answer = client.get("/docs/api/get-me?lang=en", headers={"Accept": accepted})
        assert (answer.text == twin) is is_markdown, accepted
    assert client.get("/docs?lang=en", headers={"Accept": "text/markdown"}).text.startswith("# Auth Portal\n")


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("locale", "wanted", "first"),
    [
        ("en", "verify a token", "tokens"),
        ("en", "resend_too_soon", None),
        ("en", "AUTH_PORTAL_TRUSTED_PROXIES", "settings"),
        ("tr", "OTURUMLARI LİSTELE", None),
        ("tr", "yenileme", None),
        ("en", "FORWARD-AUTH", "forward-auth"),
        ("en", "sign out", "api/logout"),
        ("tr", "OTURUMLAR", "sessions"),
    ],
)
def test_searching_finds_pages_by_their_words(
    client: FlaskClient, locale: str, wanted: str, first: str | None
) -> None:
    answer = client.get("/docs/search", query_string={"lang": locale, "q": wanted})
    hits = re.findall(
        r'<a href="/docs/([^"]+)">', answer.text.partition('<ol class="docs-list">')[2].partition("</ol>")[0]
    )
    assert hits
    assert first is None or first in hits[:3]


@pytest.mark.parametrize("wanted", ["x-auth-request-user,", "remote-email,", "verify a token"])
def test_an_excerpt_is_short_and_has_the_word(client: FlaskClient, wanted: str) -> None:
    page = client.get("/docs/search", query_string={"lang": "en", "q": wanted}).text
    excerpts = [unescape(one) for one in re.findall(r"<p>(.*?)</p></li>", page, re.DOTALL)]
    assert excerpts
    assert max(map(len, excerpts)) < 400
    assert any(wanted.split()[0] in excerpt.lower() for excerpt in excerpts)


@pytest.mark.parametrize(
    "wanted", ["<script>alert(1)</script>", "\x00", "%00", "ı" * 5_000, "'\"><img src=x>", "   ", "🦄"]
)
def test_what_is_searched_for_is_only_text(client: FlaskClient, wanted: str) -> None:
    answer = client.get("/docs/search", query_string={"q": wanted})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert len(answer.data) < 40_000


def test_blanks_are_no_search(client: FlaskClient) -> None:
    assert "Type what you are looking for" in client.get("/docs/search?lang=en&q=+++").text


@pytest.mark.parametrize(
    "path",
    [
        "nope",
        "api/nope",
        "../README",
        "decisions/0001",
        "api",
        "architecture",
        "quick-start.md.md",
        "api/",
        "%2e%2e/x",
        "tr/api",
    ],
)
def test_only_what_is_meant_to_be_shown_is_shown(client: FlaskClient, path: str) -> None:
    assert client.get(f"/docs/{path}").status_code == (200 if path == "api" else 404)


def test_a_slash_at_the_end_is_no_other_page(client: FlaskClient) -> None:
    answer = client.get("/docs/")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/docs")


def test_production_shows_the_reference_and_no_mail(make_app: Callable[..., Flask]) -> None:
    client = make_app(public_url="https://login.example.com").test_client()
    page = client.get("/docs/playground?lang=en", base_url="https://login.example.com")
    sample = client.get("/docs/api/send-otp-email.md?lang=en").text.partition("### 201 Created")[2]
    assert '"code":' not in sample.partition("### 400")[0]
    assert "Production (login.example.com)" in page.text
    assert "data-letters" not in page.text
    assert client.get("/dev/mailbox/letters.json").status_code == 404
    document: dict[str, Any] = client.get("/openapi.json").json or {}
    assert document["servers"] == [
        {"url": "https://login.example.com", "description": "Production (login.example.com)"}
    ]


def test_the_playground_may_call_the_servers_of_the_setting_and_no_other(make_app: Callable[..., Flask]) -> None:
    servers = "development=http://127.0.0.1:9999, production=https://login.example.com"
    client = make_app(env="development", api_servers=servers).test_client()
    page = client.get("/docs/api/send-otp-email?lang=en")
    assert re.findall(r'<option value="([^"]+)" data-kind="(\w+)"', page.text)[1:] == [
        ("http://127.0.0.1:9999", "development"),
        ("https://login.example.com", "production"),
    ]
    policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' http://127.0.0.1:9999 https://login.example.com;" in policy
    assert "connect-src 'self';" in client.get("/login").headers["Content-Security-Policy"]


def test_the_problem_of_a_limit_is_shown_as_it_is_sent(client: FlaskClient) -> None:
    """API-05: the type is the registered one, and the limit is named."""
    document: dict[str, Any] = client.get("/openapi.json").json or {}
    shown = {
        operation["operationId"]: operation["responses"]["429"]["content"]["application/problem+json"]["examples"]
        for path in document["paths"].values()
        for operation in path.values()
        if "429" in operation["responses"]
    }
    for name, limit in {"sendOtpEmail": "inbox-hour", "removeEmail": "address-changes"}.items():
        problem = shown[name]["too_many_requests"]["value"]
        assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
        assert problem["violated-policies"] == [limit]


def test_own_fields_stand_in_the_reference(make_app: Callable[..., Flask]) -> None:
    fields = """[{"name": "company", "type": "text", "label": {"tr": "Şirket", "en": "Company"}, "required": true},
                 {"name": "seats", "type": "number", "label": {"tr": "Koltuk", "en": "Seats"}}]"""
    client = make_app(registration_fields=fields).test_client()
    types = client.get("/docs/types.d.ts?lang=en").text
    assert '/** Company */\n  company: string;\n  /** Seats */\n  seats?: number | "" | null;' in types
    document: dict[str, Any] = client.get("/openapi.json?lang=tr").json or {}
    told = document["components"]["schemas"]["Fields"]["properties"]
    assert {name: field["description"] for name, field in told.items()} == {"company": "Şirket", "seats": "Koltuk"}
