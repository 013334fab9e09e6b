"""The link of a letter that stops its code, both links in a flood, and which letters have which (OTP-37, OTP-20)."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, cookies_of, data_of, outcome, wrong_code
from tests.support.letters import code_in, html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
BOB = "bob@example.com"
REFUSED = (401, "code_invalid")
ASK, DONE, USED, DEAD = (
    "Was it not you?",
    "The codes no longer work",
    "This code was used to sign in",
    "There is nothing to do",
)


@pytest.fixture
def owner(clock: time_machine.Traveller, app: Flask, outbox: MailSink) -> BrowserDriver:
    """The browser in which Ada reads her letters; she never asked for anything in it."""
    return BrowserDriver(app, outbox, "198.51.100.7")


def stop_link(outbox: MailSink, kind: str = "not-me") -> str:
    """The path of the newest link to Ada that stops a code, or of another kind."""
    letters = "\n".join(text_of(mail) for mail in outbox.sent_to(ADA))
    return str(re.findall(rf"/login/{kind}/[0-9a-f]{{64}}", letters)[-1])


def press(browser: BrowserDriver, path: str) -> str:
    """Open the link and press what is or would be its button; the heading of the page that follows."""
    browser.get("/login")
    token = browser.hidden("csrf_token") or ""
    browser.get(path)
    browser.post(path, {"csrf_token": token})
    return browser.heading


def test_every_pending_code_of_that_address_is_dead_and_no_other(
    app: Flask, browser: BrowserDriver, api: ApiDriver, owner: BrowserDriver, outbox: MailSink
) -> None:
    """OTP-37: whoever asked for them, in whatever way, approved or not; other addresses know nothing of it."""
    approved, other = BrowserDriver(app, outbox), BrowserDriver(app, outbox)
    approved.ask(ADA)
    press(owner, stop_link(outbox, kind="link"))
    assert approved.get("/login/code/state").json["approved"] is True
    browser.ask(ADA)
    api.send(ADA)
    other.ask(BOB)
    codes = [code_in(mail) for mail in outbox.sent_to(ADA)]
    owner.get(stop_link(outbox))
    assert owner.heading == ASK
    assert ADA in owner.page
    assert press(owner, stop_link(outbox)) == DONE
    assert approved.enter("").status_code in (400, 401)
    assert approved.enter(codes[0]).status_code == 401
    assert browser.enter(codes[1]).status_code == 401
    assert outcome(api.login(ADA, codes[2])) == REFUSED
    assert other.enter(other.code_sent_to(BOB)).location == "/register"


def test_a_new_code_may_be_asked_for_and_works(
    browser: BrowserDriver, owner: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15: it stops codes, not the account."""
    browser.ask(ADA)
    press(owner, stop_link(outbox))
    assert browser.enter(browser.code_sent_to(ADA)).status_code == 401
    assert owner.prove(ADA).location == "/register"
    clock.shift(30)
    assert browser.prove(ADA).location == "/register"


