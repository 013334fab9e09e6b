"""The signed-in browser: how long its session lives, how it ends, what is no session (standards.md, section 2)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.support.smtp import MailSink

ADA = "ada@example.com"
SESSION = "portal-session"
DAY = 86_400


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Another browser."""
    return BrowserDriver(app, outbox)


def is_signed_in(browser: BrowserDriver) -> bool:
    """Whether the account page opens, rather than leading to the first page."""
    answer = browser.get("/account")
    assert (answer.status_code, answer.location) in ((200, None), (303, "/login"))
    return answer.status_code == 200


def with_session(browser: BrowserDriver, value: str) -> BrowserDriver:
    """The browser with this session cookie, from wherever it has it."""
    browser.client.set_cookie(SESSION, value)
    return browser


def test_the_account_needs_a_session(browser: BrowserDriver) -> None:
    assert not is_signed_in(browser)


def test_the_account_shows_its_owner_and_a_way_out(ada: BrowserDriver) -> None:
    """SES-09."""
    assert is_signed_in(ada)
    assert ada.heading == "Your account"
    assert "Ada Lovelace" in ada.page
    assert ADA in ada.page
    assert '<form method="post" action="/logout">' in ada.page


def test_each_sign_in_gives_a_new_session_and_ends_the_one_before(
    clock: time_machine.Traveller, ada: BrowserDriver, stranger: BrowserDriver
) -> None:
    """SES-04."""
    former = ada.cookie(SESSION) or ""
    tab = ada.another_tab()
    clock.shift(30)
    assert is_signed_in(ada)
    tab.page = ada.page
    tab.follow(tab.post("/login", {"email": ADA}))
    assert tab.enter(tab.code_sent_to(ADA)).location == "/account"
    assert ada.cookie(SESSION) not in (None, former)
    assert is_signed_in(ada)
    assert not is_signed_in(with_session(stranger, former))


def test_a_session_set_before_the_sign_in_is_not_the_one_after_it(browser: BrowserDriver) -> None:
    """SES-04: no fixation."""
    with_session(browser, "f" * 43).register(ADA)
    assert browser.cookie(SESSION) != "f" * 43
    assert is_signed_in(browser)


def test_a_sign_in_elsewhere_leaves_this_browser_signed_in(ada: BrowserDriver, stranger: BrowserDriver) -> None:
    stranger.prove(ADA)
    assert is_signed_in(stranger)
    assert is_signed_in(ada)


@pytest.mark.parametrize(("idle", "alive"), [(7 * DAY - 1, True), (7 * DAY, False)])
def test_a_session_that_is_not_used_ends_after_a_week(
    clock: time_machine.Traveller, ada: BrowserDriver, idle: int, alive: bool
) -> None:
    """SES-07."""
    clock.shift(idle)
    assert is_signed_in(ada) is alive


@pytest.mark.parametrize(("last", "alive"), [(6 * DAY - 1, True), (6 * DAY, False)])
def test_a_session_that_is_used_ends_after_a_month(
    clock: time_machine.Traveller, ada: BrowserDriver, last: int, alive: bool
) -> None:
    """SES-07, SES-03: the server counts, whatever the cookie says."""
    value = ada.cookie(SESSION) or ""
    for _ in range(4):
        clock.shift(6 * DAY)
        assert is_signed_in(with_session(ada, value))
    clock.shift(last)
    assert is_signed_in(with_session(ada, value)) is alive


def test_lifetimes_are_what_the_settings_say(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> None:
    app = make_app(session_idle_ttl=120, session_ttl=300)
    used, unused = BrowserDriver(app, outbox), BrowserDriver(app, outbox)
    used.register(ADA)
    unused.prove(ADA)
    clock.shift(119)
    assert is_signed_in(used)
    clock.shift(1)
    assert not is_signed_in(unused)
    clock.shift(117)
    assert is_signed_in(used)
    value = used.cookie(SESSION) or ""
    clock.shift(63)
    assert not is_signed_in(with_session(used, value))


def test_signing_out_ends_the_session_on_the_server(ada: BrowserDriver, stranger: BrowserDriver) -> None:
    """SES-08: a kept cookie is refused."""
    kept = ada.cookie(SESSION) or ""
    ada.get("/account")
    answer = ada.post("/logout", {})
    assert (answer.status_code, answer.location) == (303, "/login")
    ada.follow(answer)
    assert ada.notice == "You are signed out."
    assert ada.cookie(SESSION) is None
    assert not is_signed_in(ada)
    assert not is_signed_in(with_session(stranger, kept))


def test_signing_out_makes_the_browser_forget_what_it_saw(ada: BrowserDriver) -> None:
    """SES-19: cache and storage, but not the cookies of the device."""
    assert ada.post("/logout", {}).headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_link_cannot_sign_anybody_out(ada: BrowserDriver) -> None:
    """SES-09."""
    page = ada.page
    assert ada.get("/logout").status_code == 405
    ada.page = page
    assert is_signed_in(ada)


def test_signing_out_needs_the_token_of_the_form(ada: BrowserDriver) -> None:
    """SES-09, SES-16."""
    assert ada.post("/logout", {"csrf_token": ""}).status_code == 403
    assert is_signed_in(ada)


def test_signing_out_twice_is_harmless(ada: BrowserDriver) -> None:
    ada.post("/logout", {})
    assert ada.post("/logout", {}).location == "/login"


def test_signing_out_here_leaves_other_browsers_signed_in(ada: BrowserDriver, stranger: BrowserDriver) -> None:
    stranger.prove(ADA)
    ada.post("/logout", {})
    assert is_signed_in(stranger)


def test_after_signing_out_the_same_browser_signs_in_again(ada: BrowserDriver, clock: time_machine.Traveller) -> None:
    ada.post("/logout", {})
    clock.shift(30)
    ada.prove(ADA)
    assert is_signed_in(ada)


def test_a_made_up_session_opens_nothing(ada: BrowserDriver, stranger: BrowserDriver) -> None:
    """SES-05, SES-01: neither an id of ours nor a part or a relative of a real secret."""
    real = ada.cookie(SESSION) or ""
    made_up = ["", " ", "x", "A" * 43, real[:-1], real + "A", real.swapcase(), f" {real[1:]}", "%00", "' OR '1'='1"]
    assert [value for value in made_up if is_signed_in(with_session(stranger, value))] == []
    assert is_signed_in(with_session(stranger, real)), "the same way in works with the real one"


def test_a_session_is_taken_from_its_cookie_only(ada: BrowserDriver, stranger: BrowserDriver) -> None:
    """SES-05."""
    real = ada.cookie(SESSION) or ""
    for query in (f"?{SESSION}={real}", f"?session={real}"):
        assert stranger.get(f"/account{query}").location == "/login"
    for headers in ({"Authorization": f"Bearer {real}"}, {"X-Session": real}):
        assert stranger.get("/account", **headers).location == "/login"


def test_the_cookie_of_another_purpose_is_no_session(browser: BrowserDriver, stranger: BrowserDriver) -> None:
    """A registration or a browser's binding is not a sign-in."""
    browser.prove(ADA)
    for name in ("portal-browser", "portal-registration", "portal-form"):
        value = browser.cookie(name)
        assert value, name
        assert not is_signed_in(with_session(stranger, value)), name


def test_the_session_cookie_is_gone_from_the_browser_when_the_session_is(ada: BrowserDriver, app: Flask) -> None:
    """SES-03: the cookie promises no more than the server keeps."""
    cookie = ada.client.get_cookie(SESSION)
    assert cookie is not None
    assert cookie.max_age == 30 * DAY
