"""A relay that is lost in the middle of a send: nothing of the send is kept, and nothing of a guess is given back.

What callers of the JSON API are told is in ``test_delivery_portal``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from auth_portal.delivery import deliverer, handover
from tests.conftest import services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.support.letters import ReceivedMail
from tests.support.smtp import MailSink, code_in
from tests.support.smtp_session import HungUp
from tests.test_pages_links import DEAD, letter_link, press

ADA = "ada@example.com"
LIMIT = 2
RESEND_AFTER = 30
FAULTS = ["stopped", "refuse_connection", "reject_4xx", "close_mid_data", "lost_answer", "slow_reply"]
SENT, FAILED = (201, None), (500, "delivery_failed")


class LossyRelay(MailSink):
    """A relay that may drop the connection when it has accepted a letter, before it says so."""

    loses_answers = False
    meanwhile: Callable[[], object] | None = None
    """What happens before the first lost answer."""

    def _keep(self, mail: ReceivedMail) -> None:
        super()._keep(mail)
        if self.loses_answers:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            raise HungUp

    def fail(self, fault: Any) -> None:
        """Fail in this way from now on."""
        self.drop_connections()  # a kept one is past being refused
        self.loses_answers = fault == "lost_answer"
        self.fault = None if fault in ("stopped", "lost_answer") else fault
        if fault == "slow_reply":
            deliverer.SEND_BUDGET_S = 0.5  # of 7; relays that answer keep all of it, on a slow machine too
        if fault == "stopped":
            self.stop()

    def recover(self) -> None:
        """Work again."""
        self.fault, self.loses_answers = None, False
        deliverer.SEND_BUDGET_S = handover.SEND_BUDGET_S
        self.drop_connections()
        self.start()


@pytest.fixture
def relay() -> Iterator[LossyRelay]:
    """A relay of this test's own."""
    with LossyRelay() as sink:
        yield sink


