"""What tests with a real proxy share: the app behind it, the portal beside it, and how people come through."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from auth_portal.oidc.forward_auth import IDENTITY_HEADERS
from auth_portal.settings import ROOT
from tests.support.letters import code_in
from tests.support.portal import PortalProcess
from tests.support.proxies import ProxyProcess
from tests.support.smtp import MailSink
from tests.support.walker import Page as Walked
from tests.support.walker import Walker

IDENTITY = set(IDENTITY_HEADERS)
FORGED = {
    "X-Original-URL": "/assets/x",
    "X-Original-Method": "HEAD",
    "X-Forwarded-Uri": "/assets/x",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Method": "POST",
}
"""What a browser would say to be taken for another request."""
_numbers = itertools.count()


class Echo(BaseHTTPRequestHandler):
    """The app: knows no sign-in, and shows what it was sent."""

    def do_GET(self) -> None:
        """Any method: the request as a page that holds JSON."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers.items())}
        body = f"<!doctype html><title>Wiki</title><pre>{json.dumps(told)}</pre>".encode()
        self.send_response(401 if self.path == "/of-the-app" else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the library's name

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def echoing(port: int) -> Iterator[None]:
    """The app, running."""
    app = ThreadingHTTPServer(("127.0.0.1", port), Echo)
    Thread(target=app.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        app.shutdown()
        app.server_close()


@dataclass
class Edge:
    """The portal, and the sites behind a proxy."""

    portal: PortalProcess
    wiki: str
    sink: MailSink
    proxy: ProxyProcess
    files: str = ""

    def code_for(self, email: str) -> str:
        """The code of the newest letter."""
        return code_in(self.sink.sent_to(email)[-1])

    def sign_in(self, walker: Walker, page: Walked, email: str) -> Walked:
        """Go on from the sign-in page, as a new person, to where it ends."""
        assert page.url.startswith(f"{self.portal.url}/login"), (page.url, page.text)
        request = {"request": page.hidden("request")}
        page = walker.post(page, "/login", {"email": email, **request})
        code = {"code": self.code_for(email), "challenge": page.hidden("challenge")}
        page = walker.post(page, "/login/code", code | request)
        names = {"first_name": "Zoë", "last_name": "Lovelace", "terms": "y"}
        return walker.post(page, "/register", names | {"request": page.hidden("request")})


def documented(language: str, changes: dict[str, str]) -> str:
    """The one block of docs/forward-auth.md in this language, with the hosts and ports of a test."""
    document = (ROOT / "docs" / "forward-auth.md").read_text("utf-8")
    (block,) = re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)
    for text, change in changes.items():
        assert block.count(text) == 1, text
        block = block.replace(text, change)
    return str(block)


def someone() -> str:
    """An address that nobody else has."""
    return f"edge{os.getpid()}.{next(_numbers)}@example.com"


@pytest.fixture
def email(edge: Edge) -> str:
    """An address that nobody else has, and a relay without a fault."""
    edge.sink.fault = None
    return someone()


def told(text: str) -> Any:
    """What the app says that it was sent."""
    return json.loads(re.search(r"<pre>(.*)</pre>", text)[1])  # type: ignore[index]


def check_identity(edge: Edge, walker: Walker, email: str) -> None:
    """A new person signs in, comes back to the page, and the app is told who it is."""
    page = edge.sign_in(walker, walker.get(f"{edge.wiki}/notes?page=2&q=a%20b"), email)
    assert (page.status, page.url) == (200, f"{edge.wiki}/notes?page=2&q=a%20b")
    request = told(page.text)
    assert request["path"] == "/notes?page=2&q=a%20b"
    headers = {name: value for name, value in request["headers"].items() if name in IDENTITY}
    user = headers["Remote-User"]
    assert re.fullmatch(r"[\w-]{10,}", user)
    assert headers == {
        "Remote-User": user,
        "Remote-Name": "Zo%C3%AB Lovelace",
        "Remote-Email": email,
        "X-Auth-Request-User": user,
        "X-Auth-Request-Email": email,
    }
    assert set(walker.cookies["wiki.localhost"]) == {"auth-portal-site", "auth-portal-nonce"}


def check_forgeries(edge: Edge, email: str) -> None:
    """Identity that a browser claims never reaches the app, in no spelling that some server takes for the same."""
    spellings = {name.replace("-", "_") for name in IDENTITY} | {"X-Auth_Request-User", "X_Auth-Request_Email"}
    walker = Walker()
    for forged in (dict.fromkeys(IDENTITY, "root"), dict.fromkeys(spellings, "root")):
        page = walker.send("GET", f"{edge.wiki}/assets/x", forged)
        assert page.status == 200
        headers = told(page.text)["headers"]
        assert {value for name, value in headers.items() if name.replace("_", "-") in IDENTITY} <= {""}
        assert "root" not in headers.values()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    for name in (*IDENTITY, *spellings):
        headers = told(walker.send("GET", f"{edge.wiki}/", {name: "root"}).text)["headers"]
        assert headers["Remote-Email"] == email
        assert "root" not in headers.values(), name


def check_guard(edge: Edge) -> None:
    """A browser cannot tell the portal about another request, and a script's call gets no page."""
    for forged in ({}, FORGED, *({name: value} for name, value in FORGED.items())):
        page = Walker().send("GET", f"{edge.wiki}/private", forged)
        assert (page.status, page.headers["Location"].partition("?")[0]) == (
            303,
            f"{edge.portal.url}/oauth/authorize",
        )
    assert Walker().send("GET", f"{edge.wiki}/assets/../private").status == 303
    for method, headers in (("POST", {}), ("GET", {"Sec-Fetch-Mode": "cors"}), ("GET", {"Accept": "image/*"})):
        page = Walker().send(method, f"{edge.wiki}/api", headers, "a=b" if method == "POST" else None)
        assert (page.status, page.headers["Location"], page.headers["Set-Cookie"]) == (401, None, None)


def check_post(edge: Edge, email: str) -> None:
    """A POST passes with its body, and the app's own 401 too."""
    walker = Walker()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    page = walker.send("POST", f"{edge.wiki}/api", {"Sec-Fetch-Site": "same-origin"}, "a" * 100_000)
    assert (page.status, told(page.text)["method"]) == (200, "POST")
    page = walker.send("GET", f"{edge.wiki}/of-the-app")
    assert (page.status, "<pre>" in page.text) == (401, True)
