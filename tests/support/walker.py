"""Owns an HTTP client that walks between hosts of this machine as a browser would: their cookies, redirects."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from email.message import Message
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

_MOST_STEPS = 20
_PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Accept-Language": "en"}


@dataclass(frozen=True)
class Page:
    """Where a walk ended, and what was there."""

    url: str
    status: int
    headers: Message
    text: str

    def hidden(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.text)
        return unescape(found[1]) if found else ""


class Walker:
    """Every host name is 127.0.0.1 to it. Cookies are kept by host name, on all ports, as browsers do."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}
        self.steps: list[str] = []

    def get(self, url: str, **headers: str) -> Page:
        """Open a page. In the names of headers ``_`` stands for a hyphen."""
        return self.walk("GET", url, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, page: Page, action: str, fields: dict[str, str]) -> Page:
        """Send a form of a page, with its token."""
        body = urlencode({"csrf_token": page.hidden("csrf_token"), **fields})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.walk("POST", urljoin(page.url, action), kind, body)

    def walk(self, method: str, url: str, headers: dict[str, str], body: str | None = None) -> Page:
        """Send a request and go where redirects lead."""
        self.steps = []
        for _ in range(_MOST_STEPS):
            page = self.send(method, url, headers, body)
            self.steps.append(url)
            if page.status not in (302, 303):
                return page
            method, url, headers, body = "GET", urljoin(url, page.headers["Location"]), {}, None
        raise AssertionError(f"no end: {self.steps[-4:]}")

    def send(self, method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None) -> Page:
        """Send one request and stay."""
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.hostname or "", {})
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=20)
        try:
            target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            connection.request(method, target, body, {"Host": parts.netloc, **_PAGE, **cookie, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for line in answer.msg.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                jar[name] = morsel.value
                if morsel["max-age"] == "0":
                    del jar[name]
        return Page(url, answer.status, answer.msg, text)
