"""oidc-client-ts, the library of many single-page apps, signs people in from a page in Chromium."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import environment, unavailable
from tests.support.chromium import HARMLESS
from tests.support.letters import code_in
from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port
from tests.support.relying_apps import register
from tests.support.smtp import MailSink

NODE = ROOT / "tests" / "node"
LIBRARY = NODE / "node_modules" / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal whose issuer is where it listens."""
    port = free_port()
    url = f"sqlite:///{tmp_path_factory.mktemp('spa') / 'portal.db'}"
    with PortalProcess(environment(url, sink.url, public_url=f"http://127.0.0.1:{port}"), port=port) as running:
        yield running


@pytest.fixture(scope="module")
def spa(portal: PortalProcess) -> Iterator[str]:
    """The page's own server, and the page registered as a public app."""
    if not LIBRARY.exists():
        unavailable("no oidc-client-ts: Node.js and npm are needed")
    port = free_port()
    here = f"http://127.0.0.1:{port}/spa.html"
    words = ["--name", "Page", "--public", "--redirect-uri", here, "--post-logout-redirect-uri", here]
    client = register(portal, *words, "--access-token-ttl", "30s")
    task = {"issuer": portal.url, "clientId": client["client_id"]}
    files = {
        "/spa.html": ("text/html", (NODE / "spa.html").read_bytes()),
        "/oidc-client-ts.js": ("text/javascript", LIBRARY.read_bytes()),
        "/task.json": ("application/json", json.dumps(task).encode()),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files[self.path.partition("?")[0]]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def person(chromium: Browser) -> Iterator[BrowserContext]:
    """A new person's browser; nothing may be said in its console."""
    context = chromium.new_context(locale="en-US")
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    assert [text for text in complaints if not any(known in text for known in HARMLESS)] == []


def sign_in(page: Page, outbox: MailSink, email: str) -> None:
    """A new person's way through the portal's pages; the app is allowed in the end."""
    page.locator("[name=email]").fill(email)
    page.locator("main .button").click()
    page.wait_for_url("**/login/code**")
    page.locator("[name=code]").fill(code_in(outbox.sent_to(email)[-1]))
    page.wait_for_url("**/register**")
    page.locator("[name=first_name]").fill("Ada")
    page.locator("[name=last_name]").fill("Lovelace")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    page.get_by_role("button", name="Allow", exact=True).click()


def test_a_page_signs_in_renews_silently_and_signs_out(person: BrowserContext, spa: str, outbox: MailSink) -> None:
    page = person.new_page()
    page.goto(spa)
    expect(page.locator("#status")).to_have_text("out")
    page.locator("#in").click()
    sign_in(page, outbox, "spa@example.com")
    expect(page.locator("#status")).to_have_text("in: Ada Lovelace, spa@example.com")
    page.locator("#renew").click()
    expect(page.locator("#status")).to_have_text("renewed")
    page.locator("#keep").click()
    expect(page.locator("#status")).to_have_text("renewed by itself", timeout=15_000)
    page.locator("#out").click()
    expect(page.locator("#status")).to_have_text("out")
    page.locator("#in").click()
    expect(page.locator("[name=email]")).to_be_visible()


def test_a_page_signs_in_in_a_window_of_its_own(person: BrowserContext, spa: str, outbox: MailSink) -> None:
    page = person.new_page()
    page.goto(spa)
    expect(page.locator("#status")).to_have_text("out")  # until then its buttons do nothing
    with page.expect_popup() as opened:
        page.locator("#popup").click()
    sign_in(opened.value, outbox, "window@example.com")
    expect(page.locator("#status")).to_have_text("in: Ada Lovelace, window@example.com")
