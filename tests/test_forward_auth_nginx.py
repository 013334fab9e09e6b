"""The nginx configuration of docs/forward-auth.md in a real nginx, before a site of files and an app."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from auth_portal.settings import ROOT
from tests.conftest import environment, unavailable
from tests.support.letters import code_in
from tests.support.nginx import NginxProcess, NginxUnavailable
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.smtp import MailSink
from tests.support.walker import Page as Walked
from tests.support.walker import Walker

IDENTITY = {"Remote-User", "Remote-Name", "Remote-Email", "X-Auth-Request-User", "X-Auth-Request-Email"}
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


@dataclass
class Edge:
    """The portal, and the two sites behind nginx."""

    portal: PortalProcess
    wiki: str
    files: str
    sink: MailSink
    nginx: NginxProcess

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


def documented_server(site: str, port: int, portal: PortalProcess, app_port: int) -> str:
    """The server block of the document, with the hosts and ports of this test."""
    document = (ROOT / "docs" / "forward-auth.md").read_text("utf-8")
    blocks = re.findall(r"```nginx\n(.*?)```", document, re.DOTALL)
    assert len(blocks) == 1
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "server_name wiki.example;": f"server_name {site.partition('://')[2].partition(':')[0]};",
        "    ssl_certificate     /etc/ssl/wiki.example.pem;\n": "",
        "    ssl_certificate_key /etc/ssl/wiki.example.key;\n": "",
        "https://wiki.example$request_uri": f"{site}$request_uri",
        "http://127.0.0.1:8000/": f"{portal.url}/",
        "http://127.0.0.1:9000;": f"http://127.0.0.1:{app_port};",
    }
    block = str(blocks[0])
    for text, change in changes.items():
        assert block.count(text) == 1, text
        block = block.replace(text, change)
    return block


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Edge]:
    """A portal, an app, and nginx before it and before a folder of files."""
    port, wiki_port, files_port, app_port = (free_port() for _ in range(4))
    wiki, files = f"http://wiki.localhost:{wiki_port}", f"http://files.localhost:{files_port}"
    directory = tmp_path_factory.mktemp("edge")
    (directory / "files" / "folder").mkdir(parents=True)
    for name in ("index.html", "folder/index.html", "report.txt"):
        (directory / "files" / name).write_text(f"<title>{name}</title>", "utf-8")
    settings = environment(f"sqlite:///{directory}/portal.db", sink.url, public_url=f"http://127.0.0.1:{port}")
    app = ThreadingHTTPServer(("127.0.0.1", app_port), Echo)
    Thread(target=app.serve_forever, args=(0.02,), daemon=True).start()
    with PortalProcess(settings, port=port) as portal:
        register(portal, "--site", wiki, "--allow", "*@example.com", "--public-path", "/assets/")
        register(portal, "--site", files)
        of_files = documented_server(files, files_port, portal, app_port)
        of_files = re.sub(
            r"location / \{.*?\n    \}", f"location / {{ root {directory}/files; }}", of_files, flags=re.S
        )
        servers = documented_server(wiki, wiki_port, portal, app_port) + of_files
        try:
            with NginxProcess(servers, wiki_port, files_port) as nginx:
                yield Edge(portal, wiki, files, sink, nginx)
                assert not re.findall(r".*(?:auth request|upstream|\[crit\]|\[alert\]).*", nginx.log_text())
        except NginxUnavailable as error:
            unavailable(str(error))
        finally:
            app.shutdown()
            app.server_close()


def register(portal: PortalProcess, *options: str) -> None:
    """Register a site, as an operator does while the portal runs."""
    command = [sys.executable, "-m", "auth_portal.cli", "client", "create", "--name", "Wiki", *options]
    subprocess.run(command, cwd=ROOT, env=portal.env, check=True, capture_output=True)


@pytest.fixture
def email(edge: Edge) -> str:
    """An address that nobody else has."""
    edge.sink.fault = None
    return f"edge{os.getpid()}.{next(_numbers)}@example.com"


def told(text: str) -> Any:
    """What the app says that it was sent."""
    return json.loads(re.search(r"<pre>(.*)</pre>", text)[1])  # type: ignore[index]


def test_a_person_signs_in_and_the_app_is_told_who_it_is(edge: Edge, email: str) -> None:
    walker = Walker()
    page = walker.get(f"{edge.wiki}/notes?page=2")
    page = edge.sign_in(walker, page, email)
    assert (page.status, page.url) == (200, f"{edge.wiki}/notes?page=2")
    request = told(page.text)
    assert request["path"] == "/notes?page=2"
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


def test_headers_of_the_browser_never_reach_the_app(edge: Edge, email: str) -> None:
    forged = dict.fromkeys([*IDENTITY, "remote_user"], "root")
    walker = Walker()
    page = walker.send("GET", f"{edge.wiki}/assets/x", forged)
    assert page.status == 200
    assert not IDENTITY & {name.title().replace("_", "-") for name in told(page.text)["headers"]}
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    headers = told(walker.send("GET", f"{edge.wiki}/", forged).text)["headers"]
    assert headers["Remote-Email"] == email
    assert "root" not in headers.values()


FORGED = {
    "X-Original-URL": "/assets/x",
    "X-Original-Method": "HEAD",
    "X-Forwarded-Uri": "/assets/x",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Method": "POST",
}


def test_a_browser_cannot_tell_the_portal_about_another_request(edge: Edge) -> None:
    for forged in ({}, FORGED, *({name: value} for name, value in FORGED.items()), {"Host": "files.localhost"}):
        page = Walker().send("GET", f"{edge.wiki}/private", forged)
        assert (page.status, page.headers["Location"].partition("?")[0]) == (
            303,
            f"{edge.portal.url}/oauth/authorize",
        )
    assert Walker().send("GET", f"{edge.wiki}/assets/../private").status == 303
    assert Walker().send("GET", f"{edge.wiki}/.auth-portal/ask").status == 404


def test_an_api_call_gets_401_and_no_page(edge: Edge) -> None:
    for method, headers in (("POST", {}), ("GET", {"Sec-Fetch-Mode": "cors"}), ("GET", {"Accept": "image/*"})):
        page = Walker().send(method, f"{edge.wiki}/api", headers, "a=b" if method == "POST" else None)
        assert (page.status, page.headers["Location"], page.headers["Set-Cookie"]) == (401, None, None)


def test_a_post_passes_with_its_body_and_the_apps_own_401_too(edge: Edge, email: str) -> None:
    walker = Walker()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    page = walker.send("POST", f"{edge.wiki}/api", {"Sec-Fetch-Site": "same-origin"}, "a" * 100_000)
    assert (page.status, told(page.text)["method"]) == (200, "POST")
    page = walker.send("GET", f"{edge.wiki}/of-the-app")
    assert (page.status, "<pre>" in page.text) == (401, True)


def test_who_may_use_one_site_is_refused_at_another(edge: Edge) -> None:
    """Not on the list: the portal says so; with a cookie from before, the site does."""
    walker = Walker()
    page = edge.sign_in(walker, walker.get(f"{edge.files}/"), f"e{next(_numbers)}@elsewhere.example")
    assert page.status == 200
    page = walker.get(f"{edge.wiki}/")
    assert (page.status, page.url.startswith(edge.portal.url)) == (403, True)
    stolen = walker.cookies["files.localhost"]
    walker.cookies["wiki.localhost"] = dict(stolen)
    assert walker.send("POST", f"{edge.wiki}/").status == 401


def test_a_folder_of_files_is_guarded_too(edge: Edge, email: str) -> None:
    """nginx asks twice where it looks for an index."""
    walker = Walker()
    page = edge.sign_in(walker, walker.get(f"{edge.files}/folder/"), email)
    assert (page.status, page.url) == (200, f"{edge.files}/folder/")
    assert "folder/index.html" in page.text
    assert walker.get(f"{edge.files}/report.txt").status == 200
    assert walker.get(f"{edge.files}/missing").status == 404
    assert Walker().send("GET", f"{edge.files}/report.txt").status == 303


def test_sign_out_at_the_site_and_at_the_portal(edge: Edge, email: str) -> None:
    walker = Walker()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    assert walker.get(f"{edge.files}/").url == f"{edge.files}/"
    page = walker.get(f"{edge.wiki}/.auth-portal/sign-out")
    assert page.url.startswith(f"{edge.portal.url}/oauth/logout/")
    assert "auth-portal-site" not in walker.cookies["wiki.localhost"]
    assert walker.send("POST", f"{edge.files}/").status == 405
    walker.post(page, page.url, {})
    assert walker.send("POST", f"{edge.files}/").status == 401
    assert walker.get(f"{edge.wiki}/").url.startswith(f"{edge.portal.url}/login")


def test_a_long_address_fits_into_nginx_buffers(edge: Edge, email: str) -> None:
    walker = Walker()
    noise = "".join(f"{number * 7919:x}" for number in range(2_000))
    page = edge.sign_in(walker, walker.get(f"{edge.wiki}/n?{noise[:1_020]}"), email)
    assert page.url == f"{edge.wiki}/n?{noise[:1_020]}"
    assert Walker().send("GET", f"{edge.wiki}/n?{noise[:4_000]}").status == 303


def test_a_browser_signs_in_in_two_tabs(edge: Edge, chromium: Browser, email: str) -> None:
    context = chromium.new_context(locale="en-US")
    context.set_default_timeout(15_000)
    first, second = context.new_page(), context.new_page()
    for number, tab in enumerate((first, second)):
        tab.goto(f"{edge.wiki}/tab{number}")
        tab.wait_for_url("**/login?*")
    first.locator("[name=email]").fill(email)
    first.locator("main .button").click()
    first.wait_for_url("**/login/code*")
    first.locator("[name=code]").press_sequentially(edge.code_for(email))
    first.wait_for_url("**/register*")
    for field, value in (("first_name", "Ada"), ("last_name", "Lovelace")):
        first.locator(f"[name={field}]").fill(value)
    first.locator("[name=terms]").check()
    first.locator("main .button").click()
    first.wait_for_url(f"{edge.wiki}/tab0")
    assert told(first.content())["headers"]["Remote-Email"] == email
    second.goto(f"{edge.wiki}/tab1")
    assert told(second.content())["headers"]["Remote-Name"] == "Ada Lovelace"
    assert _fetched(second, "/api") == 200
    second.goto(f"{edge.wiki}/.auth-portal/sign-out")
    second.locator("main form .button").first.click()
    second.wait_for_url("**/oauth/logout/*")
    assert _fetched(first, "/api") == 401
    first.reload()
    first.wait_for_url("**/login?*")
    context.close()


def _fetched(page: Page, path: str) -> int:
    """The status that a script of the page gets for a POST."""
    return int(page.evaluate("path => fetch(path, {method: 'POST', body: 'x'}).then(answer => answer.status)", path))