def test_a_second_press_and_the_link_of_an_older_letter_are_harmless(
    browser: BrowserDriver, owner: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-37: it stops what was pending then, nothing later."""
    browser.ask(ADA)
    former = stop_link(outbox)
    assert [press(owner, former), press(owner, former)] == [DONE, DEAD]
    clock.shift(30)
    browser.ask(ADA)
    assert press(owner, former) == DEAD
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_a_used_code_tells_when_it_was_used_and_stays_so(
    app: Flask, browser: BrowserDriver, owner: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-37, ui.md: it tells the person what happened; the sign-in is not undone."""
    browser.register(ADA)
    clock.shift(3_600)
    other = BrowserDriver(app, outbox)
    other.ask(ADA)
    path, code = stop_link(outbox), other.code_sent_to(ADA)
    clock.shift(120)
    other.enter(code)
    clock.shift(86_400)
    owner.get(path)
    assert owner.heading == USED
    assert "22 May 2026" in owner.page
    assert "17:13" in owner.page
    assert press(owner, path) == USED
    assert other.get("/account").status_code == 200


def test_an_expired_code_is_nothing_to_stop(
    browser: BrowserDriver, owner: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    browser.ask(ADA)
    clock.shift(600)
    assert press(owner, stop_link(outbox)) == DEAD


def test_wrong_guesses_at_a_stopped_code_stay_counted(
    app: Flask, api: ApiDriver, owner: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-37, OTP-13: pressing it between guesses gives an attacker nothing."""
    for host, guesses in enumerate((3, 2), 1):
        attacker = api.at(f"203.0.113.{host}")
        attacker.send(ADA)
        code, path = attacker.code_sent_to(ADA), stop_link(outbox)
        assert len(code) == 4
        for step in range(1, guesses + 1):
            attacker.login(ADA, wrong_code(code, step))
        assert press(owner, path) == DONE
        # The ledger holds all of a code's guesses for another second, as far as clocks may be apart.
        clock.shift(2)
    services_of(app).background.wait()
    assert data_of(api.send(ADA))["codeLength"] == 6


def test_it_stops_the_shared_code_of_a_flood_for_good(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20, OTP-37: who asks afterwards gets another code, and a letter with it."""
    app = make_app(sends_per_inbox_per_hour=1)
    ApiDriver(app, outbox, "203.0.113.1").send(ADA)
    attacker, owner = BrowserDriver(app, outbox), BrowserDriver(app, outbox)
    attacker.ask(ADA)
    stopped = attacker.code_sent_to(ADA)
    assert len(stopped) == 20
    assert press(owner, stop_link(outbox)) == DONE
    clock.shift(60)
    owner.ask(ADA)
    assert attacker.enter(stopped).status_code == 401
    assert owner.enter(stopped).status_code == 401
    assert owner.enter(owner.code_sent_to(ADA)).location == "/register"


def test_the_link_of_a_shared_code_works_only_in_browsers_that_asked_and_once(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20, OTP-37: nobody knows which of those who asked in a flood reads the letter."""
    app = make_app(sends_per_inbox_per_hour=1)
    ApiDriver(app, outbox, "203.0.113.1").register(ADA)
    first, second, phone = (BrowserDriver(app, outbox, f"198.51.100.{host}") for host in range(3))
    for asking in (first, second):
        asking.ask(ADA)
    link = stop_link(outbox, kind="link")
    assert press(phone, link) == "Type the code"
    assert [asking.get("/login/code/state").json["approved"] for asking in (first, second)] == [False] * 2
    press(second, link)
    assert second.get("/account").status_code == 200
    phone.ask(ADA)
    for late in (first, phone):
        assert press(late, link) == "This link no longer works"
        assert late.get("/account").location == "/login"


@pytest.mark.parametrize("token", ["0" * 64, "a" * 3_900, "%00", "%E2%80%AE" * 64, "0" * 63])
def test_a_made_up_link_stops_nothing(browser: BrowserDriver, owner: BrowserDriver, token: str) -> None:
    browser.ask(ADA)
    assert owner.get(f"/login/not-me/{token}").status_code == 404
    assert press(owner, f"/login/not-me/{token}") == DEAD
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_it_signs_nobody_in_and_sets_no_cookie_of_ours(
    browser: BrowserDriver, owner: BrowserDriver, outbox: MailSink
) -> None:
    browser.ask(ADA)
    answer = owner.get(stop_link(outbox))
    assert set(cookies_of(answer)) <= {"portal-form"}
    press(owner, stop_link(outbox))
    assert owner.get("/account").location == "/login"


def test_a_letter_for_an_app_has_no_link_to_sign_in_but_one_to_stop_it(
    api: ApiDriver, owner: BrowserDriver, outbox: MailSink
) -> None:
    """OTP-37: an app has no page that could go on."""
    api.send(ADA)
    letter = outbox.sent_to(ADA)[-1]
    for part in (text_of(letter), html_of(letter)):
        assert "/login/link/" not in part
        assert len(re.findall(r"/login/not-me/[0-9a-f]{64}", part)) == 1
    assert press(owner, stop_link(outbox)) == DONE
    assert outcome(api.login(ADA, api.code_sent_to(ADA))) == REFUSED


def test_where_sign_up_is_closed_a_strangers_letter_has_neither_code_nor_link(
    make_app: Made, outbox: MailSink
) -> None:
    """OTP-37: there is nothing to sign in to."""
    BrowserDriver(make_app(signup="closed"), outbox).ask(ADA)
    letter = outbox.sent_to(ADA)[-1]
    for part in (text_of(letter), html_of(letter)):
        assert "/login/" not in part
