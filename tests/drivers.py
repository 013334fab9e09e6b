"""How tests act: as a JSON caller and as a browser without JavaScript, both through Flask's own client."""

from __future__ import annotations

import re
from copy import copy
from html import unescape
from http.cookies import Morsel, SimpleCookie
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.outboxes import Outbox, is_number, number_of

AUTH = "/api/v1/auth"


class ApiDriver:
    """A JSON caller at ``address``; remembers nothing between calls.

    With ``channel="sms"`` it goes to the phone doors: whom a test calls by an address, it knows by a number.
    """

    def __init__(self, app: Flask, outbox: Outbox, address: str = "127.0.0.1", channel: str = "email") -> None:
        self.app = app
        self.outbox = outbox
        self.address = address
        self.channel = channel

    def at(self, address: str) -> ApiDriver:
        """The same caller from another network."""
        return ApiDriver(self.app, self.outbox, address, self.channel)

    def whom(self, name: str) -> str:
        """The address or number of somebody who is called by an address or number."""
        return _whom(name, self.channel)

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

    def send(self, destination: str = "ada@example.com", **extra: Any) -> TestResponse:
        """Ask for a code, at the door for addresses or the one for numbers."""
        destination = self.whom(destination)
        if is_number(destination):
            return self.post("send-otp", {"phoneNumber": destination, **extra})
        return self.post("send-otp-email", {"email": destination, **extra})

    def login(self, destination: str, code: str, **extra: Any) -> TestResponse:
        """Try a code."""
        destination = self.whom(destination)
        if is_number(destination):
            return self.post("login-otp", {"phoneNumber": destination, "code": code, **extra})
        return self.post("login-otp-email", {"email": destination, "code": code, **extra})

    def code_sent_to(self, destination: str) -> str:
        """The code of the newest letter to this address, or text to this number."""
        return self.outbox.code_sent_to(self.whom(destination))

    def proven(self, destination: str = "ada@example.com") -> dict[str, Any]:
        """The data of a login with the right code."""
        sent = self.send(destination)
        assert sent.status_code == 201, sent.text
        answer = self.login(destination, self.code_sent_to(destination))
        assert answer.status_code == 200, answer.text
        return data_of(answer)

    def register(
        self, destination: str = "ada@example.com", first: str = "Ada", last: str = "Lovelace"
    ) -> dict[str, Any]:
        """The data of a complete registration of a new person."""
        token = self.proven(destination)["registrationToken"]
        body = {"firstName": first, "lastName": last, "acceptTerms": True}
        answer = self.post("complete-registration", body, token=token)
        assert answer.status_code == 201, answer.text
        return data_of(answer)


class BrowserDriver:
    """A browser: keeps cookies, reads forms, never runs scripts. Does not follow redirects by itself.

    With ``channel="sms"`` its person prefers the phone: whom a test calls by an address, it knows by a number.
    """

    def __init__(
        self,
        app: Flask,
        outbox: Outbox,
        address: str = "127.0.0.1",
        language: str = "en",
        channel: str = "email",
    ) -> None:
        self.client = app.test_client()
        self.outbox = outbox
        self.channel = channel
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

    def ask(self, destination: str) -> TestResponse:
        """Enter an address or a number on the first page; stands on the code page if that went well."""
        destination = _whom(destination, self.channel)
        self.get("/login?by=phone" if is_number(destination) else "/login")
        answer = self.post("/login", entry(destination))
        if answer.status_code == 303:
            self.get(answer.location)
        return answer

    def enter(self, code: str) -> TestResponse:
        """Enter a code on the page that is open."""
        return self.post("/login/code", {"code": code, "challenge": self.hidden("challenge") or ""})

    def code_sent_to(self, destination: str) -> str:
        """The code of the newest letter to this address, or text to this number."""
        return self.outbox.code_sent_to(_whom(destination, self.channel))

    def prove(self, destination: str) -> TestResponse:
        """Ask for a code and enter it."""
        self.ask(destination)
        return self.enter(self.code_sent_to(destination))

    def register(self, destination: str, first: str = "Ada", last: str = "Lovelace") -> TestResponse:
        """Prove an address or a number and complete the registration; stands on the account page."""
        self.get(self.prove(destination).location)
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


def _whom(name: str, channel: str) -> str:
    return number_of(name) if channel == "sms" and not is_number(name) else name


def entry(destination: str) -> dict[str, str]:
    """The field of the first page that this belongs in, filled."""
    return {"phone" if is_number(destination) else "email": destination}


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
