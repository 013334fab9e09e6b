"""The page of signed-in devices: what it shows, what each button ends, and what it asks before (SES-11, SES-15)."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from auth_portal.models import Event, KnownDevice, Session
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.relying import RelyingParty
from tests.support.smtp import MailSink
from tests.test_device import poll, say, start

ADA, BOB = "ada@example.com", "bob@example.com"
PAGE = "/account/sessions"


@pytest.fixture
def here(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in; the clock stands still."""
    browser.register(ADA)
    clock.shift(30)
    return browser


@pytest.fixture
def elsewhere(app: Flask, outbox: MailSink, here: BrowserDriver, clock: time_machine.Traveller) -> BrowserDriver:
    """Ada's browser in another network, signed in a while later."""
    other = BrowserDriver(app, outbox, "198.51.100.7")
    other.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Safari/605.1"
    other.prove(ADA)
    clock.shift(120)
    return other


def is_in(browser: BrowserDriver) -> bool:
    """Whether the account opens."""
    return browser.get("/account").status_code == 200


def actions(browser: BrowserDriver) -> dict[str, str]:
    """Where the forms of the list lead, by the heading of what they are about."""
    browser.get(PAGE)
    parts = browser.page.split('<section class="app">')[1:]
    found = {}
    for part in parts:
        heading = re.search(r"<h2>(.*?)</h2>", part, re.DOTALL)
        assert heading is not None
        for action in re.findall(r'<form method="post" action="([^"]+)"', part):
            found[action] = " ".join(re.sub(r"<[^>]+>", " ", heading[1]).split())
    return found


def the_other(browser: BrowserDriver) -> str:
    """Where the form leads that ends the other session."""
    (action,) = [action for action in actions(browser) if re.fullmatch(rf"{PAGE}/[0-9a-f]{{32}}/end", action)]
    return action


def press(browser: BrowserDriver, action: str) -> str:
    """Press a button of the list; where that leads."""
    answer = browser.post(action, {})
    assert answer.status_code == 303, answer.text
    browser.follow(answer)
    return str(answer.location)


def test_the_list_needs_a_session_and_comes_back_to_it(app: Flask, outbox: MailSink, here: BrowserDriver) -> None:
    stranger = BrowserDriver(app, outbox)
    assert stranger.get(PAGE).location == "/login"
    assert stranger.prove(ADA).location == PAGE


def test_this_device_comes_first_and_every_one_says_where_and_when(
    here: BrowserDriver, elsewhere: BrowserDriver
) -> None:
    """ui.md; PRIV-05: the network is too rough to point at somebody."""
    found = actions(here)
    assert list(found.values())[:2] == ["Firefox on Windows This device", "Safari on iPhone"]
    assert [action for action in found if not re.search(r"/[0-9a-f]{32}/end", action)] == [
        "/logout",
        f"{PAGE}/end-others",
        f"{PAGE}/end-all",
    ]
    for words in ("198.51.100.x", "127.0.0.x", "2 minutes ago", "22 May 2026", "Now"):
        assert words in here.page, words
    assert "198.51.100.7" not in here.page
    assert here.page.count("<details") == 3, "each asks once more"
    assert "<details open" not in here.page


def test_an_app_stands_beside_the_device_that_opened_it(
    app: Flask, here: BrowserDriver, elsewhere: BrowserDriver
) -> None:
    RelyingParty(app, name="Shop <b>").sign_in(elsewhere)
    RelyingParty(app, name="Wiki").sign_in(elsewhere)
    actions(here)
    assert "<dd>Shop &lt;b&gt; and Wiki</dd>" in here.page
    assert here.page.count("<dt>Apps</dt>") == 1


def test_ending_one_takes_effect_on_its_next_request_and_is_noted(
    app: Flask, here: BrowserDriver, elsewhere: BrowserDriver
) -> None:
    """SES-11."""
    assert press(here, the_other(here)) == PAGE
    assert here.notice == "That device is signed out."
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    with services_of(app).engine.connect() as connection:
        query = select(Event.actor, Event.network, Event.device).where(Event.kind == "session_ended")
        assert [tuple(row) for row in connection.execute(query)] == [("person", "127.0.0.0/24", "Firefox/Windows")]


def test_a_second_click_changes_nothing(here: BrowserDriver, elsewhere: BrowserDriver) -> None:
    action = the_other(here)
    form = here.page
    for _ in range(2):
        here.page = form
        assert press(here, action) == PAGE
    assert is_in(here)


