"""Forward-auth: what proxies are told about the requests to guarded sites (docs/forward-auth.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event

from auth_portal.oidc.forward_auth import IDENTITY_HEADERS, header_text
from auth_portal.oidc.registration import Registration
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.guarding import (
    CALLBACK,
    NONCE_COOKIE,
    PAGE,
    PROXIES,
    SITE_COOKIE,
    WIKI,
    SiteBrowser,
    back_of,
    query_of,
    register_site,
    told_by,
)
from tests.relying import ADA, through_sign_in

by_proxy = pytest.mark.parametrize("proxy", PROXIES)


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Somebody who is registered, and signed in at the portal."""
    browser.register(ADA)
    return browser


@by_proxy
def test_a_person_signs_in_and_comes_back_to_the_page(app: Flask, ada: BrowserDriver, proxy: str) -> None:
    register_site(app, allow=("*@example.com",))
    site = SiteBrowser(app, proxy=proxy)
    ada.post("/logout", {})
    back = through_sign_in(ada, ada.get(site.start("/notes?page=2&sort=a%2Fb")))
    assert SITE_COOKIE not in site.cookies
    answer = site.hand_over(back.location)
    assert site.sent_to(answer) == f"{WIKI}/notes?page=2&sort=a%2Fb"
    answer = site.ask("/notes?page=2", method="POST", Sec_Fetch_Mode="cors")
    assert answer.status_code == 200
    assert services_of(app).users.find_by_id(answer.headers["Remote-User"]) is not None
    assert {name: answer.headers[name] for name in IDENTITY_HEADERS[1:]} == {
        "Remote-Name": "Ada Lovelace",
        "Remote-Email": ADA,
        "X-Auth-Request-User": answer.headers["Remote-User"],
        "X-Auth-Request-Email": ADA,
    }
    assert "Remote-Groups" not in answer.headers
    assert answer.text == ""


@by_proxy
def test_who_is_not_signed_in_is_sent_to_the_portal(make_app: Callable[..., Flask], proxy: str) -> None:
    app = make_app(public_url="https://login.example")
    client = register_site(app)
    site = SiteBrowser(app, proxy=proxy)
    answer = site.ask("/notes")
    wanted = query_of(site.sent_to(answer))
    names = (
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    )
    assert wanted.keys() == {*names}
    assert (wanted["client_id"], wanted["redirect_uri"]) == (client.id, f"{WIKI}{CALLBACK}")
    assert wanted["scope"] == "openid profile email"
    assert list(site.cookies) == [NONCE_COOKIE]
    assert not {"Strict-Transport-Security", *IDENTITY_HEADERS} & set(answer.headers.keys())


NO_PAGE = {
    "a form": ("POST", {}),
    "a deletion": ("DELETE", {}),
    "a script's fetch": ("GET", {"Sec-Fetch-Mode": "cors"}),
    "a picture": ("GET", {"Sec-Fetch-Mode": "no-cors", "Accept": "image/*"}),
    "a web socket": ("GET", {"Sec-Fetch-Mode": "websocket"}),
    "an older script": ("GET", {"Sec-Fetch-Mode": "navigate", "X-Requested-With": "XMLHttpRequest"}),
    "a program that wants JSON": ("GET", {"Sec-Fetch-Mode": "navigate", "Accept": "application/json, */*;q=0.5"}),
}


@by_proxy
def test_what_is_no_page_gets_a_plain_401(app: Flask, proxy: str) -> None:
    """An API call must not be answered by a page."""
    register_site(app)
    for case, (method, headers) in NO_PAGE.items():
        answer = SiteBrowser(app, proxy=proxy).send(PAGE | headers | told_by(proxy, WIKI, "/", method))
        assert (answer.status_code, answer.text) == (401, "Lütfen giriş yapın.\n"), case
        assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())


def test_a_plain_visit_without_fetch_metadata_is_a_page(app: Flask) -> None:
    register_site(app)
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "text/html"}, {"Accept": "text/*;q=0.1"}):
        assert SiteBrowser(app).send(told_by("caddy", WIKI, "/") | accept).status_code == 303


