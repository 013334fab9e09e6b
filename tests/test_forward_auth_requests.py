"""Forward-auth: which request the proxy asks about, and which paths and hosts it may be (docs/forward-auth.md)."""

from __future__ import annotations

import re
from itertools import product

import pytest
from flask import Flask

from auth_portal.oidc.forward_auth import IDENTITY_HEADERS
from auth_portal.oidc.guarded import Guarded, NotUnderstood, read_guarded
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.guarding import PAGE, PROXIES, WIKI, SiteBrowser, register_site, told_by
from tests.relying import ADA

PORTAL = "http://127.0.0.1:8000"


def read(headers: dict[str, str]) -> Guarded | None:
    """What these headers ask about."""
    return read_guarded(headers.get, "GET", "login.example")


UNDERSTOOD = {
    "nginx": ({"X-Original-URL": "https://wiki.example/a?b=c"}, (WIKI, "/a?b=c", True)),
    "a default port": ({"X-Original-URL": "https://wiki.example:443/"}, (WIKI, "/", True)),
    "another port": ({"X-Original-URL": "https://wiki.example:8443/"}, (f"{WIKI}:8443", "/", True)),
    "capitals": ({"X-Original-URL": "https://WIKI.Example/A"}, (WIKI, "/A", True)),
    "no path": ({"X-Original-URL": "https://wiki.example"}, (WIKI, "/", True)),
    "an IPv6 address": ({"X-Original-URL": "http://[::1]:81/"}, ("http://[::1]:81", "/", True)),
    "traefik": (told_by("traefik", WIKI, "/a?b"), (WIKI, "/a?b", False)),
    "caddy": (told_by("caddy", WIKI, "//a"), (WIKI, "//a", False)),
    "a web socket": (told_by("caddy", "wss://wiki.example", "/"), (WIKI, "/", False)),
    "both kinds agree": (told_by("nginx", WIKI, "/a") | told_by("caddy", WIKI, "/a"), (WIKI, "/a", True)),
    "nginx, and the portal's own proxy": (
        {"X-Original-URL": f"{WIKI}/", "X-Forwarded-Host": "login.example", "X-Forwarded-Proto": "http"},
        (WIKI, "/", True),
    ),
}
NOT_UNDERSTOOD = {
    "no scheme": {"X-Original-URL": "//wiki.example/"},
    "another scheme": {"X-Original-URL": "ftp://wiki.example/"},
    "a script": {"X-Original-URL": "javascript:alert(1)"},
    "empty": {"X-Original-URL": ""},
    "a user": {"X-Original-URL": "https://wiki.example@evil.example/"},
    "a backslash before the host ends": {"X-Original-URL": "https://evil.example\\@wiki.example/"},
    "a query for a path": {"X-Original-URL": "https://wiki.example?/a"},
    "a fragment": {"X-Original-URL": "https://wiki.example/a#/../b"},
    "a space": {"X-Original-URL": "https://wiki.example/a b"},
    "a line": {"X-Original-URL": "https://wiki.example/a\nb"},
    "letters that are not ASCII": {"X-Original-URL": "https://wiki.example/é"},
    "a port that is none": {"X-Original-URL": "https://wiki.example:0443/"},
    "long": {"X-Original-URL": f"https://wiki.example/{'a' * 9_000}"},
    "twice": {"X-Original-URL": "https://wiki.example/assets/a,https://wiki.example/private"},
    "twice, with a space": {"X-Original-URL": "https://wiki.example/assets/a, https://wiki.example/private"},
    "the address twice": told_by("caddy", WIKI, "/assets/a,/private"),
    "the host twice": told_by("caddy", "https://wiki.example,evil.example", "/"),
    "the scheme twice": told_by("caddy", "https,https://wiki.example", "/"),
    "no host": {"X-Forwarded-Proto": "https", "X-Forwarded-Uri": "/"},
    "no scheme beside the host": {"X-Forwarded-Host": "wiki.example", "X-Forwarded-Uri": "/"},
    "a whole address for a path": told_by("caddy", WIKI, "https://evil.example/"),
    "no path beside the host": {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "wiki.example"},
    "a client's path behind traefik": told_by("traefik", WIKI, "/a") | {"X-Original-URL": f"{WIKI}/assets/a"},
    "a client's site behind caddy": told_by("caddy", WIKI, "/a") | {"X-Original-URL": "https://open.example/a"},
    "a client's path behind nginx": told_by("nginx", WIKI, "/a") | {"X-Forwarded-Uri": "/assets/a"},
    "two methods": told_by("nginx", WIKI, "/") | {"X-Forwarded-Method": "POST"},
    "no method at all": told_by("nginx", WIKI, "/", "get\r\n"),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_the_request_is_the_one_that_the_proxy_tells(case: str) -> None:
    headers, expected = UNDERSTOOD[case]
    found = read(headers)
    assert found is not None
    assert (found.site, found.target, found.is_nginx) == expected


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
def test_what_is_malformed_or_contradicts_itself_is_not_understood(case: str) -> None:
    with pytest.raises(NotUnderstood):
        read(NOT_UNDERSTOOD[case])


@pytest.mark.parametrize(
    "headers", [{}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Host": "login.example:8443"}], ids=str
)
def test_without_another_request_the_portal_itself_is_asked(headers: dict[str, str]) -> None:
    assert read(headers) is None


def test_such_a_request_is_refused_and_led_nowhere(app: Flask, browser: BrowserDriver) -> None:
    """401 for strangers, 403 for who is signed in at the portal; whatever else is sent along."""
    register_site(app, public_paths=("/assets",))
    browser.register(ADA)
    outcomes = {}
    for case, told in NOT_UNDERSTOOD.items():
        headers = {name: re.sub(r"[\r\n]", "\t", value).encode().decode("latin-1") for name, value in told.items()}
        stranger, known = SiteBrowser(app).send(PAGE | headers), browser.get("/forward-auth", **headers)
        gained = {"Location", "Set-Cookie", "Remote-User"} & {*stranger.headers.keys(), *known.headers.keys()}
        outcomes[case] = (stranger.status_code, known.status_code, gained)
    assert {case: outcome for case, outcome in outcomes.items() if outcome != (401, 403, set())} == {}


UNREGISTERED = ("https://evil.example", "http://wiki.example", "https://wiki.example.", "https://wiki.example:8443")


def test_a_host_that_is_not_registered_gets_nothing(app: Flask, browser: BrowserDriver) -> None:
    register_site(app)
    browser.register(ADA)
    for site, proxy in product(UNREGISTERED, ("nginx", "caddy")):
        stranger = SiteBrowser(app, site, proxy).ask()
        known = browser.get("/forward-auth", **told_by(proxy, site, "/"))
        assert (stranger.status_code, known.status_code) == (401, 403)
        assert not {"Location", "Set-Cookie", "Remote-User"} & {*stranger.headers.keys(), *known.headers.keys()}


PUBLIC = ("/assets/", "/assets/a.css", "/assets/a/b?x=../../..", "/assets/my%20file.txt", "/assets/%C3%A9")
PUBLIC += ("/assets/v1.2..3/a", "/assets/~me/a@2x.png", "/assets/%41", "/robots.txt", "/assets/a?//")
PRIVATE = (
    *(
        "/",
        "/assets",
        "/assetsx",
        "/Assets/a",
        "/private",
        "/private?/assets/",
        "/private/assets/",
        "/robots.txt.bak",
    ),
    *("/assets/../private", "/assets/..", "/assets/.", "/assets/./a", "/assets/x/../../private"),
    *("/assets/%2e%2e/private", "/assets/%2E%2E/private", "/assets/.%2e/private", "/assets/..%2fprivate"),
    *("/assets%2f..%2fprivate", "/assets/%252e%252e/private", "/assets/..%5cprivate", "/assets/..\\private"),
    *("/assets\\..\\private", "/assets//private", "//assets/a", "/assets//../private", "/assets/..;/private"),
    *("/assets/;x=/../private", "/assets;/private", "/assets/..%00/private", "/assets/%00", "/assets/%0a"),
    *("/assets/...", "/assets/..%20/private", "/assets/%20/private", "/assets/%c0%ae%c0%ae/private", "/assets/%"),
    *("/assets/%zz", "/assets/%u002e", "/assets/%ef%bc%8e%ef%bc%8e/private", "/assets/*", "/assets/a|b", "/assets/<"),
    *("/assets/%ff", "/assets/a%3fb", "/assets/a%23b", "/./assets/a", "/x/../assets/a", "/%61ssets/%2e%2e/private"),
    *("/.auth-portal/callback", "/.auth-portal/sign-out"),
)


@pytest.mark.parametrize("proxy", ["nginx", "traefik"])
def test_public_paths_are_for_everybody_and_nothing_else_is(app: Flask, proxy: str) -> None:
    """When in doubt a path is not public."""
    register_site(app, public_paths=("/assets/", "/robots.txt"))
    site = SiteBrowser(app, proxy=proxy)
    for method in ("GET", "POST"):
        opened = {path: site.ask(path, method) for path in (*PUBLIC, *PRIVATE)}
        assert [path for path, answer in opened.items() if answer.status_code == 200] == list(PUBLIC)
        assert not any(answer.headers.get(name) for answer in opened.values() for name in IDENTITY_HEADERS)


def test_without_public_paths_nothing_is_public(app: Flask) -> None:
    register_site(app)
    site = SiteBrowser(app)
    assert {site.ask(path, "POST").status_code for path in (*PUBLIC, *PRIVATE) if "sign-out" not in path} == {401}


def test_headers_that_a_client_sends_are_not_sent_back(app: Flask) -> None:
    register_site(app, public_paths=("/assets",))
    answer = SiteBrowser(app).ask("/assets/x", Remote_User="root", X_Auth_Request_User="root")
    assert answer.status_code == 200
    # All are there, or a proxy might leave in place what the browser sent.
    assert [answer.headers.get(name) for name in IDENTITY_HEADERS] == [""] * 5
    assert "root" not in answer.headers.values()


def test_a_web_socket_is_asked_about_like_any_other_call(app: Flask, browser: BrowserDriver) -> None:
    """Caddy hands the browser's Upgrade on."""
    register_site(app)
    site = SiteBrowser(app)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_Fetch_Mode": "websocket"}
    assert site.ask("/live", **upgrade).status_code == 401
    browser.register("ada@example.com")
    site.hand_over(browser.get(site.start()).location)
    assert site.ask("/live", **upgrade).status_code == 200


# -- The portal's own host ----------------------------------------------------------------------------------------


def test_the_portal_itself_says_who_is_signed_in(app: Flask, browser: BrowserDriver) -> None:
    assert browser.get("/forward-auth").status_code == 401
    browser.register(ADA)
    answer = browser.get("/forward-auth")
    assert (answer.status_code, answer.headers["Remote-Email"]) == (200, ADA)
    services_of(app).users.suspend(answer.headers["Remote-User"])
    assert browser.get("/forward-auth").status_code == 401


def test_on_the_portals_own_host_its_session_counts(app: Flask, browser: BrowserDriver) -> None:
    """On every port: browsers send cookies to all of them."""
    asked = [told_by(proxy, site, "/x") for proxy, site in product(PROXIES, (PORTAL, "http://127.0.0.1:9000"))]
    assert {browser.get("/forward-auth", **told).status_code for told in asked} == {401}
    browser.register(ADA)
    assert {browser.get("/forward-auth", **told).headers["Remote-Email"] for told in asked} == {ADA}


def test_a_registered_site_on_the_portals_host_keeps_its_rules(app: Flask, browser: BrowserDriver) -> None:
    register_site(app, "http://127.0.0.1:9000", allow=("bob@example.com",))
    told = PAGE | told_by("caddy", "http://127.0.0.1:9000", "/x")
    answer = browser.get("/forward-auth", **told)
    assert answer.status_code == 303
    assert answer.headers["Set-Cookie"].startswith("auth-portal-nonce=")
    browser.register(ADA)
    assert browser.get("/forward-auth", **told).status_code == 403


def test_on_another_host_the_portals_session_does_not_count(app: Flask, browser: BrowserDriver) -> None:
    register_site(app)
    browser.register(ADA)
    answer = browser.get("/forward-auth", **PAGE, **told_by("caddy", WIKI, "/"))
    assert (answer.status_code, "Remote-User" in answer.headers) == (303, False)


def test_nothing_of_the_request_is_logged(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    register_site(app)
    site = SiteBrowser(app)
    capsys.readouterr()
    site.ask("/a-private-page?secret=1")
    site.ask("/.auth-portal/callback?code=a-code")
    printed = capsys.readouterr()
    assert "private" not in printed.out + printed.err
    assert "a-code" not in printed.out + printed.err
