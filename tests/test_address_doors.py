"""A code that adds an address opens no other door, nor does another code add one (OTP-31); who pays for guesses."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.owning import ADA, BOB, DONE, EVE, NEW, Owner
from tests.support.letters import code_in, html_of, text_of
from tests.support.smtp import MailSink

CODE_INVALID = (401, "code_invalid")


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outbox: MailSink) -> Owner:
    """Ada, who has just registered; the clock stands still."""
    return Owner(ApiDriver(app, outbox))


def started(owner: Owner, email: str) -> tuple[str, str]:
    """The code that would add this address, and its handle."""
    owner.wait()
    challenge_id = data_of(owner.call("", email, locale="en"))["challengeId"]
    return owner.api.code_sent_to(email), str(challenge_id)


@pytest.mark.parametrize("email", [NEW, BOB], ids=["nobodys", "anothers"])
def test_a_code_that_adds_an_address_signs_nobody_in(
    ada: Owner, app: Flask, api: ApiDriver, outbox: MailSink, email: str
) -> None:
    """By JSON with its handle and without, from its network and from others."""
    if email == BOB:
        Owner(ApiDriver(app, outbox), BOB)
    code, handle = started(ada, email)
    for caller in (api, api.at("203.0.113.9")):
        assert outcome(caller.login(email, code)) == CODE_INVALID
        assert outcome(caller.login(email, code, challengeId=handle)) == CODE_INVALID
    assert ada.refusal("verify", email, code=code) == (DONE if email == NEW else (409, "already_registered"))


def test_a_code_that_adds_an_address_is_no_good_on_the_pages(
    ada: Owner, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Neither in a browser that waits for a code of its own, which is longer for the guesses at the other, nor with
    the handle."""
    code, handle = started(ada, NEW)
    clock.shift(1)
    browser.ask(NEW)
    assert browser.enter(code).status_code == 400
    answer = browser.post("/login/code", {"code": code, "challenge": handle})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert ada.refusal("verify", NEW, code=code) == DONE


