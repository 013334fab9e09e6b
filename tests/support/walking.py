"""A person who signs in on the portal's pages by HTTP, on the way to an app."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode, urljoin, urlsplit

from tests.support.letters import code_in
from tests.support.smtp import MailSink
from tests.support.walker import Page, Walker


class Stroller:
    """Walks where an app sends it, up to the app's address, which it only tells."""

    def __init__(self, portal: str, outbox: MailSink, email: str) -> None:
        self._walker = Walker()
        self._portal, self._outbox, self._email = portal, outbox, email

    def go(self, url: str) -> str:
        """Open an address of the portal, and do what its pages want; the address of the app that it leads to."""
        page = self._stay("GET", url)
        for _ in range(12):
            if isinstance(page, str):
                return page
            page = self._answer(page)
        raise AssertionError("the pages lead nowhere")

    def connect(self, url: str) -> Page:
        """Connect a device."""
        page = self._stay("GET", url)
        while isinstance(page, Page) and "user_code" not in page.text:
            page = self._answer(page)
        assert isinstance(page, Page)
        shown = re.search(r'name="user_code" value="([^"]*)"', page.text)
        assert shown is not None
        page = self._form(page, "/device", user_code=shown[1])
        assert isinstance(page, Page)
        page = self._form(page, "/device/answer", answer="allow", user_code=page.hidden("user_code"))
        assert isinstance(page, Page)
        return page

    def _answer(self, page: Page) -> Page | str:
        path = urlsplit(page.url).path
        if path == "/login":
            return self._form(page, page.url, email=self._email)
        if path == "/login/code":
            code = code_in(self._outbox.sent_to(self._email)[-1])
            return self._form(page, page.url, code=code, challenge=page.hidden("challenge"))
        if path == "/register":
            names = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
            return self._form(page, page.url, **names, registration=page.hidden("registration"))
        if path.startswith("/oauth/consent/"):
            return self._form(page, page.url, answer="allow")
        raise AssertionError((path, page.status, re.findall(r"<h1[^>]*>(.*?)</h1>", page.text)))

    def _form(self, page: Page, action: str, **fields: str) -> Page | str:
        values = {"csrf_token": page.hidden("csrf_token"), "request": page.hidden("request"), **fields}
        return self._stay("POST", urljoin(page.url, action), urlencode(values))

    def _stay(self, method: str, url: str, body: str | None = None) -> Page | str:
        """Follow redirects within the portal; the address where they leave it."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        while True:
            page = self._walker.send(method, url, kind, body)
            if page.status not in (302, 303):
                return page
            url = unescape(urljoin(url, page.headers["Location"]))
            if not url.startswith(f"{self._portal}/"):
                return url
            method, body, kind = "GET", None, {}
