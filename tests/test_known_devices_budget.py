"""Browsers that somebody signed in with have guesses and sends of their own, whatever others do (OTP-17, OTP-19)."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.knowing import ADA, ELSEWHERE, attack, length_for, member, registered, stranger
from tests.support.smtp import MailSink

__all__ = ["member", "stranger"]
DAY = timedelta(days=1)


def guess_wrong(browser: BrowserDriver, times: int, email: str = ADA) -> None:
    """Guess wrong at the code that the browser was sent."""
    code = browser.code_sent_to(email)
    for step in range(1, times + 1):
        assert browser.enter(wrong_code(code, step)).status_code == 401


def test_an_attack_from_elsewhere_does_not_lengthen_the_codes_of_a_known_browser(
    app: Flask, outbox: MailSink, member: BrowserDriver, stranger: BrowserDriver
) -> None:
    """OTP-17; signing out leaves the browser known (SES-19)."""
    attack(app, outbox)
    assert [length_for(app, stranger), length_for(app, member)] == [6, 4]
    assert member.enter(member.code_sent_to(ADA)).location == "/account"


def test_a_known_browser_counts_as_unknown_after_ten_wrong_guesses_in_thirty_days(
    app: Flask, outbox: MailSink, member: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OTP-17, OTP-12; standards.md 9.6, rule 6."""
    attack(app, outbox)
    for times in (5, 4, 1):
        clock.shift(602)
        assert length_for(app, member) == 4
        guess_wrong(member, times)
    assert member.heading == "This code no longer works", "more than one try was granted after nine"
    clock.shift(30)
    assert length_for(app, member) == 6
    clock.shift(30 * DAY)
    assert length_for(app, member) == 4


def test_a_success_gives_a_known_browser_the_guesses_of_that_code_back(
    app: Flask, outbox: MailSink, member: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Standards.md 9.6, rule 4: who often mistypes does not become unknown."""
    attack(app, outbox)
    for _ in range(4):
        clock.shift(60)
        assert length_for(app, member) == 4
        guess_wrong(member, 4)
        assert member.enter(member.code_sent_to(ADA)).location == "/account"
        member.post("/logout", {})


def test_wrong_guesses_on_a_known_browser_leave_the_codes_of_others_short(
    app: Flask, member: BrowserDriver, stranger: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OTP-17: its ledger is its own, in both directions."""
    for _ in range(2):
        assert length_for(app, member) == 4
        guess_wrong(member, 5)
        clock.shift(602)
    assert length_for(app, stranger) == 4


def test_a_known_browser_gets_its_letter_however_full_the_inbox_and_the_network_are(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-19: buckets of its own, both of them; the same network as the flood."""
    app = make_app(sends_per_inbox_per_hour=3, sends_per_source_per_hour=10, resend_after=0)
    member = registered(BrowserDriver(app, outbox), ADA)
    clock.shift(1)
    for number in range(12):
        ApiDriver(app, outbox).send(ADA if number < 4 else f"x{number}@example.com")
    newcomer = BrowserDriver(app, outbox)
    assert newcomer.ask(ADA).status_code == 429
    assert length_for(app, member) == 4
    assert member.enter(member.code_sent_to(ADA)).location == "/account"


def test_a_known_browser_has_a_quota_too_and_shares_the_long_code_beyond_it(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-19, OTP-20: the quota for an inbox, but a bucket that nobody else fills."""
    app = make_app(sends_per_inbox_per_hour=3, resend_after=0)
    member, stranger = registered(BrowserDriver(app, outbox), ADA), BrowserDriver(app, outbox, ELSEWHERE)
    clock.shift(3_600)
    assert [member.ask(ADA).status_code for _ in range(4)] == [303, 303, 303, 429]
    assert length_for(app, stranger) == 4
    clock.shift(600)
    assert length_for(app, member) == 20


def test_a_known_browser_and_a_stranger_are_each_told_and_given_back_what_is_theirs(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-17, API-03: whichever of them locked the account's ledger before."""
    app = make_app(sends_per_source_per_hour=2, resend_after=0)
    member = registered(BrowserDriver(app, outbox), ADA)
    clock.shift(3_600)
    visitors = [member, BrowserDriver(app, outbox, ELSEWHERE)]
    for first, second in (visitors, visitors[::-1]):
        assert [first.ask(ADA).status_code for _ in range(2)] == [303, 303]
        assert second.ask(ADA).status_code == 303
        clock.shift(600)
        for visitor, wait in ((first, 1_200), (second, None)):
            outbox.fault = "reject_5xx"
            assert [visitor.ask(ADA).status_code for _ in range(3)] == ([429] * 3 if wait else [500] * 3)
            outbox.fault = None
        assert second.ask(ADA).status_code == 303
        refused = [visitor.ask(ADA) for visitor in (first, second)]
        assert [answer.headers.get("Retry-After") for answer in refused] == ["1200", "1200"]
        clock.shift(7_200)
