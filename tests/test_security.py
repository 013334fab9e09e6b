"""What guards every door: response headers, cookies, cross-site checks (standards.md, sections 2 and 5)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver, cookies_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
HTTPS = "https://portal.example"
LASTING = "max-age=31536000; includeSubDomains"
CACHEABLE = {"a static file", "the keys"}


@pytest.fixture
def answers(app: Flask, outbox: MailSink) -> dict[str, TestResponse]:
    """One answer of every kind, by what it is: each route, and each way to be refused."""

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a fault of ours")

    @app.get("/api/away")
    def away() -> str:
        raise OperationalError("select", {}, Exception("the database is away"))

    app.add_url_rule("/away", "page_away", away)
    browser, client = BrowserDriver(app, outbox), app.test_client()
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in ("static", "broken")]
    found = {f"GET {rule.rule}": client.get(rule.rule) for rule in rules}
    found["the first page"] = browser.get("/login")
    found["a refused address"] = browser.post("/login", {"email": "ada"})
    found["a redirect"] = browser.ask(ADA)
    found["the code page"] = browser.get("/login/code")
    found["a wrong code"] = browser.enter("0000" if browser.code_sent_to(ADA) != "0000" else "1111")
    found["a right code"] = browser.enter(browser.code_sent_to(ADA))
    found["the registration"] = browser.get("/register")
    found["a new session"] = browser.post("/register", NAMES)
    found["the account"] = browser.get("/account")
    found["signing out"] = browser.post("/logout", {})
    found["a form without a token"] = client.post("/login", data={"email": ADA})
    found["no such page"] = client.get("/nowhere")
    found["no such operation"] = client.get("/api/nowhere")
    found["no such file"] = client.get("/static/nowhere.css")
    found["a file outside"] = client.get("/static/../wsgi.py")
    found["a method not allowed"] = client.put("/login")
    found["too large a form"] = client.post("/login", data={"email": "a" * 70_000})
    found["too large a body"] = client.post("/api/v1/auth/send-otp-email", json={"email": "a" * 70_000})
    found["not JSON"] = client.post("/api/v1/auth/send-otp-email", data="email=a")
    found["without a token"] = client.get("/api/v1/auth/me")
    found["a code by API"] = ApiDriver(app, outbox).send(ADA)
    found["a fault of ours"] = client.get("/broken")
    found["the database away"] = client.get("/away")
    found["the database away, by API"] = client.get("/api/away")
    outbox.fault = "reject_5xx"
    found["no relay"] = browser.ask("bob@example.com")
    found["a static file"] = client.get("/static/portal.css", buffered=True)
    found["the keys"] = client.get("/.well-known/jwks.json")
    return found


def test_every_kind_of_answer_is_among_those_that_are_looked_at(answers: dict[str, TestResponse]) -> None:
    statuses = {answer.status_code for answer in answers.values()}
    assert statuses >= {200, 201, 303, 400, 401, 403, 404, 405, 413, 415, 500, 503}


def test_every_answer_has_the_strict_content_security_policy(answers: dict[str, TestResponse]) -> None:
    """WEB-02, WEB-04."""
    for name, answer in answers.items():
        policy = answer.headers["Content-Security-Policy"]
        directives = {words[0]: words[1:] for words in map(str.split, policy.split(";"))}
        assert directives["default-src"] == ["'none'"], name
        assert directives["script-src"] == directives["style-src"] == directives["form-action"] == ["'self'"], name
        for directive in ("base-uri", "object-src", "frame-ancestors"):
            assert directives[directive] == ["'none'"], (name, directive)
        assert directives["require-trusted-types-for"] == ["'script'"], name
        assert directives["trusted-types"] == ["'none'"], name
        assert "unsafe" not in policy, name
        assert len(answer.headers.getlist("Content-Security-Policy")) == 1, name


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def test_every_answer_has_the_guarding_headers(answers: dict[str, TestResponse]) -> None:
    """WEB-05; only the public keys, and the document that leads to them, may be read from anywhere."""
    for name, answer in answers.items():
        for header, value in HEADERS.items():
            is_open = "/.well-known/" in name or name == "the keys"
            if not (is_open and header == "Cross-Origin-Resource-Policy"):
                assert answer.headers.getlist(header) == [value], (name, header)
        assert "otp-credentials=(self)" in answer.headers["Permissions-Policy"], name


def test_no_answer_is_kept_by_a_cache_but_files_and_keys(answers: dict[str, TestResponse]) -> None:
    """SES-18."""
    kept = [name for name, answer in answers.items() if answer.headers["Cache-Control"] != "no-store"]
    documents = ("jwks.json", "openid-configuration", "oauth-authorization-server")
    assert set(kept) - CACHEABLE == {f"GET /.well-known/{document}" for document in documents}


def test_every_text_names_its_charset(answers: dict[str, TestResponse]) -> None:
    """WEB-06."""
    texts = {name: answer.headers["Content-Type"] for name, answer in answers.items() if "text/" in answer.mimetype}
    assert [name for name, kind in texts.items() if not kind.endswith("; charset=utf-8")] == []


def test_a_fault_of_ours_tells_nothing_but_a_reference(answers: dict[str, TestResponse]) -> None:
    """WEB-25, WEB-27."""
    for name in ("a fault of ours", "the database away", "the database away, by API"):
        answer = answers[name]
        assert answer.headers["X-Request-Id"]
        for detail in ("Traceback", "RuntimeError", "OperationalError", "select", "a fault of ours", ".py"):
            assert detail not in answer.text, (name, detail)
    assert answers["the database away"].headers["Retry-After"]


def test_a_method_that_is_not_meant_is_refused_and_names_those_that_are(app: Flask) -> None:
    """WEB-27."""
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        answer = app.test_client().open("/login", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST"), method


def test_over_tls_browsers_are_told_to_stay_there_for_a_year(make_app: Made) -> None:
    """SES-20."""
    client = make_app(public_url=HTTPS).test_client()
    for path in ("/login", "/nowhere", "/api/nowhere", "/static/portal.css"):
        assert (
            client.get(path, buffered=True).headers["Strict-Transport-Security"]
            == "max-age=31536000; includeSubDomains"
        )


def test_without_tls_nothing_is_said_about_it(app: Flask) -> None:
    assert "Strict-Transport-Security" not in app.test_client().get("/login").headers


@pytest.mark.parametrize("public_url", [HTTPS, "http://127.0.0.1:8000"], ids=["https", "loopback"])
def test_every_cookie_is_locked_to_this_host_and_out_of_the_reach_of_scripts(
    make_app: Made, outbox: MailSink, public_url: str
) -> None:
    """SES-02: all cookies that a whole walk sets."""
    secure = public_url == HTTPS
    seen = {}
    for answer in walk(BrowserDriver(make_app(public_url=public_url), outbox)):
        for name, cookie in cookies_of(answer).items():
            seen[name] = cookie
            assert name.startswith("__Host-") is secure, name
            assert bool(cookie["secure"]) is secure, name
            assert cookie["httponly"], name
            assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", ""), name
            assert len(cookie.OutputString()) < 4096, name
            assert int(cookie["max-age"] or 0) <= 400 * 86_400, name
    assert len(seen) == 6, seen


def test_no_cookie_says_who_somebody_is(make_app: Made, outbox: MailSink) -> None:
    """SES-01: neither as it stands nor decoded."""
    for answer in walk(BrowserDriver(make_app(public_url=HTTPS), outbox)):
        for name, cookie in cookies_of(answer).items():
            texts = [cookie.value, *decoded(cookie.value)]
            # Words that a random value cannot hold by chance.
            for word in ("ada@", "lovelace", "example.com"):
                assert not [text for text in texts if word.lower() in text.lower()], (name, texts)


def walk(browser: BrowserDriver) -> list[TestResponse]:
    """The answers of a whole visit: another language, sign-in, registration, sign-out."""
    answers = [browser.get("/login?lang=en"), browser.ask(ADA), browser.get("/login/code")]
    answers += [browser.post("/login", {"email": ADA}), browser.get("/login/code")]
    answers += [browser.enter(browser.code_sent_to(ADA)), browser.get("/register")]
    answers += [browser.post("/register", NAMES), browser.get("/account"), browser.post("/logout", {})]
    assert [answer.status_code for answer in answers] == [200, 303, 200, 303, 200, 303, 200, 303, 200, 303]
    return answers


def decoded(value: str) -> list[str]:
    """What the parts of a cookie say in base64, packed or not."""
    texts = []
    for position, part in enumerate(value.lstrip(".").split(".")):
        plain = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        is_packed = position == 0 and value.startswith(".")
        texts.append((zlib.decompress(plain) if is_packed else plain).decode("latin-1"))
    return texts


TOKENS: dict[str, Callable[[BrowserDriver], str]] = {
    "no token": lambda _other: "",
    "a made-up token": lambda _other: "IjEi.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "the token of another browser": lambda other: other.hidden("csrf_token") or "",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_form_is_refused_with(app: Flask, outbox: MailSink, token: Callable[[BrowserDriver], str]) -> None:
    """SES-16, all forms; nothing happens."""
    browser, other = BrowserDriver(app, outbox), BrowserDriver(app, outbox)
    other.get("/login")
    browser.get("/login")
    forms = {"/login": {"email": ADA}, "/login/code": {"code": "1234"}, "/register": NAMES, "/logout": {}}
    for path, fields in forms.items():
        assert browser.post(path, {**fields, "csrf_token": token(other)}).status_code == 403, path
        assert "allow cookies" in browser.page
    assert outbox.messages == []


SITES = {
    "a form of ours": ({"Sec_Fetch_Site": "same-origin"}, 303),
    "a form of ours, with its origin": ({"Sec_Fetch_Site": "same-origin", "Origin": "http://127.0.0.1:8000"}, 303),
    "a form of ours, under no-referrer": ({"Sec_Fetch_Site": "same-origin", "Origin": "null"}, 303),
    "a person's own doing": ({"Sec_Fetch_Site": "none"}, 303),
    "another site": ({"Sec_Fetch_Site": "cross-site"}, 403),
    "another host of our domain": ({"Sec_Fetch_Site": "same-site"}, 403),
    "another site that hides its origin": ({"Sec_Fetch_Site": "cross-site", "Origin": "null"}, 403),
    "an old browser": ({}, 303),
    "an old browser, under no-referrer": ({"Origin": "null"}, 303),
    "an old browser, our origin": ({"Origin": "http://127.0.0.1:8000"}, 303),
    "an old browser, another origin": ({"Origin": "https://evil.example"}, 403),
    "an old browser, another port": ({"Origin": "http://127.0.0.1:8001"}, 403),
    "an old browser, a longer name": ({"Origin": "http://127.0.0.1:8000.evil.example"}, 403),
}


def test_where_a_form_was_sent_from_decides_even_with_a_good_token(app: Flask, outbox: MailSink) -> None:
    """SES-16."""
    for name, (headers, status) in SITES.items():
        browser = BrowserDriver(app, outbox)
        browser.get("/login")
        assert browser.post("/login", {"email": ADA}, **headers).status_code == status, name


def test_a_form_that_was_open_while_the_secret_was_changed_still_works(make_app: Made, outbox: MailSink) -> None:
    """Contract, section 1 (SECRET_KEY_FALLBACKS): nobody is sent back by a rotation."""
    before = make_app(secret_key="o" * 40)
    after = make_app(secret_key="n" * 40, secret_key_fallbacks="o" * 40)
    browser = BrowserDriver(before, outbox)
    browser.ask(ADA)
    renewed = BrowserDriver(after, outbox)
    renewed.page = browser.page
    for name in ("portal-form", "portal-browser"):
        renewed.client.set_cookie(name, browser.cookie(name) or "")
    assert renewed.enter(browser.code_sent_to(ADA)).location == "/register"
