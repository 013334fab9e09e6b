"""A code whose letter no relay took is withdrawn; what was guessed at it stays counted (OTP-13, contract 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import time_machine
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth_portal.signin.codes import derive_code
from auth_portal.signin.keyring import KeyRing
from tests.conftest import SECRET_KEY, Made, services_of
from tests.drivers import ApiDriver, data_of, outcome, wrong_code
from tests.support.smtp import MailSink

ADA = "ada@example.com"
REFUSED = (401, "code_invalid")


def send_in_vain(api: ApiDriver, outbox: MailSink, meanwhile: Callable[[], None]) -> None:
    """Ask for a code; do something while the relay keeps the portal waiting, before it refuses."""
    answers: list[TestResponse] = []
    before = outbox.connections
    outbox.fault = "slow_banner"
    asking = threading.Thread(target=lambda: answers.append(api.send(ADA)))
    asking.start()
    while outbox.connections == before:
        asking.join(0.01)
        assert asking.is_alive()
    meanwhile()
    outbox.fault = "refuse_connection"
    outbox.drop_connections()
    asking.join()
    outbox.fault = None
    assert outcome(answers[0]) == (500, "delivery_failed")


def code_underway(app: Flask) -> str:
    """The code that nobody has a letter of, so that a guess can be wrong for certain."""
    with services_of(app).engine.connect() as connection:
        newest = "SELECT id, key_id, code_length FROM challenge ORDER BY created_at DESC LIMIT 1"
        row = connection.execute(text(newest)).one()
    return derive_code(KeyRing([SECRET_KEY]), row.key_id, row.id, row.code_length) or ""


def test_without_a_guess_the_next_code_is_as_short(api: ApiDriver, outbox: MailSink) -> None:
    """And may be asked for at once."""
    for _ in range(3):
        send_in_vain(api, outbox, lambda: None)
    assert data_of(api.send(ADA))["codeLength"] == 4
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_guesses_while_the_letter_is_on_its_way_are_not_given_back(
    app: Flask, api: ApiDriver, outbox: MailSink
) -> None:
    """OTP-08, OTP-13: while a relay is away, nobody guesses without end."""

    def guess() -> None:
        code = code_underway(app)
        for step in range(1, 6):
            assert outcome(api.login(ADA, wrong_code(code, step))) == REFUSED

    send_in_vain(api, outbox, guess)
    assert data_of(api.send(ADA))["codeLength"] == 6
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_code_whose_letter_did_not_leave_is_dead(app: Flask, api: ApiDriver, outbox: MailSink) -> None:
    """Whoever would still find it by chance gets nothing."""
    found: list[str] = []

    def guess() -> None:
        found.append(code_underway(app))
        assert outcome(api.login(ADA, wrong_code(found[0]))) == REFUSED

    send_in_vain(api, outbox, guess)
    assert outcome(api.login(ADA, found[0])) == REFUSED


def test_a_resend_of_the_shared_code_that_fails_leaves_its_first_letter_good(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-20; contract, section 2: an older live code still works, for all who share it."""
    app = make_app(sends_per_inbox_per_hour=10)
    api = ApiDriver(app, outbox)
    for host in range(10):
        assert api.at(f"203.0.113.{host}").send(ADA).status_code == 201
    first, second = api.at("198.51.100.1"), api.at("198.51.100.2")
    assert [data_of(caller.send(ADA))["codeLength"] for caller in (first, second)] == [20, 20]
    code = first.code_sent_to(ADA)
    clock.shift(360)  # room for one letter more
    outbox.fault = "refuse_connection"
    outbox.drop_connections()
    assert outcome(second.send(ADA)) == (500, "delivery_failed")
    outbox.fault = None
    assert data_of(second.send(ADA))["codeLength"] == 20
    assert second.code_sent_to(ADA) == code
    assert first.login(ADA, code).status_code == 200
