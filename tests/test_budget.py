"""The guess budget of one account: how many guesses a length affords, and what comes after (standards.md 9.6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.guessing import ADA, LIFE, Visitor, evaluated, lengths, new_address, of_short_codes, steps
from tests.support.smtp import MailSink

DAY = timedelta(days=1)
MINUTES = timedelta(minutes=15)
PROFILES = {
    "lenient": ({4: 6, 6: 44, 8: 50}, {30: 4}),
    "default": ({4: 5, 6: 25, 8: 70}, {30: 6, 365: 4}),
    "strict": ({6: 5, 8: 95}, {30: 6}),
}
"""P2, P3 and P4: guesses at each length, and the length that codes have again after so many days."""

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def visitor(app: Flask, outbox: MailSink) -> Visitor:
    """Who asks for Ada's codes at a portal with the default budget."""
    return Visitor(app, outbox)


@pytest.fixture
def at(make_app: Made, outbox: MailSink) -> Callable[..., Visitor]:
    """Who asks for Ada's codes at a portal with other budgets; any bound is affordable, and the site has room."""
    any_bound = {"guess_target": 1, "site_guess_budgets": "4:9999/30d"}
    return lambda **settings: Visitor(make_app(**any_bound, **settings), outbox)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_length_affords_exactly_its_budget_and_gets_it_back_as_the_guesses_age(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller, profile: str
) -> None:
    """OTP-02, OTP-13: the numbers of 9.6. The long code lets its owner in, and clears no budget (D4)."""
    budgets, comes_back = PROFILES[profile]
    app = make_app(guess_profile=profile)
    visitor = Visitor(app, outbox)
    visitor.use_up()
    assert evaluated(app) == budgets
    clock.shift(LIFE)
    long = visitor.send()
    assert (long.length, long.is_right()) == (20, True)
    passed = timedelta(0)
    for days, length in comes_back.items():
        clock.shift(days * DAY - MINUTES - passed)
        assert visitor.send().length > length, f"{length} digits before {days} days were over"
        clock.shift(MINUTES)
        passed = days * DAY
        assert visitor.send().length == length


LADDERS = {
    "as it is written": ({}, {4: 2, 6: 3, 8: 4}),
    "codes of five digits have the budget of four": ({"code_length": 5}, {5: 2, 6: 3, 8: 4}),
    "codes of six digits begin there": ({"code_length": 6}, {6: 3, 8: 4}),
    "codes of seven digits have the budget of six": ({"code_length": 7}, {7: 3, 8: 4}),
    "codes of eight digits are the last": ({"code_length": 8}, {8: 4}),
    "codes of ten digits have the budget of eight": ({"code_length": 10}, {10: 4}),
    "a strict ladder begins higher than asked for": ({"guess_budgets": "6:2/30d,8:3/30d"}, {6: 2, 8: 3}),
    "in any order": ({"guess_budgets": "8:3/30d,4:1/365d"}, {4: 1, 8: 3}),
    "a length without a guess is passed over": ({"guess_budgets": "4:0/365d,6:2/30d"}, {6: 2}),
    "one guess a code": ({"code_attempts": 1}, {4: 2, 6: 3, 8: 4}),
    "more guesses a code than the budget has": ({"code_attempts": 10}, {4: 2, 6: 3, 8: 4}),
}


@pytest.mark.parametrize("name", LADDERS)
def test_any_ladder_is_climbed_rung_by_rung(at: Callable[..., Visitor], name: str) -> None:
    """BUD-01: each length, budget and number of guesses can be set; the sum is what is set, never more."""
    settings, expected = LADDERS[name]
    visitor = at(**{"guess_budgets": "4:2/30d,6:3/30d,8:4/30d", **settings})
    visitor.use_up(guesses=11)
    assert evaluated(visitor.app) == expected