@pytest.fixture
def portal(
    clock: time_machine.Traveller, database_url: str, relay: LossyRelay, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """A portal that sends 2 letters an hour to one inbox."""
    monkeypatch.setattr(deliverer, "SEND_BUDGET_S", handover.SEND_BUDGET_S)  # restored whatever the relay did to it
    app = create_app(settings_for(database_url, relay.url, sends_per_inbox_per_hour=LIMIT))
    yield app
    services_of(app).background.wait()
    services_of(app).engine.dispose()


@pytest.fixture
def visitor(portal: Flask, relay: LossyRelay) -> BrowserDriver:
    """A browser."""
    return BrowserDriver(portal, relay)


@pytest.fixture
def caller(portal: Flask, relay: LossyRelay) -> ApiDriver:
    """A JSON caller from a network that no browser is in."""
    return ApiDriver(portal, relay, "198.51.100.7")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_page_says_so_and_neither_limit_nor_guesses_are_spent(
    fault: str, visitor: BrowserDriver, caller: ApiDriver, relay: LossyRelay
) -> None:
    """OTP-12, OTP-15, MAIL-16: the address stays in its field, and the button works as soon as the relay does."""
    relay.fail(fault)
    answers = [visitor.ask(ADA) for _ in range(LIMIT + 1)]
    page = (visitor.heading, visitor.value("email"), visitor.error("email"))
    relay.recover()
    relay.clear()

    assert [answer.status_code for answer in answers] == [500] * (LIMIT + 1)
    assert page == ("Sign in", ADA, "The letter could not be sent. Please try again.")
    # The account can afford five guesses at four digits: had a lost challenge kept its own, there were none left.
    assert data_of(caller.send(ADA))["codeLength"] == 4
    assert visitor.ask(ADA).location == "/login/code"
    assert [mail.recipients for mail in relay.messages] == [[ADA]] * LIMIT
    assert visitor.enter(code_in(relay.messages[-1])).location == "/register"


def test_a_letter_that_arrives_although_its_relay_was_lost_opens_nothing_and_the_next_one_does(
    visitor: BrowserDriver, caller: ApiDriver, relay: LossyRelay
) -> None:
    """OTP-05, OTP-06: its challenge was withdrawn. The newest letter counts."""
    relay.fail("lost_answer")
    assert outcome(caller.send(ADA)) == FAILED
    assert visitor.ask(ADA).status_code == 500
    lost = [code_in(mail) for mail in relay.messages]
    link = letter_link(relay)
    relay.recover()

    assert len(relay.messages) == 2
    assert press(visitor, link).status_code == 404
    assert visitor.heading == DEAD
    assert outcome(caller.login(ADA, lost[0])) == (401, "code_invalid")
    assert outcome(caller.send(ADA)) == SENT
    assert outcome(caller.login(ADA, code_in(relay.messages[-1]))) == (200, None)


def test_a_kept_connection_that_is_lost_before_the_answer_brings_the_same_letter_twice(
    caller: ApiDriver, relay: LossyRelay
) -> None:
    """MAIL-16: nobody can tell whether a relay took what it never confirmed; one code is in both."""
    assert outcome(caller.send("eve@example.com")) == SENT
    relay.loses_answers = True
    assert outcome(caller.send(ADA)) == FAILED

    assert len({code_in(mail) for mail in relay.sent_to(ADA)}) == 1
    assert len(relay.sent_to(ADA)) == 2


def test_guesses_made_while_a_lost_letter_was_on_its_way_stay_counted(
    portal: Flask, caller: ApiDriver, relay: LossyRelay, clock: time_machine.Traveller
) -> None:
    """OTP-08, OTP-09, OTP-13: what was evaluated was evaluated, whatever became of the letter."""
    answers: list[TestResponse] = []

    def guess() -> None:
        code = code_in(relay.messages[-1])
        answers.extend(caller.login(ADA, wrong_code(code, step)) for step in range(1, 6))

    relay.loses_answers, relay.meanwhile = True, guess
    assert outcome(caller.send(ADA)) == FAILED
    relay.recover()

    assert [outcome(answer) for answer in answers] == [(401, "code_invalid")] * 5
    sent = caller.send(ADA)
    assert outcome(sent) == SENT
    assert data_of(sent)["codeLength"] == 6, "five wrong guesses at four digits are all that an account affords"


@pytest.mark.parametrize("fault", ["stopped", "lost_answer"])
def test_a_failed_resend_gives_no_guess_back_and_leaves_the_older_letter_good(
    fault: str, visitor: BrowserDriver, relay: LossyRelay, clock: time_machine.Traveller
) -> None:
    """OTP-08, OTP-09."""
    visitor.ask(ADA)
    code = code_in(relay.messages[-1])
    tries = [visitor.enter(wrong_code(code, step)).status_code for step in (1, 2, 3, 4)]
    clock.shift(RESEND_AFTER)
    relay.fail(fault)
    for _ in range(LIMIT):
        assert visitor.ask(ADA).status_code == 500
    relay.recover()
    visitor.get("/login/code")

    assert tries == [401] * 4
    assert visitor.enter(wrong_code(code, 5)).status_code == 401
    assert visitor.heading == "This code no longer works"
    assert visitor.enter(code).status_code == 401


@pytest.mark.parametrize("fault", ["stopped", "lost_answer"])
def test_a_failed_resend_leaves_the_older_letter_good(
    fault: str, visitor: BrowserDriver, relay: LossyRelay, clock: time_machine.Traveller
) -> None:
    """OTP-15: and the wait before the next letter is not a second longer for it."""
    visitor.ask(ADA)
    clock.shift(RESEND_AFTER)
    relay.fail(fault)
    assert visitor.ask(ADA).status_code == 500
    relay.recover()
    visitor.ask(ADA)

    assert visitor.notice.startswith("Sent again. It is the same code")
    assert len({code_in(mail) for mail in relay.messages}) == 1
    assert visitor.enter(code_in(relay.messages[0])).location == "/register"


@pytest.mark.parametrize("fault", ["stopped", "reject_4xx", "lost_answer"])
def test_in_a_flood_a_shared_letter_that_was_lost_is_sent_with_the_next_request(
    fault: str, caller: ApiDriver, visitor: BrowserDriver, relay: LossyRelay
) -> None:
    """OTP-15, OTP-20: else nobody who asks would have a code for ten minutes."""
    for host in range(LIMIT):
        assert outcome(caller.at(f"203.0.113.{host}").send(ADA)) == SENT
    relay.fail(fault)
    assert outcome(caller.send(ADA)) == FAILED
    relay.recover()
    relay.clear()

    assert data_of(caller.send(ADA))["codeLength"] == 20
    assert [len(code_in(mail)) for mail in relay.sent_to(ADA)] == [20]
    visitor.ask(ADA)
    assert visitor.enter(code_in(relay.messages[-1])).location == "/register"