def test_proxies_that_forward_the_method_are_answered_too(app: Flask, ada: BrowserDriver) -> None:
    """The sub-request carries the browser's Sec-Fetch-Site: it is no form of another site that we would refuse."""
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    told = {"X-Original-URL": f"{WIKI}/", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert site.send(told, method).status_code // 100 == 2
        assert SiteBrowser(app).send(told, method).status_code == 401
    assert site.send(told, "HEAD").status_code == 200


def test_several_tabs_at_once(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    starts = [site.start(f"/{number}") for number in range(3)]
    backs = [ada.get(start).location for start in starts]
    assert [site.sent_to(site.hand_over(back)) for back in backs] == [f"{WIKI}/{number}" for number in range(3)]
    assert site.ask("/").status_code == 200


def test_spoilt_cookies_are_replaced(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    for nonce in ("", "short", "é" * 43, "\ud800", "a" * 5_000, "a b", '"', "=;"):
        site = SiteBrowser(app)
        spoilt = nonce.encode("utf-8", "surrogatepass").decode("latin-1")
        site.cookies = {NONCE_COOKIE: spoilt, SITE_COOKIE: spoilt}
        assert site.sign_in(ada, "/x") == f"{WIKI}/x"
        assert re.fullmatch(r"[\w-]{43}", site.cookies[NONCE_COOKIE])


def test_the_way_back_is_a_path_of_the_site_whatever_it_looks_like(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    for target in ("//evil.example/x", "/@evil.example", "/x?to=https://evil.example", "/%0d%0aX:y"):
        assert SiteBrowser(app).sign_in(ada, target) == f"{WIKI}{target}"
    assert SiteBrowser(app).sign_in(ada, "/\\evil.example") == f"{WIKI}/%5Cevil.example"
    for target, kept in ((f"/x?{'q' * 2_000}", "/x"), (f"/{'p' * 2_000}", "/"), ("/.auth-portal/other", "/")):
        assert SiteBrowser(app).sign_in(ada, target) == f"{WIKI}{kept}"


def test_the_answer_fits_into_a_proxys_buffer(app: Flask) -> None:
    """nginx has 4 KiB for all headers of an answer unless told otherwise."""
    register_site(app)
    noise = "".join(f"{number * 7919:x}" for number in range(400))[:1_020]
    answer = SiteBrowser(app).ask(f"/?{noise}")
    assert noise not in answer.headers["Location"]
    assert sum(len(name) + len(value) + 4 for name, value in answer.headers) < 3_900


def test_sign_out_at_the_portal_ends_access_at_once(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    assert site.ask().status_code == 200
    ada.get("/account")
    ada.post("/logout", {})
    assert site.ask(method="POST").status_code == 401


def test_a_suspended_person_is_out_at_once(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    services_of(app).users.suspend(site.ask().headers["Remote-User"])
    assert site.ask(method="POST").status_code == 401
    back = back_of(ada, site)
    assert "/login?" in back


def test_a_site_that_is_deleted_lets_nobody_in(app: Flask, ada: BrowserDriver) -> None:
    client = register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    services_of(app).clients.delete(client.id)
    answer = site.ask()
    assert (answer.status_code, "Location" in answer.headers) == (401, False)


def test_who_may_come_is_asked_at_each_request(app: Flask, ada: BrowserDriver) -> None:
    client = register_site(app, allow=("*@example.com",))
    site = SiteBrowser(app)
    site.sign_in(ada)
    checked = replace(Registration.of(client, []), allow=("bob@example.com",)).checked()
    services_of(app).clients.update(client.id, checked.columns, checked.origins)
    answer = site.ask(Accept_Language="en")
    assert answer.status_code == 403
    assert answer.text.startswith(f"Wiki does not let {ADA} in.")
    assert "Location" not in answer.headers


def test_the_cookie_of_another_site_opens_nothing(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    register_site(app, "https://shop.example")
    site = SiteBrowser(app)
    site.sign_in(ada)
    other = SiteBrowser(app, "https://shop.example")
    other.cookies = dict(site.cookies)
    assert other.ask(method="POST").status_code == 401
    other.cookies = {SITE_COOKIE: ada.cookie("portal-session") or ""}
    assert other.ask(method="POST").status_code == 401


@by_proxy
def test_signing_out_at_the_site_ends_its_session_and_leads_to_the_portal(
    app: Flask, ada: BrowserDriver, proxy: str
) -> None:
    client = register_site(app, post_logout_redirect_uris=("https://wiki.example/bye",))
    site = SiteBrowser(app, proxy=proxy)
    site.sign_in(ada)
    kept = dict(site.cookies)
    path = site.at_portal(site.ask("/.auth-portal/sign-out"))
    assert query_of(path) == {"client_id": client.id, "post_logout_redirect_uri": "https://wiki.example/bye"}
    assert SITE_COOKIE not in site.cookies
    site.cookies = kept
    assert site.ask(method="POST").status_code == 401
    page = ada.follow(ada.get(path))
    assert page.status_code == 200
    assert "Wiki" in ada.page


def test_a_link_of_another_site_signs_nobody_out(app: Flask, ada: BrowserDriver) -> None:
    """The portal asks; until then nothing happens."""
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    assert "/oauth/logout?" in site.sent_to(site.ask("/.auth-portal/sign-out", Sec_Fetch_Site="cross-site"))
    assert site.ask().status_code == 200


def test_the_sites_session_ends_when_the_portals_does(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Not thirty days after the hand-over, but after the sign-in."""
    register_site(app)
    site = SiteBrowser(app)
    ada.prove(ADA)
    clock.shift(5 * 86_400)
    site.sign_in(ada)
    for day in range(5, 32):
        assert site.ask(method="POST").status_code == (200 if day < 30 else 401), day
        clock.shift(86_400)


def test_a_request_costs_two_statements(app: Flask, ada: BrowserDriver) -> None:
    """The site and the session; nothing for who is not signed in but the site."""
    register_site(app, public_paths=("/assets",))
    site = SiteBrowser(app)
    site.sign_in(ada)
    statements: list[str] = []
    engine = services_of(app).engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for path, browser, count in (("/", site, 2), ("/", SiteBrowser(app), 1), ("/assets/x.css", site, 1)):
        statements.clear()
        browser.ask(path)
        assert len(statements) == count, statements


@pytest.mark.parametrize(("first", "last"), [("Zoë", "Çağlar"), ("100%", 'a%41, "B"; C=😀')])
def test_names_reach_the_app_as_ascii_and_decode_to_what_they_were(
    app: Flask, browser: BrowserDriver, first: str, last: str
) -> None:
    register_site(app)
    browser.register("zoe@example.com", first, last)
    site = SiteBrowser(app)
    site.sign_in(browser)
    name = site.ask().headers["Remote-Name"]
    assert re.fullmatch(r"[ -~]+", name)
    assert unquote(name) == f"{first} {last}"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=c", "\n", "\x00", "\x7f", "\u2028", "\u0085", "\ud800"])
def test_no_value_can_end_its_header(value: str) -> None:
    assert re.fullmatch(r"[ -~]*", header_text(value))
    assert header_text("o'neil+x@example.com, a/b?c=d&e;f") == "o'neil+x@example.com, a/b?c=d&e;f"


def test_what_a_site_does_not_ask_for_is_not_told(app: Flask, ada: BrowserDriver) -> None:
    register_site(app, scopes=("openid",), is_pairwise=True)
    site = SiteBrowser(app)
    site.sign_in(ada)
    headers = site.ask().headers
    assert (headers["Remote-Name"], headers["Remote-Email"], headers["X-Auth-Request-Email"]) == ("", "", "")
    assert services_of(app).users.find_by_id(headers["Remote-User"]) is None
