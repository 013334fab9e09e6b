"""Static files and the weight of pages: small, our own, kept for a year, nothing inline (ui.md)."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.settings import ROOT
from auth_portal.web.assets import fingerprint
from tests.drivers import BrowserDriver

YEAR = "public, max-age=31536000, immutable"
LIMIT = 30_000
LOADED = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("object", "data"),
}
TEMPLATES = [path for path in (ROOT / "templates").rglob("*.html") if path.parent.name != "letters"]
MARKUP_OR_STORAGE = (
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"),
    *("localStorage", "sessionStorage", "indexedDB", "document.cookie", "XMLHttpRequest"),
)
INLINE = {
    "a style": r"<style|\sstyle\s*=",
    "a script": r"<script(?![^>]*\ssrc=)",
    "a handler": r"<[^>{]*\son[a-z]+\s*=",
    "a script in an address": r"(?i)javascript:",
    "an address elsewhere": r"(?i)(?:src|href|action|formaction)\s*=\s*[\"'](?:https?:)?//",
    "unescaped text": r"\|\s*safe\b|autoescape\s+false",
}


class Loads(HTMLParser):
    """The addresses that a browser fetches by itself to show a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if (tag, name) in LOADED and value]


def weight(answer: TestResponse) -> int:
    """Bytes over the wire, without compression: the status line, the headers and the body."""
    return len(f"HTTP/1.1 {answer.status}\r\n{answer.headers}") + len(answer.data)


def test_the_whole_first_page_is_light(browser: BrowserDriver) -> None:
    """ui.md: at most 30 KB with styles, script and logo, in at most five requests."""
    answers = [browser.get("/login")]
    answers += [browser.client.get(path, buffered=True) for path in Loads(browser.page).found]
    assert {answer.mimetype for answer in answers} >= {"text/html", "text/css", "text/javascript", "image/svg+xml"}
    assert {answer.status_code for answer in answers} == {200}
    assert len(answers) <= 5
    assert sum(map(weight, answers)) <= LIMIT


def test_no_page_loads_anything_from_elsewhere(browser: BrowserDriver) -> None:
    """WEB-08."""
    pages = []
    for step in ("/login", "/nowhere", "/login/code", "/register", "/account"):
        if step == "/login/code":
            browser.ask("ada@example.com")
        elif step == "/register":
            browser.enter(browser.code_sent_to("ada@example.com"))
        elif step == "/account":
            browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
        assert browser.get(step).status_code in (200, 404)
        pages.append(browser.page)
    loads = [address for page in pages for address in Loads(page).found]
    assert len(loads) >= 15
    assert {urlsplit(address).netloc for address in loads} == {""}
    assert {address.partition("/static/")[0] for address in loads} == {""}


def test_the_styles_load_nothing_from_elsewhere() -> None:
    """WEB-08: neither fonts nor pictures."""
    styles = "".join(path.read_text() for path in (ROOT / "static").glob("*.css"))
    addresses = re.findall(r"url\(\s*[\"']?([^\"')]{0,20})", styles)
    assert addresses
    assert [address for address in addresses if not address.startswith("data:image/svg+xml")] == []
    assert "@import" not in styles
    assert "@font-face" not in styles


def test_files_are_named_by_their_content_and_kept_for_a_year(browser: BrowserDriver) -> None:
    """WEB-08."""
    browser.get("/login")
    for address in Loads(browser.page).found:
        answer = browser.client.get(address, buffered=True)
        assert re.search(r"[0-9a-f]{8,}", address), address
        assert answer.headers["Cache-Control"] == YEAR, address


def test_another_content_has_another_name(tmp_path: Path) -> None:
    """A changed file is fetched anew at once."""
    files = [tmp_path / name for name in ("old.css", "new.css", "same.css")]
    for path, content in zip(files, ("a {}", "b {}", "a {}"), strict=True):
        path.write_text(content)
    old, new, same = map(fingerprint, files)
    assert old == same != new


@pytest.mark.parametrize("query", ["?v=0000000000", "?v=", "", "?x=1"])
def test_a_name_that_is_not_of_this_content_is_not_kept_for_long(app: Flask, query: str) -> None:
    """While a release is rolled out, old servers answer for new names: no browser may keep that for a year."""
    answer = app.test_client().get(f"/static/portal.css{query}", buffered=True)
    assert answer.status_code == 200
    assert "immutable" not in answer.headers["Cache-Control"]
    assert int(answer.headers["Cache-Control"].partition("max-age=")[2] or 0) <= 300


