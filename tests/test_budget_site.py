"""The budget of all accounts together: sprays make unknown devices' codes longer for a while (standards.md 9.7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from tests.conftest import NOW, Made
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.guessing import LIFE, Visitor, lengths, new_address, steps
from tests.support.smtp import MailSink

DAY = timedelta(days=1)
MINUTES = timedelta(minutes=15)
SMALL = "4:3/30d,6:2/30d,8:1/30d"

pytestmark = pytest.mark.usefixtures("clock")

People = Callable[[str], Visitor]


@pytest.fixture
def small(make_app: Made) -> Flask:
    """A portal whose site affords three wrong guesses at four digits, two at six and one at eight."""
    app: Flask = make_app(site_guess_budgets=SMALL)
    return app


@pytest.fixture
def person(small: Flask, outbox: MailSink) -> People:
    """Who asks for the codes of one of many people."""
    return lambda name: Visitor(small, outbox, f"{name}@example.com")


def gauges(app: Flask, outbox: MailSink, name: str = "failed_guesses") -> dict[int, int]:
    """What /metrics says of the site's budget, by length."""
    page = ApiDriver(app, outbox).call("GET", "/metrics").text
    found = re.findall(rf'^auth_portal_site_{name}\{{length="(\d+)"\}} ([\d.]+)$', page, re.MULTILINE)
    return {int(length): int(float(value)) for length, value in found}


def member(app: Flask, outbox: MailSink, email: str) -> BrowserDriver:
    """A browser that somebody registered with and signed out of."""
    browser = BrowserDriver(app, outbox, new_address())
    browser.register(email)
    browser.post("/logout", {})
    return browser


def test_one_guess_on_each_of_fifty_accounts_makes_the_codes_of_all_unknown_devices_longer(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-16, BUD-06, 9.7: S4 is fifty; known devices keep four digits; thirty days later all have them again."""
    owner = Visitor(app, outbox, "owner@example.com")
    browser = member(app, outbox, owner.email)
    clock.shift(30)
    sprayed = [Visitor(app, outbox, f"person{number}@example.com") for number in range(50)]
    found = []
    for visitor in sprayed:
        sent = visitor.send()
        sent.guess_wrong()
        found.append(sent.length)
    assert found == steps((4, 50))
    assert gauges(app, outbox) == {4: 50, 6: 0, 8: 0}
    elsewhere = [owner, sprayed[0], Visitor(app, outbox, "new@example.com")]
    assert [visitor.send().length for visitor in elsewhere] == [6, 6, 6]
    assert [len(visitor.browse()[1]) for visitor in elsewhere] == [6, 6, 6]
    assert len(owner.browse(browser)[1]) == 4
    clock.move_to(NOW + 30 * DAY)
    assert owner.send().length == 6
    clock.shift(MINUTES)
    assert owner.send().length == 4
    assert gauges(app, outbox) == {4: 0, 6: 0, 8: 0}


def test_each_length_has_a_budget_and_beyond_the_last_codes_are_long(
    small: Flask, outbox: MailSink, person: People
) -> None:
    """9.7: one guess a person, whether with the code's handle or from another network; each at its length only."""
    found = []
    for number in range(8):
        sent = person(f"person{number}").send()
        caller = sent.caller.at(new_address()) if number % 2 else sent.caller
        assert caller.login(sent.email, wrong_code(sent.code)).status_code == 401
        found.append(sent.length)
    assert found == steps((4, 3), (6, 2), (8, 1), (20, 2))
    assert gauges(small, outbox) == {4: 3, 6: 2, 8: 1}
    assert gauges(small, outbox, "guess_budget") == {4: 3, 6: 2, 8: 1}


def test_the_budget_comes_back_guess_by_guess(person: People, clock: time_machine.Traveller) -> None:
    """BUD-06: as the entries age, not all at once."""
    for day in (0, 10, 20):
        clock.move_to(NOW + day * DAY)
        person(f"person{day}").send().guess_wrong()
    found = {}
    for day in (21, 31, 32, 41):
        clock.move_to(NOW + day * DAY)
        sent = person(f"person{day}").send()
        found[day] = sent.length
        if day == 31:
            sent.guess_wrong()
    assert found == {21: 6, 31: 4, 32: 6, 41: 4}


def test_a_success_takes_the_failures_of_its_code_out(small: Flask, outbox: MailSink, person: People) -> None:
    """9.7, 9.6 rule 4: who mistypes and gets in costs the site nothing."""
    clumsy, second = person("clumsy").send(), person("second").send()
    clumsy.guess_wrong(2)
    second.guess_wrong(1)
    assert person("third").send().length == 6
    assert clumsy.is_right()
    assert gauges(small, outbox)[4] == 1
    assert person("fourth").send().length == 4


def test_wrong_guesses_on_a_known_device_cost_the_site_nothing(
    small: Flask, outbox: MailSink, person: People, clock: time_machine.Traveller
) -> None:
    """9.7: unknown devices only."""
    browser = member(small, outbox, "owner@example.com")
    clock.shift(30)
    _browser, code = person("owner").browse(browser)
    for step in range(1, 6):
        browser.enter(wrong_code(code, step))
    assert gauges(small, outbox)[4] == 0
    assert person("somebody").send().length == 4


def test_a_code_is_as_long_as_the_account_and_the_site_both_ask_for(make_app: Made, outbox: MailSink) -> None:
    """9.7: the longer of the two; what the account has spent at six digits counts there."""
    app = make_app(site_guess_budgets="4:5/30d,6:99/30d", guess_budgets="4:9/30d,6:2/30d,8:5/30d", guess_target=1)
    spent, fresh = Visitor(app, outbox, "spent@example.com"), Visitor(app, outbox, "fresh@example.com")
    Visitor(app, outbox, "sprayed@example.com").send().guess_wrong(5)
    sent = spent.send()
    sent.guess_wrong(5)
    assert (sent.length, spent.send().length, fresh.send().length) == (6, 8, 6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"code_length": 5}, {5: 3, 6: 2, 8: 1}),
        ({"code_length": 7}, {7: 2, 8: 1}),
        ({"guess_profile": "strict"}, {6: 2, 8: 1}),
        ({"site_guess_budgets": "4:3/30d"}, {4: 3, 6: 3, 8: 3}),
    ],
    ids=["five digits", "seven digits", "strict", "one rung for all"],
)
def test_a_length_without_a_budget_of_its_own_has_that_of_the_next_lower_one(
    make_app: Made, outbox: MailSink, settings: dict[str, object], expected: dict[int, int]
) -> None:
    app = make_app(**{"site_guess_budgets": SMALL, **settings})
    found = []
    for number in range(sum(expected.values()) + 1):
        sent = Visitor(app, outbox, f"person{number}@example.com").send()
        sent.guess_wrong()
        found.append(sent.length)
    assert found == steps(*expected.items(), (20, 1))
    assert gauges(app, outbox, "guess_budget") == expected


