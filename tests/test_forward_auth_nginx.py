"""The nginx configuration of docs/forward-auth.md in a real nginx, before a site of files and an app."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import environment, unavailable
from tests.fronting import (
    Edge,
    check_forgeries,
    check_guard,
    check_identity,
    check_post,
    documented,
    echoing,
    email,
    someone,
    told,
)
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.proxies import NginxProcess, ProxyUnavailable
from tests.support.relying_apps import register
from tests.support.smtp import MailSink
from tests.support.walker import Walker

__all__ = ["email"]


def documented_server(site: str, port: int, portal: PortalProcess, app_port: int) -> str:
    """The server block of the document, with the hosts and ports of this test."""
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "server_name wiki.example;": f"server_name {site.partition('://')[2].partition(':')[0]};",
        "    ssl_certificate     /etc/ssl/wiki.example.pem;\n": "",
        "    ssl_certificate_key /etc/ssl/wiki.example.key;\n": "",
        "https://wiki.example$request_uri": f"{site}$request_uri",
        "http://127.0.0.1:8000/": f"{portal.url}/",
        "http://127.0.0.1:9000;": f"http://127.0.0.1:{app_port};",
    }
    return documented("nginx", changes)


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
    with echoing(app_port), PortalProcess(settings, port=port) as portal:
        register(portal, "--name", "Wiki", "--site", wiki, "--allow", "*@example.com", "--public-path", "/assets/")
        register(portal, "--name", "Wiki", "--site", files)
        of_files = documented_server(files, files_port, portal, app_port)
        of_files = re.sub(
            r"location / \{.*?\n    \}", f"location / {{ root {directory}/files; }}", of_files, flags=re.S
        )
        servers = documented_server(wiki, wiki_port, portal, app_port) + of_files
        try:
            with NginxProcess(servers, wiki_port, files_port) as nginx:
                yield Edge(portal, wiki, sink, nginx, files)
                assert not re.findall(r".*(?:auth request|upstream|\[crit\]|\[alert\]).*", nginx.log_text())
        except ProxyUnavailable as error:
            unavailable(str(error))


def test_a_person_signs_in_and_the_app_is_told_who_it_is(edge: Edge, email: str) -> None:
    check_identity(edge, Walker(), email)


def test_headers_of_the_browser_never_reach_the_app(edge: Edge, email: str) -> None:
    check_forgeries(edge, email)


def test_a_browser_cannot_tell_the_portal_about_another_request(edge: Edge) -> None:
    check_guard(edge)
    page = Walker().send("GET", f"{edge.wiki}/private", {"Host": "files.localhost"})
    assert (page.status, page.headers["Location"].startswith(edge.portal.url)) == (303, True)
    assert Walker().send("GET", f"{edge.wiki}/.auth-portal/ask").status == 404


def test_a_post_passes_with_its_body_and_the_apps_own_401_too(edge: Edge, email: str) -> None:
    check_post(edge, email)


def test_who_may_use_one_site_is_refused_at_another(edge: Edge) -> None:
    """Not on the list: the portal says so; with a cookie from before, the site does."""
    walker = Walker()
    page = edge.sign_in(walker, walker.get(f"{edge.files}/"), someone().replace("example.com", "elsewhere.example"))
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
