"""One ledger for mail and text messages: the account is the user's, however the code comes (OTP-10, BUD-05)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.signin.retention import prune
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, wrong_code
from tests.guessing import LIFE, Visitor, evaluated, lengths, new_address, of_short_codes, steps
from tests.phoning import ADA, NUMBER, STRANGER, api, app, browser, give_number, register_both
from tests.support.api import in_parallel
from tests.support.letters import code_in
from tests.support.outboxes import Outboxes
from tests.support.sms import code_in as code_in_text

__all__ = ["api", "app", "browser"]

HOUR = 3_600
LADDER = steps((4, 5), (6, 25), (8, 70), (20, 1))

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def ada(app: Flask, api: ApiDriver, outboxes: Outboxes, clock: time_machine.Traveller) -> tuple[Visitor, Visitor]:
    """Who asks for Ada's codes by mail, and who does by text message; she has registered a while ago."""
    register_both(app, api)
    clock.shift(LIFE)
    return Visitor(app, outboxes, ADA), Visitor(app, outboxes, NUMBER)


def guess_once(visitor: Visitor, door: str) -> int:
    """One code and one wrong guess at it; the length of the code."""
    if door == "page":
        browser, code = visitor.browse()
        assert browser.enter(wrong_code(code)).status_code == 401
        return len(code)
    sent = visitor.send()
    sent.guess_wrong()
    return sent.length


def test_half_the_guesses_by_mail_and_half_by_text_escalate_at_the_sum(
    app: Flask, ada: tuple[Visitor, Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-10, BUD-05: each from a network of its own, over the API and pages in turn."""
    found = []
    for turn in range(len(LADDER)):
        found.append(guess_once(ada[turn % 2], ("api", "api", "page", "page")[turn % 4]))
        clock.shift(LIFE)
    assert found == LADDER
    assert of_short_codes(evaluated(app)) == {4: 5, 6: 25, 8: 70}


def test_codes_by_mail_hold_what_codes_by_text_may_not_have(ada: tuple[Visitor, Visitor]) -> None:
    """OTP-12: reserved as they are made."""
    mailed, texted = ada
    codes = [mailed.send(), texted.send(), mailed.send(), texted.send()]
    assert lengths(codes) == [4, 6, 6, 6]
    for sent in codes:
        sent.guess_wrong(6)
    assert texted.send().length == mailed.send().length == 6


@pytest.mark.usefixtures("ada")
def test_many_codes_by_mail_and_text_at_once_afford_no_more_than_one_budget(app: Flask, outboxes: Outboxes) -> None:
    """OTP-12: at the same moment, by threads."""
    api = ApiDriver(app, outboxes)
    asked = [(api.at(new_address()), (ADA, NUMBER)[turn % 2]) for turn in range(16)]
    answers = in_parallel([partial(caller.send, whom) for caller, whom in asked])
    sent = [data_of(answer) for answer in answers if isinstance(answer, TestResponse)]
    assert len(sent) == 16
    codes = {code_in(mail) for mail in outboxes.sent_to(ADA)} | {
        code_in_text(text) for text in outboxes.sent_to(NUMBER)
    }
    for (caller, whom), data in zip(asked, sent, strict=True):
        wrong = next(code for code in (f"{n:0{data['codeLength']}}" for n in range(99)) if code not in codes)
        for _ in range(6):
            assert caller.login(whom, wrong, challengeId=data["challengeId"]).status_code == 401
    guesses = of_short_codes(evaluated(app))
    assert guesses[4] == 5
    assert guesses[6] <= 25


def test_a_right_code_by_text_ends_the_run_that_was_made_by_mail(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-14: a hundred in a row, whatever they came by."""
    app = make_app(
        sms_url=outboxes.sms.setting,
        guess_target=1,
        site_guess_budgets="4:9999/30d",
        guess_budgets="4:150/365d",
        code_attempts=10,
    )
    register_both(app, ApiDriver(app, outboxes))
    clock.shift(LIFE)
    mailed, texted = Visitor(app, outboxes, ADA), Visitor(app, outboxes, NUMBER)
    mailed.use_up(guesses=11)
    assert evaluated(app) == {4: 100}
    clock.shift(LIFE)
    assert texted.send().length == 20
    assert texted.send().is_right()
    assert mailed.send().length == 4


def test_a_browser_that_is_known_by_mail_is_known_by_phone(
    app: Flask, api: ApiDriver, browser: BrowserDriver, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-17: it is the person's, so attacks by either channel do not reach it."""
    browser.register(ADA)
    browser.post("/logout", {})
    clock.shift(LIFE)
    user_id = api.proven(ADA)["user"]["id"]
    give_number(app, user_id)
    for visitor in (Visitor(app, outboxes, ADA), Visitor(app, outboxes, NUMBER)):
        visitor.use_up(6)
    clock.shift(LIFE)
    assert Visitor(app, outboxes, NUMBER).send().length == 6
    clock.shift(31)
    assert [len(Visitor(app, outboxes, whom).browse(browser)[1]) for whom in (NUMBER, ADA)] == [4, 4]


def test_numbers_without_an_account_have_ledgers_of_their_own_which_go_along(
    app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-22: and whoever registers such a number takes its wrong guesses along."""
    visitor, other = Visitor(app, outboxes, NUMBER), Visitor(app, outboxes, STRANGER)
    visitor.use_up(6)
    clock.shift(LIFE)
    assert (visitor.send().length, other.send().length) == (6, 4)
    api = ApiDriver(app, outboxes, new_address())
    user_id = str(api.register(NUMBER)["user"]["id"])
    clock.shift(LIFE)
    assert visitor.send().length == 6
    mailed = Visitor(app, outboxes, ADA)
    with services_of(app).engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO identifier (channel, value, user_id, rank, verified_at) "
            f"SELECT 'email', '{ADA}', user_id, 0, verified_at FROM identifier WHERE user_id = '{user_id}'"
        )
    assert mailed.send().length == 6


def test_a_year_of_guesses_by_both_channels_is_a_year_of_guesses(
    app: Flask, ada: tuple[Visitor, Visitor], clock: time_machine.Traveller
) -> None:
    """BUD-02, shortened: after a month what six and eight digits afford has come back once, for both together."""
    for _ in range(2):
        for visitor in ada:
            visitor.use_up()
            clock.shift(LIFE)
        clock.shift(timedelta(days=31))
        prune(services_of(app).engine, services_of(app).seals)
        assert ada[1].send().is_right(), "her own sign-in ends the run of a hundred"
        clock.shift(LIFE)
    assert of_short_codes(evaluated(app)) == {4: 5, 6: 50, 8: 140}
