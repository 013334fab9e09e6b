"""Forward-auth: what proxies are told about the requests to guarded sites (contract, section 4; docs/forward-auth.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event

from tests.conftest import SECRET_KEY, services_of
from tests.drivers import BrowserDriver
from tests.guarding import CALLBACK, PAGE, PROXIES, WIKI, SiteBrowser, query_of, register_site, told_by
from tests.relying import ADA, RelyingParty, answer_in, through_sign_in
from tests.support.smtp import MailSink

SITE_COOKIE, NONCE_COOKIE = "__Host-auth-portal-site", "__Host-auth-portal-nonce"
IDENTITY = ("Remote-User", "Remote-Name", "Remote-Email", "X-Auth-Request-User", "X-Auth-Request-Email")
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
    user = services_of(app).users
    assert answer.status_code == 200
    assert user.find_by_id(answer.headers["Remote-User"]) is not None
    assert {name: answer.headers[name] for name in IDENTITY[1:]} == {
        "Remote-Name": "Ada Lovelace",
        "Remote-Email": ADA,
        "X-Auth-Request-User": answer.headers["Remote-User"],
        "X-Auth-Request-Email": ADA,
    }
    assert "Remote-Groups" not in answer.headers
    assert answer.text == ""


@by_proxy
def test_who_is_not_signed_in_is_sent_to_the_portal(app: Flask, proxy: str) -> None:
    client = register_site(app)
    site = SiteBrowser(app, proxy=proxy)
    answer = site.ask("/notes")
    wanted = query_of(site.sent_to(answer))
    assert wanted.keys() == {
        *("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
    }
    assert (wanted["client_id"], wanted["redirect_uri"]) == (client.id, f"{WIKI}{CALLBACK}")
    assert wanted["scope"] == "openid profile email"
    assert list(site.cookies) == [NONCE_COOKIE]
    assert not any(name in answer.headers for name in IDENTITY)
    assert "Strict-Transport-Security" not in answer.headers


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
@pytest.mark.parametrize("case", NO_PAGE)
def test_what_is_no_page_gets_a_plain_401(app: Flask, proxy: str, case: str) -> None:
    """An API call must not be answered by a page."""
    register_site(app)
    method, headers = NO_PAGE[case]
    answer = SiteBrowser(app, proxy=proxy).send(PAGE | headers | told_by(proxy, WIKI, "/", method))
    assert (answer.status_code, answer.text) == (401, "Lütfen giriş yapın.\n")
    assert not {"Location", "Set-Cookie"} & set(answer.headers.keys())


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "text/*;q=0.1"])
def test_a_plain_visit_without_fetch_metadata_is_a_page(app: Flask, accept: str | None) -> None:
    register_site(app)
    headers = told_by("caddy", WIKI, "/") | ({"Accept": accept} if accept else {})
    assert SiteBrowser(app).send(headers).status_code == 303


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_proxies_that_forward_the_method_are_answered_too(app: Flask, ada: BrowserDriver, method: str) -> None:
    """The sub-request carries the browser's Sec-Fetch-Site: it is no form of another site that we would refuse."""
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(ada)
    told = {"X-Original-URL": f"{WIKI}/", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert site.send(told, method).status_code // 100 == 2
    assert SiteBrowser(app).send(told, method).status_code == 401


def test_several_tabs_at_once(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    starts = [site.start(f"/{number}") for number in range(3)]
    backs = [ada.get(start).location for start in starts]
    assert [site.sent_to(site.hand_over(back)) for back in backs] == [f"{WIKI}/{number}" for number in range(3)]
    assert site.ask("/").status_code == 200


@pytest.mark.parametrize("nonce", ["", "short", "é" * 43, "\ud800", "a" * 5_000, "a b", '"', "=;"])
def test_a_spoilt_nonce_is_replaced(app: Flask, ada: BrowserDriver, nonce: str) -> None:
    register_site(app)
    site = SiteBrowser(app)
    site.cookies[NONCE_COOKIE] = nonce.encode("utf-8", "surrogatepass").decode("latin-1")
    assert site.sign_in(ada, "/x") == f"{WIKI}/x"
    assert re.fullmatch(r"[\w-]{43}", site.cookies[NONCE_COOKIE])


def test_the_way_back_is_a_path_of_the_site_whatever_it_looks_like(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    for target in ("//evil.example/x", "/\\evil.example", "/@evil.example", "/x?to=https://evil.example", "/%0d%0aX:y"):
        assert SiteBrowser(app).sign_in(ada, target) == f"{WIKI}{target}"
    for target, kept in ((f"/x?{'q' * 2_000}", "/x"), (f"/{'p' * 2_000}", "/"), ("/.auth-portal/other", "/")):
        assert SiteBrowser(app).sign_in(ada, target) == f"{WIKI}{kept}"


def test_the_answer_fits_into_a_proxys_buffer(app: Flask) -> None:
    """nginx has 4 KiB for all headers of an answer unless told otherwise."""
    register_site(app)
    noise = "".join(f"{number * 7919:x}" for number in range(400))[:1_020]
    answer = SiteBrowser(app).ask(f"/?{noise}")
    assert noise not in answer.headers["Location"]
    assert sum(len(name) + len(value) + 4 for name, value in answer.headers) < 3_900


# -- The hand-over ------------------------------------------------------------------------------------------------


def _back(app: Flask, ada: BrowserDriver, site: SiteBrowser, target: str = "/") -> str:
    return str(ada.get(site.start(target)).location)


def test_another_browser_cannot_use_the_answer(app: Flask, ada: BrowserDriver) -> None:
    """Neither to get in, nor to sign somebody in as somebody else."""
    register_site(app)
    site, other = SiteBrowser(app), SiteBrowser(app)
    back = _back(app, ada, site)
    other.start()
    for stranger in (other, SiteBrowser(app)):
        answer = stranger.ask(back.removeprefix(WIKI))
        assert (answer.status_code, "Location" in answer.headers) == (403, False)
        assert SITE_COOKIE not in stranger.cookies
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/"


def _changed(back: str, **changes: str | None) -> str:
    from urllib.parse import urlencode

    return f"{CALLBACK}?{urlencode({k: v for k, v in {**query_of(back), **changes}.items() if v is not None})}"


FORGED: dict[str, Callable[[str], str]] = {
    "no state": lambda back: _changed(back, state=None),
    "a state that was changed": lambda back: _changed(back, state=query_of(back)["state"][:-3] + "AAA"),
    "a state without a signature": lambda back: _changed(back, state=query_of(back)["state"].partition(".")[0]),
    "a state of nobody": lambda back: _changed(back, state="\udcff.é"),
    "no issuer": lambda back: _changed(back, iss=None),
    "another issuer": lambda back: _changed(back, iss="https://evil.example"),
    "a state twice": lambda back: f"{_changed(back)}&state={query_of(back)['state']}",
    "an issuer twice": lambda back: f"{_changed(back)}&iss=x",
    "many parameters": lambda back: _changed(back) + "&a" * 100,
    "an error": lambda back: _changed(back, code=None, error="access_denied"),
    "an error beside a code": lambda back: _changed(back, error="server_error"),
    "nothing at all": lambda _back: CALLBACK,
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_answer_opens_nothing_and_leads_nowhere(
    app: Flask, ada: BrowserDriver, case: str, clock: time_machine.Traveller
) -> None:
    register_site(app)
    site = SiteBrowser(app)
    back = _back(app, ada, site)
    try:
        target = FORGED[case](back)
    except UnicodeEncodeError:
        target = _changed(back, state="%FF.")
    answer = site.ask(target)
    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert SITE_COOKIE not in site.cookies
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/"


@pytest.mark.parametrize("code", [None, "", "unknown", "a" * 129, "é"])
def test_a_code_that_is_worth_nothing_is_asked_for_once_more_and_then_refused(
    app: Flask, ada: BrowserDriver, code: str | None
) -> None:
    """No loop: the second time it is over."""
    register_site(app)
    site = SiteBrowser(app)
    again = site.at_portal(site.ask(_changed(_back(app, ada, site, "/x"), code=code)))
    back = ada.get(again).location
    answer = site.ask(_changed(back, code=code))
    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/x"


def test_a_replayed_code_opens_nothing_and_ends_what_it_had_opened(app: Flask, ada: BrowserDriver) -> None:
    """OP-09."""
    register_site(app)
    site, thief = SiteBrowser(app), SiteBrowser(app)
    back = _back(app, ada, site)
    thief.cookies = dict(site.cookies)
    site.hand_over(back)
    assert site.ask().status_code == 200
    thief.hand_over(back)
    assert SITE_COOKIE not in thief.cookies
    assert site.ask().status_code == 401


def test_loading_the_hand_over_again_leads_to_the_page_and_ends_nothing(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    back = _back(app, ada, site, "/x")
    for _ in range(3):
        assert site.sent_to(site.hand_over(back)) == f"{WIKI}/x"
    assert site.ask().status_code == 200


def test_a_code_for_another_address_or_verifier_is_no_code(app: Flask, ada: BrowserDriver) -> None:
    """PKCE and redirect_uri, as at the token endpoint (OP-06, OP-08)."""
    client = register_site(app, redirect_uris=("https://wiki.example/oidc",), auth_method="none")
    party = RelyingParty(app)
    party.id = client.id
    for parameters in (
        {"redirect_uri": "https://wiki.example/oidc"},
        {"redirect_uri": f"{WIKI}{CALLBACK}"},
    ):
        site = SiteBrowser(app)
        wanted = query_of(site.start())
        challenge = wanted["code_challenge"] if "oidc" in parameters["redirect_uri"] else "x" * 43
        parameters |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        code = party.code_for(ada, **parameters)
        issuer = services_of(app).settings.public_url
        answer = site.ask(_changed(f"?state={wanted['state']}&code={code}&iss={issuer}"))
        assert "/oauth/authorize?" in site.sent_to(answer)
        assert SITE_COOKIE not in site.cookies


def test_a_code_of_another_app_is_no_code(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    party = RelyingParty(app)
    code = party.code_for(ada)
    answer = site.ask(_changed(_back(app, ada, site), code=code))
    assert "/oauth/authorize?" in site.sent_to(answer)
    assert party.exchange(code).status_code == 200


def test_an_answer_for_another_site_is_refused(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    register_site(app, "https://shop.example")
    site = SiteBrowser(app)
    back = _back(app, ada, site)
    other = SiteBrowser(app, "https://shop.example")
    other.cookies = dict(site.cookies)
    answer = other.ask(back.removeprefix(WIKI))
    assert answer.status_code == 403


def test_the_answer_may_take_as_long_as_a_registration_and_no_longer(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    register_site(app)
    for hours, status in ((23, 200), (25, 401)):
        site = SiteBrowser(app)
        start = site.start()
        clock.shift(hours * 3_600)
        answer = site.hand_over(ada.get(start).location)
        assert answer.status_code == (401 if status == 200 else 403)
        assert site.ask().status_code == status


def test_a_clock_that_is_behind_refuses_nobody(app: Flask, ada: BrowserDriver, clock: time_machine.Traveller) -> None:
    """The node that takes the answer may be behind the one that asked."""
    register_site(app)
    site = SiteBrowser(app)
    start = site.start()
    clock.shift(-2)
    assert site.sent_to(site.hand_over(ada.get(start).location)) == f"{WIKI}/"


def test_a_change_of_the_secret_key_loses_nobody_on_the_way(
    make_app: Callable[..., Flask], outbox: MailSink
) -> None:
    """OPS-15: state and verifier were made with the former key."""
    former, new = make_app(), make_app(secret_key="n" * 40, secret_key_fallbacks=SECRET_KEY)
    register_site(former)
    person = BrowserDriver(former, outbox)
    person.register(ADA)
    site = SiteBrowser(former)
    back = _back(former, person, site)
    site.app = new
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/"
    assert site.ask().status_code == 200


def test_a_new_person_is_registered_on_the_way(app: Flask, browser: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    browser.follow(browser.get(site.start("/x")))
    request = {"request": browser.hidden("request") or ""}
    browser.follow(browser.post("/login", {"email": ADA, **request}))
    code = {"code": browser.code_sent_to(ADA), "challenge": browser.hidden("challenge") or "", **request}
    browser.follow(browser.post("/login/code", code))
    names = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y", **request}
    back = browser.follow(browser.post("/register", names))
    assert site.sent_to(site.hand_over(back.location)) == f"{WIKI}/x"


def test_who_cancels_at_the_portal_is_told_so_once(app: Flask, ada: BrowserDriver) -> None:
    """An error of the authorization endpoint leads into no loop."""
    client = register_site(app, allow=("*@elsewhere.example",))
    site = SiteBrowser(app, proxy="caddy")
    page = ada.follow(ada.get(site.start()))
    assert page.status_code == 403
    path = re.search(r'action="(/oauth/cancel/[0-9a-f]+)"', ada.page)
    assert path is not None
    back = ada.post(path[1], {})
    assert answer_in(back)["error"] == "access_denied"
    answer = site.hand_over(back.location)
    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert client.site == WIKI


# -- Who may stay -------------------------------------------------------------------------------------------------


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
    back = _back(app, ada, site)
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
    checked = Registration_of(app, client.id, allow=("bob@example.com",))
    services_of(app).clients.update(client.id, checked.columns, checked.origins)
    answer = site.ask(Accept_Language="en")
    assert answer.status_code == 403
    assert answer.text.startswith(f"Wiki does not let {ADA} in.")
    assert "Location" not in answer.headers


def Registration_of(app: Flask, client_id: str, **changes: object):  # noqa: ANN201, N802
    from dataclasses import replace

    from auth_portal.oidc.registration import Registration

    client = services_of(app).clients.find(client_id)
    assert client is not None
    return replace(Registration.of(client, []), **changes).checked()
