"""What callers claim and must not get: proxies, hosts, origins, redirect targets, markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.letters import html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
EVIL = "evil.example"


def sends(app: Flask, outbox: MailSink, *forwarded: str) -> list[int]:
    """What one address gets that asks for several people with these X-Forwarded-For headers."""
    api = ApiDriver(app, outbox, "10.0.0.1")
    bodies = [{"email": f"person{number}@example.com"} for number in range(len(forwarded))]
    calls = zip(bodies, forwarded, strict=True)
    return [api.post("send-otp-email", body, X_Forwarded_For=given).status_code for body, given in calls]


def test_a_claimed_address_is_not_believed(make_app: Made, outbox: MailSink) -> None:
    """SES-22: without a trusted proxy the header changes nothing."""
    app = make_app(sends_per_source_per_hour=1)
    assert sends(app, outbox, "203.0.113.1", "203.0.113.2") == [201, 429]


def test_the_address_that_a_trusted_proxy_names_is_believed(make_app: Made, outbox: MailSink) -> None:
    """SES-22."""
    app = make_app(sends_per_source_per_hour=1, trusted_proxies=1)
    assert sends(app, outbox, "203.0.113.1", "203.0.113.2", "203.0.113.2") == [201, 201, 429]


def test_what_a_caller_writes_before_the_proxy_is_not_believed(make_app: Made, outbox: MailSink) -> None:
    """SES-22: only as many entries count, from the right, as there are proxies."""
    app = make_app(sends_per_source_per_hour=1, trusted_proxies=1)
    assert sends(app, outbox, "198.51.100.1, 203.0.113.9", "198.51.100.2, 203.0.113.9") == [201, 429]


HOSTS = {
    "Host": {"Host": EVIL},
    "X-Forwarded-Host": {"X-Forwarded-Host": EVIL},
    "Forwarded": {"Forwarded": f"host={EVIL};proto=https"},
    "X-Forwarded-Proto and -Prefix": {"X-Forwarded-Proto": "javascript", "X-Forwarded-Prefix": f"//{EVIL}"},
}


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_forged_host_gets_into_no_letter_no_redirect_and_no_page(
    make_app: Made, outbox: MailSink, proxies: int
) -> None:
    """OTP-38."""
    app = make_app(trusted_proxies=proxies)
    for number, (name, headers) in enumerate(HOSTS.items()):
        browser, email = BrowserDriver(app, outbox), f"person{number}@example.com"
        browser.headers |= headers
        answer = browser.ask(email)
        assert answer.location == "/login/code", name
        [letter] = outbox.sent_to(email)
        for text in (text_of(letter), html_of(letter), browser.page, str(letter.parsed.items())):
            assert EVIL not in text, name
        assert "@127.0.0.1 #" in text_of(letter), name


ALLOWED = "https://app.example"
ORIGINS = {
    "the listed one": (ALLOWED, True),
    "a plain http one": ("http://app.example", False),
    "another port": ("https://app.example:8443", False),
    "a longer name": ("https://app.example.evil.example", False),
    "a name that ends alike": ("https://evilapp.example", False),
    "any letter for the dot": ("https://appxexample", False),
    "none": ("null", False),
    "our own": ("http://127.0.0.1:8000", False),
    "a stranger": (f"https://{EVIL}", False),
}


def cross_origin(app: Flask, path: str, origin: str, method: str = "POST") -> tuple[TestResponse, TestResponse]:
    """What a browser is told before a call from this origin, and with the call."""
    client = app.test_client()
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return client.options(path, headers=asked), client.open(path, method=method, json={}, headers={"Origin": origin})


def test_only_a_listed_origin_may_call_the_json_api(make_app: Made) -> None:
    """API-08: refusals are readable too, and cookies never go along."""
    app = make_app(allowed_origins=ALLOWED)
    for name, (origin, allowed) in ORIGINS.items():
        for answer in cross_origin(app, "/api/v1/auth/send-otp-email", origin):
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None), name
            assert "Access-Control-Allow-Credentials" not in answer.headers, name
            assert "Origin" in answer.headers.get("Vary", "") or not allowed, (
                f"{name}: caches must tell origins apart"
            )


def test_an_allowed_caller_learns_which_methods_and_headers_it_may_use(make_app: Made) -> None:
    """API-08."""
    asked, answered = cross_origin(make_app(allowed_origins=ALLOWED), "/api/v1/auth/send-otp-email", ALLOWED)
    assert set(asked.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PATCH", "DELETE"}
    assert asked.headers["Access-Control-Allow-Headers"].lower() == "content-type"
    exposed = set(answered.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"X-Error-Code", "Retry-After", "RateLimit", "RateLimit-Policy"}


@pytest.mark.parametrize("path", ["/login", "/account", "/register", "/healthz", "/apis"])
def test_no_page_may_be_read_from_another_origin(make_app: Made, path: str) -> None:
    """API-08."""
    for answer in cross_origin(make_app(allowed_origins=ALLOWED), path, ALLOWED, "GET"):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_a_list_no_origin_may_call(app: Flask) -> None:
    for answer in cross_origin(app, "/api/v1/auth/send-otp-email", ALLOWED):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_keys_may_be_read_from_everywhere(app: Flask) -> None:
    answer = app.test_client().get("/.well-known/jwks.json", headers={"Origin": ALLOWED})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


TARGETS = (
    f"https://{EVIL}/",
    f"//{EVIL}",
    f"/\\{EVIL}",
    f"\\\\{EVIL}",
    f"https:{EVIL}",
    "javascript:alert(1)",
    "/%09/e",
)


def test_no_request_says_where_to_go_afterwards(app: Flask, outbox: MailSink) -> None:
    """WEB-07."""
    for number, target in enumerate(TARGETS):
        browser, wish = BrowserDriver(app, outbox), {"next": target, "return_to": target, "redirect_uri": target}
        email = f"person{number}@example.com"
        browser.client.get("/login", query_string=wish)
        browser.get("/login")
        went = [browser.post("/login", {"email": email, **wish}).location]
        browser.get("/login/code")
        went.append(browser.post("/login/code", {"code": browser.code_sent_to(email), **wish}).location)
        browser.get("/register")
        went.append(browser.post("/register", {"first_name": "A", "last_name": "B", "terms": "y", **wish}).location)
        went.append(browser.client.get("/login", query_string=wish).location)
        browser.get("/account")
        went.append(browser.post("/logout", wish).location)
        assert went == ["/login/code", "/register", "/account", "/account", "/login"], target


def test_no_path_leads_off_this_host(app: Flask) -> None:
    """WEB-07: double slashes and backslashes are not tidied up into another host."""
    client = app.test_client()
    for path in (
        f"//{EVIL}",
        f"//{EVIL}/login",
        f"/login//{EVIL}",
        f"/\\{EVIL}",
        f"/%5c{EVIL}",
        f"/login/..//{EVIL}",
        "/login/",
    ):
        answer = client.get(path, base_url="http://localhost")
        assert EVIL not in (answer.location or "").partition("?")[0].removeprefix("http://localhost/"), path


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "</title><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "%(brand)s %s {0} ${7*7}",
    "javascript:alert(1)",
    "<!--",
    "&lt;b&gt; &amp;",
)


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes: what markup in a value would change."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", (data,)))


def structure_of(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """The page without its texts and values."""
    return Structure(page).found


def test_markup_in_an_address_stays_text(browser: BrowserDriver) -> None:
    """WEB-06."""
    browser.ask("harmless@@example.com")
    plain = structure_of(browser.page)
    for payload in PAYLOADS:
        browser.ask(f"{payload}@@example.com")
        assert structure_of(browser.page) == plain, payload
        assert browser.value("email") == f"{payload}@@example.com"


def test_markup_in_a_code_stays_text(browser: BrowserDriver) -> None:
    """WEB-06."""
    browser.ask(ADA)
    browser.enter("harmless")
    plain = structure_of(browser.page)
    for payload in PAYLOADS:
        browser.enter(payload)
        assert structure_of(browser.page) == plain, payload


def test_markup_in_a_name_stays_text(app: Flask, outbox: MailSink) -> None:
    """WEB-06: in the form, when it is refused, and on the account."""
    pages = []
    for number, name in enumerate(("Ada", *PAYLOADS)):
        browser = BrowserDriver(app, outbox)
        browser.follow(browser.prove(f"person{number}@example.com"))
        browser.post("/register", {"first_name": name, "last_name": name})
        refused = structure_of(browser.page)
        assert browser.value("first_name") == name
        browser.follow(browser.post("/register", {"first_name": name, "last_name": name, "terms": "y"}))
        pages.append((name, refused, structure_of(browser.page)))
    for name, *shown in pages:
        assert shown == list(pages[0][1:]), name


def test_markup_in_the_brand_stays_text(make_app: Made, outbox: MailSink) -> None:
    """WEB-06: on pages and in letters."""
    shown = []
    for name in ("Portal", "<b onclick=x>", "&amp;", "%(brand)s %d"):
        browser = BrowserDriver(make_app(brand_name=name), outbox)
        browser.ask(f"person{len(shown)}@example.com")
        [letter] = outbox.sent_to(f"person{len(shown)}@example.com")
        shown.append((structure_of(browser.page), structure_of(html_of(letter))))
        assert name in browser.title
    assert [found == shown[0] for found in shown] == [True] * 4


def test_markup_in_the_path_or_the_query_is_not_repeated(browser: BrowserDriver) -> None:
    """WEB-06."""
    for payload in PAYLOADS:
        browser.get(f"/{payload}?{payload}={payload}")
        assert structure_of(browser.page) == structure_of((browser.get("/nowhere"), browser.page)[1]), payload
        browser.get(f"/login?lang={payload}&email={payload}")
        assert structure_of(browser.page) == structure_of((browser.get("/login"), browser.page)[1]), payload