def test_a_file_that_a_browser_has_is_not_sent_again(app: Flask) -> None:
    client = app.test_client()
    first = client.get("/static/portal.css", buffered=True)
    again = client.get("/static/portal.css", headers={"If-None-Match": first.headers["ETag"]}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")


def test_no_folder_is_listed_and_nothing_outside_is_served(app: Flask) -> None:
    """WEB-27."""
    client = app.test_client()
    for path in ("/static/", "/static", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py", "/static/..%2fwsgi.py",
                 "/static//etc/passwd", "/static/.%00/portal.css", "/static/..\\wsgi.py"):  # fmt: skip
        assert client.get(path, buffered=True).status_code in (308, 404), path


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_has_nothing_that_the_policy_forbids(path: Path) -> None:
    """WEB-02: no inline style, script or handler, nothing from elsewhere, no way round the escaping."""
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert [name for name, pattern in INLINE.items() if re.search(pattern, source)] == []


def test_the_patterns_find_what_they_look_for() -> None:
    """The test above can fail."""
    samples = {
        "a style": '<p style="color:red">',
        "a script": "<script>alert(1)</script>",
        "a handler": '<body onload="x()">',
        "a script in an address": '<a href="JavaScript:x()">',
        "an address elsewhere": '<img src="//cdn.example/x.png">',
        "unescaped text": "{{ name|safe }}",
    }
    assert {name for name, sample in samples.items() if re.search(INLINE[name], sample)} == set(INLINE)


def test_the_script_puts_text_into_pages_and_never_markup() -> None:
    """WEB-04, SES-21: neither markup nor storages."""
    script = (ROOT / "static" / "portal.js").read_text()
    for word in MARKUP_OR_STORAGE:
        assert word not in script, word


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None), ("", None)]
)
def test_a_static_file_is_sent_as_small_as_the_browser_can_read_it(
    app: Flask, accepted: str, encoding: str | None
) -> None:
    client = app.test_client()
    whole = client.get("/static/portal.css", buffered=True)
    sent = client.get("/static/portal.css", headers={"Accept-Encoding": accepted}, buffered=True)
    assert sent.headers.get("Content-Encoding") == encoding
    assert (len(sent.data) < len(whole.data) / 3) is (encoding is not None)
    again = client.get(
        "/static/portal.css",
        headers={"Accept-Encoding": accepted, "If-None-Match": sent.headers["ETag"]},
        buffered=True,
    )
    assert (again.status_code, again.data) == (304, b"")
    wanted = {"Accept-Encoding": accepted, "Range": "bytes=0-9"}
    part = client.get("/static/portal.css", headers=wanted, buffered=True)
    assert (part.status_code, part.data) == (206, whole.data[:10])
    for answer in (sent, again, part):
        assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("start", ["x", "x" * 300, "./y", "a/../b"])
def test_however_its_address_is_spelt_a_file_is_prepared_once(app: Flask, start: str) -> None:
    """Else anybody could fill the memory, and have all be compressed anew."""
    client, headers = app.test_client(), {"Accept-Encoding": "br"}
    plain = client.get("/static/portal.css", headers=headers, buffered=True)
    files, compressed = fingerprint.cache_info().currsize, len(app.extensions["compress"].cache.data)
    again = client.get(f"/static/{start}/../portal.css", headers=headers, buffered=True)
    assert (again.status_code, again.data) == (200, plain.data)
    assert (fingerprint.cache_info().currsize, len(app.extensions["compress"].cache.data)) == (files, compressed)


@pytest.mark.parametrize("refused", ["br;q=0", "gzip;q=0, br;q=0", "br, identity;q=0.5, *;q=0"])
def test_an_encoding_that_is_refused_is_not_used(app: Flask, refused: str) -> None:
    answer = app.test_client().get("/static/portal.css", headers={"Accept-Encoding": refused}, buffered=True)
    assert "Content-Encoding" not in answer.headers


def test_no_cookie_goes_with_what_anybody_may_keep(app: Flask) -> None:
    client = app.test_client()
    assert "Set-Cookie" in client.get("/login?lang=de").headers
    assert "Set-Cookie" not in client.get("/static/portal.css?lang=de", buffered=True).headers


def test_a_page_with_a_secret_is_never_compressed(browser: BrowserDriver) -> None:
    """BREACH: the length of a compressed page tells how its text resembles the secret in it."""
    answer = browser.client.get("/login", headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in answer.headers