def test_a_rolling_window_gives_each_guess_back_by_itself(
    at: Callable[..., Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-13: not all at once, and never more than three in any ten days."""
    visitor = at(guess_budgets="4:3/10d,6:99/10d")
    for day, expected in {0: 2, 4: 1, 7: 0, 10: 2, 11: 0, 14: 1, 17: 0, 20: 2}.items():
        # A guess ages from the end of its code's life on.
        clock.move_to(NOW + day * DAY + day // 10 * MINUTES)
        sent = visitor.send()
        assert sent.length == (4 if expected else 6), f"day {day}"
        before = evaluated(visitor.app).get(4, 0)
        sent.guess_wrong(2 if day == 0 else 5)
        assert evaluated(visitor.app).get(4, 0) - before == expected, f"day {day}"


def test_the_strict_profile_makes_no_code_of_four_digits_by_any_path(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-03: API and page, new and known browser, resend, after a success, after the flood and after a year."""
    visitor = Visitor(make_app(guess_profile="strict"), outbox)
    found = [visitor.send().length]
    browser = BrowserDriver(visitor.app, outbox)
    browser.register(ADA)
    browser.post("/logout", {})
    for _ in range(2):
        clock.shift(31)
        found.append(len(visitor.browse(browser)[1]))
    assert browser.enter("1234").status_code == 400, "four digits were taken for a guess"
    found += [visitor.use_up(8).length, len(visitor.browse()[1])]
    for days in (31, 366):
        clock.shift(days * DAY)
        found += [visitor.send().length, len(visitor.browse(browser)[1])]
    assert set(found) == {6, 8}


def test_after_five_wrong_guesses_the_right_code_is_refused_and_five_are_spent(visitor: Visitor) -> None:
    """OTP-08."""
    sent = visitor.send()
    sent.guess_wrong(5)
    assert not sent.is_right()
    assert evaluated(visitor.app) == {4: 5}
    assert visitor.send().length == 6


def test_a_resend_gives_no_guess_back(visitor: Visitor, clock: time_machine.Traveller) -> None:
    """OTP-09: four before it and one after it make five."""
    sent = visitor.send()
    sent.guess_wrong(4)
    clock.shift(31)
    again = visitor.send(sent.caller.address)
    assert (again.id, again.code) == (sent.id, sent.code)
    again.guess_wrong(1)
    assert not again.is_right()
    assert evaluated(visitor.app) == {4: 5}
    clock.shift(31)
    assert visitor.send(sent.caller.address).length == 6


@pytest.mark.parametrize("door", ["a hundred networks", "one network", "pages", "half and half"])
def test_guesses_count_wherever_they_come_from(visitor: Visitor, clock: time_machine.Traveller, door: str) -> None:
    """OTP-10, OTP-11, BUD-05: one guess at a time, the same step at the same guess for all doors and sources."""
    expected = steps((4, 5), (6, 25), (8, 70), (20, 1))
    expected = expected[: {"a hundred networks": 101, "half and half": 31}.get(door, 6)]
    found = []
    for turn in range(len(expected)):
        if door == "pages" or (door == "half and half" and turn % 2):
            browser, code = visitor.browse()
            assert browser.enter(wrong_code(code)).status_code == 401
            found.append(len(code))
        else:
            sent = visitor.send("198.51.100.7" if door == "one network" else None)
            sent.guess_wrong()
            found.append(sent.length)
        clock.shift(LIFE)
    assert found == expected


def test_a_hundred_codes_at_once_have_no_more_guesses_than_the_budget(visitor: Visitor) -> None:
    """OTP-12: reserved as they are made; every handle guesses as often as it may."""
    codes = [visitor.send() for _ in range(100)]
    assert sorted(lengths(codes)) == lengths(codes)
    for sent in codes:
        if sent.length < 20:
            sent.guess_wrong(6)
    guesses = of_short_codes(evaluated(visitor.app))
    assert guesses[4] == 5
    assert set(guesses) == {4, 6, 8}
    assert guesses[6] <= 25
    assert guesses[8] <= 70


def test_a_hundred_wrong_guesses_in_a_row_leave_long_codes_until_a_sign_in(
    at: Callable[..., Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-14: however much the lengths would afford, and however long ago; a success starts a new run."""
    visitor = at(guess_budgets="4:98/365d,6:1000/30d", code_attempts=10)
    visitor.use_up(guesses=11)
    assert evaluated(visitor.app) == {4: 98, 6: 2}
    for days in (31, 365):
        clock.shift(days * DAY)
        assert visitor.send().length == 20, "the run was forgotten"
    clock.shift(LIFE)
    assert visitor.send().is_right()
    assert visitor.send().length == 4


def test_a_success_ends_the_run_and_clears_no_budget(
    at: Callable[..., Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-13, OTP-14, D4: a new run of a hundred, of which forty are spent already."""
    visitor = at(guess_budgets="4:60/365d,6:60/30d,8:1000/30d", code_attempts=10)
    visitor.use_up(guesses=11)
    assert evaluated(visitor.app) == {4: 60, 6: 40}
    clock.shift(LIFE)
    assert visitor.send().is_right()
    visitor.use_up(guesses=11)
    assert evaluated(visitor.app) == {4: 60, 6: 60, 8: 80}


def test_a_success_ends_the_run_at_once(at: Callable[..., Visitor], clock: time_machine.Traveller) -> None:
    """OTP-14: within the minutes that the attacker's codes would still have lived, too."""
    visitor = at(guess_budgets="4:100/365d", code_attempts=10)
    long = visitor.use_up(guesses=10)
    clock.shift(1)
    assert long.is_right()
    clock.shift(366 * DAY)
    assert visitor.send().length == 4


def test_guesses_after_a_success_are_in_a_row_whenever_their_codes_were_made(
    at: Callable[..., Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-14: who asks for many codes first and waits for a sign-in has a hundred guesses from then on, not more."""
    visitor = at(guess_budgets="4:1000/365d", code_attempts=10)
    browser, code = visitor.browse()
    waiting = [visitor.send() for _ in range(7)]
    clock.shift(1)
    assert browser.enter(code).status_code == 303
    clock.shift(1)
    for sent in waiting:
        sent.guess_wrong(11)
    assert evaluated(visitor.app) == {4: 70}
    clock.shift(LIFE)
    visitor.use_up(guesses=11)
    assert evaluated(visitor.app) == {4: 100}


def test_foreign_guesses_prolong_the_run_by_the_spare_one_at_most(
    at: Callable[..., Visitor], clock: time_machine.Traveller
) -> None:
    """OTP-14: where a hundred are nearly spent, other networks have no more guesses than there are left."""
    visitor = at(guess_budgets="4:1000/365d", code_attempts=10)
    while (sent := visitor.send()).length < 20:
        clock.shift(1)
        for host in range(3):
            sent.caller.at(f"203.0.113.{host}").login(ADA, wrong_code(sent.code, 20 + host))
        sent.guess_wrong(11)
    assert 100 <= evaluated(visitor.app)[4] <= 101


def test_unknown_known_and_suspended_people_have_the_same_ledger(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-21, OTP-22: the same lengths and refusals in the same order; nobody learns who has an account."""
    found = {}
    for name in ("known", "suspended", "unknown"):
        visitor = Visitor(app, outbox, f"{name}@example.com")
        if name != "unknown":
            user = ApiDriver(app, outbox, new_address()).register(visitor.email)["user"]["id"]
            clock.shift(LIFE)
            if name == "suspended":
                services_of(app).users.suspend(user)
        codes = []
        for _ in range(8):
            codes.append(visitor.send())
            codes[-1].guess_wrong(6)
        found[name] = lengths(codes)
    assert found["unknown"] == steps((4, 1), (6, 5), (8, 2))
    assert found["known"] == found["suspended"] == found["unknown"]