def test_its_letter_has_no_link_that_signs_in(ada: Owner, browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-37: the token of its other link is none, either."""
    started(ada, NEW)
    letter = outbox.sent_to(NEW)[-1]
    for part in (text_of(letter), html_of(letter)):
        assert "/login/link/" not in part
        token = re.search(r"/login/not-me/([0-9a-f]{64})", part)
        assert token is not None
        assert browser.get(f"/login/link/{token[1]}").status_code == 404
        assert browser.get(f"/account/undo/{token[1]}").status_code == 404


def test_a_code_of_a_sign_in_adds_no_address(
    ada: Owner, api: ApiDriver, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Of an app in the same network, with its handle and without; of a browser."""
    sent = data_of(api.send(NEW))
    by_api = api.code_sent_to(NEW)
    browser.ask(NEW)
    by_browser = browser.code_sent_to(NEW)
    challenge = browser.hidden("challenge") or ""
    for code, handle in ((by_api, sent["challengeId"]), (by_browser, challenge)):
        assert ada.refusal("verify", NEW, code=code) == CODE_INVALID
        assert ada.refusal("verify", NEW, code=code, challengeId=handle) == CODE_INVALID
    assert ada.has() == [ADA]
    assert api.login(NEW, by_api).status_code == 200
    assert browser.enter(by_browser).location == "/register"


def test_a_code_is_of_the_session_that_asked_for_it(
    ada: Owner, app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """Neither of another person's, nor of another one of the same person."""
    code, handle = started(ada, NEW)
    eve = Owner(ApiDriver(app, outbox), EVE)
    token = ada.token
    clock.shift(60)
    ada.sign_in_again(ADA)
    for other in (eve, ada):
        assert other.refusal("verify", NEW, code=code) == CODE_INVALID
        assert other.refusal("verify", NEW, code=code, challengeId=handle) == CODE_INVALID
    ada.token = token
    assert ada.refusal("verify", NEW, code=code, challengeId=handle) == DONE
    assert (ada.has(), eve.has()) == ([NEW], [EVE])


def test_a_session_that_ended_meanwhile_adds_nothing(ada: Owner, app: Flask) -> None:
    """SES-08."""
    code, _handle = started(ada, NEW)
    assert ada.api.post("logout", token=ada.token).status_code == 200
    assert ada.refusal("verify", NEW, code=code) == (401, "unauthorized")
    assert services_of(app).users.find_by_id(ada.id).email == ADA


def test_in_a_flood_those_who_sign_in_and_those_who_add_share_no_code(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    """OTP-20, OTP-31: who reads that a code adds an address must not sign somebody in with it, nor the reverse."""
    app = make_app(sends_per_inbox_per_hour=3, sends_per_inbox_per_day=20, sends_per_source_per_hour=100)
    ada, api = Owner(ApiDriver(app, outbox)), ApiDriver(app, outbox)
    ada.api = ada.api.at("203.0.113.200")
    for host in range(5):
        clock.shift(1)
        assert api.at(f"203.0.113.{host}").send(NEW).status_code == 201
    flooded = code_in(outbox.sent_to(NEW)[-1])
    code, handle = started(ada, NEW)
    assert (len(flooded), len(code)) == (20, 20)
    assert code != flooded
    assert "It adds this address to an account" in text_of(outbox.sent_to(NEW)[-1])
    assert ada.refusal("verify", NEW, code=flooded) == CODE_INVALID
    for host in (3, 4, 200):
        caller = api.at(f"203.0.113.{host}")
        assert outcome(caller.login(NEW, code)) == CODE_INVALID
        assert outcome(caller.login(NEW, code, challengeId=handle)) == CODE_INVALID
    assert api.at("203.0.113.4").login(NEW, flooded).status_code == 200
    assert ada.refusal("verify", NEW, code=code) == DONE


def test_another_persons_letter_in_a_flood_adds_nothing_to_whoever_did_not_ask(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    """Two who want the same flooded address share a code, and who has it is who reads the mail there."""
    app = make_app(sends_per_inbox_per_hour=2, sends_per_inbox_per_day=20, sends_per_source_per_hour=100)
    ada, eve = (Owner(ApiDriver(app, outbox), email) for email in (ADA, EVE))
    for host in range(3):
        ApiDriver(app, outbox, f"203.0.113.{host}").send(NEW)
    started(eve, NEW)
    before = len(outbox.sent_to(NEW))
    code, _handle = started(ada, NEW)
    assert len(outbox.sent_to(NEW)) == before
    assert ada.refusal("verify", NEW, code=code) == DONE
    assert eve.refusal("verify", NEW, code=code) == CODE_INVALID
    assert (ada.has(), eve.has()) == ([NEW], [EVE])


def guessed(app: Flask, account: str) -> int:
    """Wrong guesses that an account's ledger counts."""
    query = text("SELECT COALESCE(sum(attempts + foreign_attempts), 0) FROM challenge WHERE account = :account")
    with services_of(app).engine.connect() as connection:
        return int(connection.execute(query, {"account": account}).scalar_one())


def test_guesses_at_an_address_follow_it_into_the_account(
    ada: Owner, app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """9.6: what was guessed before somebody had it is not forgotten, or it would be a way to start anew."""
    api.send(NEW)
    code = api.code_sent_to(NEW)
    for step in range(1, 6):
        assert outcome(api.login(NEW, wrong_code(code, step))) == CODE_INVALID
    assert guessed(app, ada.id) == 0
    clock.shift(60)
    ada.take(NEW)
    assert guessed(app, ada.id) == 5
    clock.shift(60)
    assert data_of(api.send(NEW))["codeLength"] == 6


def test_guesses_of_a_session_are_paid_by_whose_address_it_is(
    ada: Owner, app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """BUD-04: one more door is no more guesses. The owner of the address sees them in what happened."""
    bob = Owner(ApiDriver(app, outbox), BOB)
    clock.shift(60)
    code, _handle = started(ada, BOB)
    for step in range(1, 6):
        assert ada.refusal("verify", BOB, code=wrong_code(code, step)) == CODE_INVALID
    assert (guessed(app, bob.id), guessed(app, ada.id)) == (5, 0)
    clock.shift(60)
    bob.wait()
    assert data_of(api.send(BOB))["codeLength"] == 6
    query = text("SELECT count(*) FROM event WHERE user_id = :id AND kind = 'code_refused'")
    with services_of(app).engine.connect() as connection:
        assert connection.execute(query, {"id": bob.id}).scalar() == 5
