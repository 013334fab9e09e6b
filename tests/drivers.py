"""How tests act: as a JSON caller and as a browser without JavaScript, both through Flask's own client."""

from __future__ import annotations

import re
from copy import copy
from html import unescape
from http.cookies import Morsel, SimpleCookie
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.letters import code_in
from tests.support.smtp import MailSink

AUTH = "/api/v1/auth"


class ApiDriver:
    """A JSON caller at ``address``; remembers nothing between calls."""

    def __init__(self, app: Flask, outbox: MailSink, address: str = "127.0.0.1") -> None:
        self.app = app
        self.outbox = outbox
        self.address = address

    def at(self, address: str) -> ApiDriver:
        """The same caller from another network."""
        return ApiDriver(self.app, self.outbox, address)

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> TestResponse:
        """Send one request. ``path`` counts from /api/v1/auth unless it begins with a slash; bytes go as they are."""
        url = path if path.startswith("/") else f"{AUTH}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["Authorization"] = f"Bearer {token}"
        options: dict[str, Any] = {"headers": named, "environ_base": {"REMOTE_ADDR": self.address}}
        if isinstance(body, bytes):
            options |= {"data": body, "content_type": named.pop("Content-Type", "application/json")}
        elif body is not None:
            options["json"] = body
        return self.app.test_client(use_cookies=False).open(url, method=method, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """POST."""
        return self.call("POST", path, body, **options)

    def send(self, email: str = "ada@example.com", **extra: Any) -> TestResponse:
        """Ask for a code."""
        return self.post("send-otp-email", {"email": email, **extra})

    def login(self, email: str, code: str, **extra: Any) -> TestResponse:
        """Try a code."""
        return self.post("login-otp-email", {"email": email, "code": code, **extra})

    def code_sent_to(self, email: str) -> str:
        """The code of the newest letter to this address."""
        return code_in(self.outbox.sent_to(email)[-1])

    def proven(self, email: str = "ada@example.com") -> dict[str, Any]:
        """The data of a login with the right code."""
        sent = self.send(email)
        assert sent.status_code == 201, sent.text
        answer = self.login(email, self.code_sent_to(email))
        assert answer.status_code == 200, answer.text
        return data_of(answer)

    def register(self, email: str = "ada@example.com", first: str = "Ada", last: str = "Lovelace") -> dict[str, Any]:
        """The data of a complete registration of a new person."""
        token = self.proven(email)["registrationToken"]
        body = {"firstName": first, "lastName": last, "acceptTerms": True}
        answer = self.post("complete-registration", body, token=token)
        assert answer.status_code == 201, answer.text
        return data_of(answer)


class BrowserDriver:
    """A browser: keeps cookies, reads forms, never runs scripts. Does not follow redirects by itself."""

    def __init__(self, app: Flask, outbox: MailSink, address: str = "127.0.0.1", language: str = "en") -> None:
        self.client = app.test_client()
        self.outbox = outbox
        self.headers = {"Accept-Language": language, "User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}
        self.environ = {"REMOTE_ADDR": address}
        self.page = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        """Open a page."""
        return self._keep(self.client.get(path, headers={**self.headers, **headers}, environ_base=self.environ))

    def post(self, path: str, fields: dict[str, str], **headers: str) -> TestResponse:
        """Post a form with the CSRF token of the last page."""
        data = {"csrf_token": self.hidden("csrf_token") or "", **fields}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._keep(
            self.client.post(path, data=data, headers={**self.headers, **named}, environ_base=self.environ)
        )

    def hidden(self, name: str) -> str | None:
        """The value of a hidden field of the last page."""
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.page)
        return unescape(found[1]) if found else None

    def ask(self, email: str) -> TestResponse:
        """Enter an address on the first page; stands on the code page if that went well."""
        self.get("/login")
        answer = self.post("/login", {"email": email})
        if answer.status_code == 303:
            self.get(answer.location)
        return answer

    def enter(self, code: str) -> TestResponse:
        """Enter a code on the page that is open."""
        return self.post("/login/code", {"code": code, "challenge": self.hidden("challenge") or ""})

    def code_sent_to(self, email: str) -> str:
        """The code of the newest letter to this address."""
        return code_in(self.outbox.sent_to(email)[-1])

    def prove(self, email: str) -> TestResponse:
        """Ask for a code and enter it."""
        self.ask(email)
        return self.enter(self.code_sent_to(email))

    def register(self, email: str, first: str = "Ada", last: str = "Lovelace") -> TestResponse:
        """Prove an address and complete the registration; stands on the account page."""
        self.get(self.prove(email).location)
        answer = self.post("/register", {"first_name": first, "last_name": last, "terms": "y"})
        self.get(answer.location)
        return answer

    def another_tab(self) -> BrowserDriver:
        """A second tab of this browser: the same cookies, a page of its own."""
        tab = copy(self)
        tab.page = ""
        return tab

    def follow(self, answer: TestResponse) -> TestResponse:
        """Go where a redirect points."""
        return self.get(answer.location)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that this browser holds."""
        found = self.client.get_cookie(name)
        return found.value if found else None

    @property
    def title(self) -> str:
        """The title of the last page."""
        return _words(self.page, r"<title>(.*?)</title>")

    @property
    def heading(self) -> str:
        """The first heading that the last page shows."""
        return _words(self.page, r"<h1[^>]*>(.*?)</h1>")

    @property
    def notice(self) -> str:
        """What the last page tells above its form."""
        return _words(self.page, r'<p class="notice[^>]*>(.*?)</p>')

    def error(self, field: str) -> str:
        """The error that stands under a field of the last page."""
        return _words(self.page, rf'<p class="error" id="{field}-error">(.*?)</p>')

    def value(self, field: str) -> str | None:
        """What a field of the last page holds."""
        tag = re.search(rf'<input[^>]*name="{field}"[^>]*>', self.page)
        found = re.search(r'value="([^"]*)"', tag[0]) if tag else None
        return unescape(found[1]) if found else None

    def _keep(self, answer: TestResponse) -> TestResponse:
        if answer.mimetype == "text/html" and answer.status_code != 303:
            self.page = answer.text
        return answer


def data_of(answer: TestResponse) -> dict[str, Any]:
    """The ``data`` member of an envelope."""
    body = answer.json
    assert body is not None
    data: dict[str, Any] = body["data"]
    return data


def outcome(answer: TestResponse) -> tuple[int, str | None]:
    """The status of an answer and the reason in its X-Error-Code; no reason where nothing was refused."""
    return answer.status_code, answer.headers.get("X-Error-Code")


def wrong_code(code: str, step: int = 1) -> str:
    """A code of the same length that is wrong; another one for each ``step``."""
    return str((int(code) + step) % 10 ** len(code)).zfill(len(code))


def cookies_of(answer: TestResponse) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets, with their attributes."""
    cookies: SimpleCookie = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        cookies.load(header)
    return dict(cookies)


def _words(page: str, pattern: str) -> str:
    """The words of the first match without its tags; empty where there is none."""
    found = re.search(pattern, page, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""