def test_a_device_that_is_not_ones_own_stays_and_looks_like_one_that_never_was(
    app: Flask, outbox: MailSink, here: BrowserDriver, elsewhere: BrowserDriver
) -> None:
    bob = BrowserDriver(app, outbox, "203.0.113.9")
    bob.register(BOB)
    action = the_other(here)
    for given in (action, f"{PAGE}/{'0' * 32}/end", f"{PAGE}/%00/end", f"{PAGE}/x/end"):
        bob.get(PAGE)
        assert press(bob, given) == PAGE
        assert bob.notice == ""
    assert is_in(elsewhere)


def test_all_others_end_and_no_other_browser_is_known(
    app: Flask, here: BrowserDriver, elsewhere: BrowserDriver, api: ApiDriver
) -> None:
    """SES-11, OTP-17."""
    token = api.at("203.0.113.9").proven(ADA)["accessToken"]
    here.get(PAGE)
    press(here, f"{PAGE}/end-others")
    assert here.notice == "2 other devices are signed out."
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert api.call("GET", "me", token=token).status_code == 401
    with services_of(app).engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(KnownDevice)).scalar() == 1
    here.post("/logout", {})
    assert "portal-device" not in str(here.prove(ADA).headers.getlist("Set-Cookie")), "this one is known still"
    assert "portal-device" in str(elsewhere.prove(ADA).headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("action", [f"{PAGE}/end-others", f"{PAGE}/end-all"])
def test_a_device_that_was_let_in_and_has_not_come_yet_gets_nothing(
    app: Flask, here: BrowserDriver, elsewhere: BrowserDriver, clock: time_machine.Traveller, action: str
) -> None:
    """Whoever sat at the other browser may have let it in."""
    tv = RelyingParty(app, name="TV", auth_method="none", is_trusted=False)
    approved, asked_later = start(tv), start(tv)
    say(elsewhere, approved["user_code"])
    here.get(PAGE)
    press(here, action)
    clock.shift(5)
    assert (poll(tv, approved), poll(tv, asked_later)) == ((400, "access_denied"), (400, "authorization_pending"))


def test_where_there_is_no_other_none_is_offered(here: BrowserDriver) -> None:
    assert list(actions(here)) == ["/logout", f"{PAGE}/end-all"]
    press(here, f"{PAGE}/end-others")
    assert (here.notice, is_in(here)) == ("0 other devices are signed out.", True)


def test_signing_out_everywhere_needs_no_code_and_forgets_the_cookie(
    here: BrowserDriver, elsewhere: BrowserDriver, clock: time_machine.Traveller
) -> None:
    clock.shift(3_600)
    elsewhere.get(PAGE)
    answer = elsewhere.post(f"{PAGE}/end-all", {})
    assert (answer.location, elsewhere.cookie("portal-session")) == ("/login", None)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    elsewhere.follow(answer)
    assert elsewhere.notice == "You are signed out everywhere."
    assert (is_in(here), is_in(elsewhere)) == (False, False)


@pytest.mark.parametrize("which", ["one", "others"])
def test_after_ten_minutes_a_code_is_asked_for_first_and_the_list_comes_again(
    here: BrowserDriver, elsewhere: BrowserDriver, clock: time_machine.Traveller, which: str
) -> None:
    """SES-15."""
    clock.shift(600)
    action = the_other(here) if which == "one" else f"{PAGE}/end-others"
    here.get(PAGE)
    assert press(here, action) == "/account/confirm"
    assert is_in(elsewhere)
    here.get("/account/confirm")
    here.follow(here.post("/account/confirm", {}))
    back = here.enter(here.code_sent_to(ADA))
    assert back.location == PAGE
    here.follow(back)
    press(here, action)
    assert (is_in(here), is_in(elsewhere)) == (True, False)


@pytest.mark.parametrize("action", [f"{PAGE}/{'0' * 32}/end", f"{PAGE}/end-others", f"{PAGE}/end-all"])
def test_nothing_ends_by_a_link_or_without_the_forms_token(
    app: Flask, here: BrowserDriver, elsewhere: BrowserDriver, action: str
) -> None:
    """SES-16."""
    assert here.get(action).status_code == 405
    here.get(PAGE)
    assert here.post(action, {"csrf_token": ""}).status_code == 403
    assert here.post(action, {}, Sec_Fetch_Site="cross-site").status_code == 403
    with services_of(app).engine.connect() as connection:
        assert connection.execute(select(func.count()).where(Session.ended_at.is_not(None))).scalar() == 0


def test_days_are_written_in_the_persons_language(here: BrowserDriver) -> None:
    here.headers["Accept-Language"] = "tr"
    here.get(PAGE)
    assert '<html lang="tr"' in here.page
    assert "22 Mayıs 2026" in here.page