@pytest.fixture
def burst(make_app: Made, outbox: MailSink) -> Callable[..., Callable[[str], Visitor]]:
    """Portals that let three short codes wait at once, unless told otherwise."""

    def make(**settings: object) -> People:
        limits = {"sends_per_source_per_hour": 100, "open_short_codes": 3, "site_guess_budgets": "4:50/30d,6:100/30d"}
        app = make_app(**{**limits, **settings})
        return lambda name: Visitor(app, outbox, f"{name}@example.com")

    return make


def test_no_more_short_codes_wait_at_once_than_the_site_affords_in_a_burst(
    burst: Callable[..., People], clock: time_machine.Traveller
) -> None:
    """OTP-16: a spray must not outrun its ledger; at six digits a fifth of its budget. It passes by itself."""
    person = burst()
    codes = [person(f"person{number}").send() for number in range(10)]
    assert lengths(codes) == steps((4, 3), (6, 4), (8, 3))
    assert codes[1].is_right()
    assert lengths(person(f"later{number}").send() for number in range(2)) == [4, 8]
    clock.shift(LIFE)
    assert person("late").send().length == 4


@pytest.mark.parametrize("off", [{"open_short_codes": 0}, {"sends_per_source_per_hour": 0}], ids=str)
def test_the_limit_of_a_burst_can_be_switched_off(burst: Callable[..., People], off: dict[str, int]) -> None:
    person = burst(**off)
    assert {person(f"person{number}").send().length for number in range(5)} == {4}


def test_a_burst_leaves_known_devices_their_short_codes_and_these_take_nobodys_place(
    burst: Callable[..., People], outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-17."""
    person = burst()
    owner = person("owner")
    browser = member(owner.app, outbox, owner.email)
    clock.shift(30)
    assert len(owner.browse(browser)[1]) == 4
    assert lengths(person(f"person{number}").send() for number in range(4)) == [4, 4, 4, 6]
    clock.shift(30)
    assert len(owner.browse(browser)[1]) == 4
