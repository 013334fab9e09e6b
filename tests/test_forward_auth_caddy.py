"""The Caddy configuration of docs/forward-auth.md in a real Caddy, before an app."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
    told,
)
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.proxies import CaddyProcess, ProxyUnavailable
from tests.support.relying_apps import register
from tests.support.smtp import MailSink
from tests.support.walker import Walker

__all__ = ["email"]
SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-Fetch-Mode": "websocket",
    "Accept": "*/*",
}


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Edge]:
    """A portal, an app, and Caddy before it."""
    port, wiki_port, app_port = (free_port() for _ in range(3))
    wiki = f"http://wiki.localhost:{wiki_port}"
    directory = tmp_path_factory.mktemp("edge")
    settings = environment(f"sqlite:///{directory}/portal.db", sink.url, public_url=f"http://127.0.0.1:{port}")
    with echoing(app_port), PortalProcess(settings, port=port) as portal:
        bye = f"{wiki}/assets/bye"
        register(
            portal, "--name", "Wiki", "--site", wiki, "--public-path", "/assets/", "--post-logout-redirect-uri", bye
        )
        changes = {
            "wiki.example {": f"{wiki} {{\n\tbind 127.0.0.1",
            "127.0.0.1:8000": portal.url.removeprefix("http://"),
            "127.0.0.1:9000": f"127.0.0.1:{app_port}",
        }
        try:
            with CaddyProcess(documented("caddyfile", changes), wiki_port) as caddy:
                yield Edge(portal, wiki, sink, caddy)
        except ProxyUnavailable as error:
            unavailable(str(error))


def test_a_person_signs_in_and_the_app_is_told_who_it_is(edge: Edge, email: str) -> None:
    check_identity(edge, Walker(), email)


def test_headers_of_the_browser_never_reach_the_app(edge: Edge, email: str) -> None:
    check_forgeries(edge, email)


def test_a_browser_cannot_tell_the_portal_about_another_request(edge: Edge) -> None:
    check_guard(edge)


def test_a_post_passes_with_its_body_and_the_apps_own_401_too(edge: Edge, email: str) -> None:
    check_post(edge, email)


def test_a_web_socket_passes_like_any_other_call(edge: Edge, email: str) -> None:
    """Caddy hands its headers on to the portal, too."""
    assert Walker().send("GET", f"{edge.wiki}/live", SOCKET).status == 401
    walker = Walker()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    page = walker.send("GET", f"{edge.wiki}/live", SOCKET | {"Sec-Fetch-Site": "same-origin"})
    assert (page.status, told(page.text)["headers"]["Upgrade"]) == (200, "websocket")


def test_sign_out_at_the_site_leads_back_to_it(edge: Edge, email: str) -> None:
    walker = Walker()
    edge.sign_in(walker, walker.get(f"{edge.wiki}/"), email)
    page = walker.get(f"{edge.wiki}/.auth-portal/sign-out")
    assert page.url.startswith(f"{edge.portal.url}/oauth/logout/")
    page = walker.post(page, page.url, {})
    assert (page.status, page.url) == (200, f"{edge.wiki}/assets/bye")
    assert walker.send("GET", f"{edge.wiki}/").status == 303
    page = walker.get(f"{edge.wiki}/.auth-portal/sign-out")
    assert page.url == f"{edge.wiki}/assets/bye", "there was nothing left to ask"
