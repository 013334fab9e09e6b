"""Forward-auth: how a guarded site is given its session, and what else may come there (docs/forward-auth.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask

from tests.conftest import SECRET_KEY, services_of
from tests.drivers import BrowserDriver
from tests.guarding import CALLBACK, SITE_COOKIE, WIKI, SiteBrowser, back_of, query_of, register_site
from tests.relying import ADA, RelyingParty, answer_in
from tests.support.smtp import MailSink


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Somebody who is registered, and signed in at the portal."""
    browser.register(ADA)
    return browser


def test_another_browser_cannot_use_the_answer(app: Flask, ada: BrowserDriver) -> None:
    """Neither to get in, nor to sign somebody in as somebody else."""
    register_site(app)
    site, other = SiteBrowser(app), SiteBrowser(app)
    back = back_of(ada, site)
    other.start()
    for stranger in (other, SiteBrowser(app)):
        answer = stranger.ask(back.removeprefix(WIKI))
        assert (answer.status_code, "Location" in answer.headers) == (403, False)
        assert SITE_COOKIE not in stranger.cookies
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/"


def _changed(back: str, **changes: str | None) -> str:
    return f"{CALLBACK}?{urlencode({k: v for k, v in {**query_of(back), **changes}.items() if v is not None})}"


FORGED: dict[str, Callable[[str], str]] = {
    "no state": lambda back: _changed(back, state=None),
    "a state that was changed": lambda back: _changed(back, state=query_of(back)["state"][:-3] + "AAA"),
    "a state without a signature": lambda back: _changed(back, state=query_of(back)["state"].partition(".")[0]),
    "a state of nobody": lambda back: _changed(back, state="\xff.é"),
    "no issuer": lambda back: _changed(back, iss=None),
    "another issuer": lambda back: _changed(back, iss="https://evil.example"),
    "a state twice": lambda back: f"{_changed(back)}&state={query_of(back)['state']}",
    "an issuer twice": lambda back: f"{_changed(back)}&iss=x",
    "many parameters": lambda back: _changed(back) + "&a" * 100,
    "an error": lambda back: _changed(back, code=None, error="access_denied"),
    "an error beside a code": lambda back: _changed(back, error="server_error"),
    "nothing at all": lambda _back: CALLBACK,
}


def test_a_forged_answer_opens_nothing_and_leads_nowhere(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    back = back_of(ada, site)
    for case, forge in FORGED.items():
        answer = site.ask(forge(back))
        assert (answer.status_code, "Location" in answer.headers) == (403, False), case
        assert SITE_COOKIE not in site.cookies
    assert site.sent_to(site.hand_over(back)) == f"{WIKI}/"


def test_a_code_that_is_worth_nothing_is_asked_for_once_more_and_then_refused(app: Flask, ada: BrowserDriver) -> None:
    """No loop: the second time it is over."""
    register_site(app)
    for code in (None, "", "unknown", "a" * 129, "é"):
        site = SiteBrowser(app)
        again = site.at_portal(site.ask(_changed(back_of(ada, site, "/x"), code=code)))
        back = ada.get(again).location
        answer = site.ask(_changed(back, code=code))
        assert (answer.status_code, "Location" in answer.headers) == (403, False)
        assert site.sent_to(site.hand_over(back)) == f"{WIKI}/x"


def test_a_replayed_code_opens_nothing_and_ends_what_it_had_opened(app: Flask, ada: BrowserDriver) -> None:
    """OP-09."""
    register_site(app)
    site, thief = SiteBrowser(app), SiteBrowser(app)
    back = back_of(ada, site)
    thief.cookies = dict(site.cookies)
    site.hand_over(back)
    assert site.ask().status_code == 200
    thief.hand_over(back)
    assert SITE_COOKIE not in thief.cookies
    assert site.ask().status_code == 401


def test_loading_the_hand_over_again_leads_to_the_page_and_ends_nothing(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    site = SiteBrowser(app)
    back = back_of(ada, site, "/x")
    for _ in range(3):
        assert site.sent_to(site.hand_over(back)) == f"{WIKI}/x"
    assert site.ask().status_code == 200


def test_a_code_for_another_address_or_verifier_is_no_code(app: Flask, ada: BrowserDriver) -> None:
    """PKCE and redirect_uri, as at the token endpoint (OP-06, OP-08)."""
    client = register_site(app, redirect_uris=("https://wiki.example/oidc",), auth_method="none", is_trusted=True)
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
    answer = site.ask(_changed(back_of(ada, site), code=code))
    assert "/oauth/authorize?" in site.sent_to(answer)
    assert party.exchange(code).status_code == 200


def test_an_answer_for_another_site_is_refused(app: Flask, ada: BrowserDriver) -> None:
    register_site(app)
    register_site(app, "https://shop.example")
    site = SiteBrowser(app)
    back = back_of(ada, site)
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


def test_a_change_of_the_secret_key_loses_nobody_on_the_way(make_app: Callable[..., Flask], outbox: MailSink) -> None:
    """OPS-15: state and verifier were made with the former key."""
    former, new = make_app(), make_app(secret_key="n" * 40, secret_key_fallbacks=SECRET_KEY)
    register_site(former)
    person = BrowserDriver(former, outbox)
    person.register(ADA)
    site = SiteBrowser(former)
    back = back_of(person, site)
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
