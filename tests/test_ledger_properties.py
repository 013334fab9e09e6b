"""The portal's ledger against the model of the document, whatever people do in whatever order (BUD-04, OTP-13).

Hypothesis chooses who asks, guesses, registers, and how much time passes, on a real portal through its doors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth_portal.db import utcnow
from auth_portal.signin.retention import prune
from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.ledger_model import Code, Grant, Ledger
from tests.support.smtp import MailSink

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NETWORKS, STRANGER = ("192.0.2.1", "192.0.2.2", "198.51.100.3"), "203.0.113.9"
BROWSERS = ("laptop", "phone")
LADDERS = {
    "4:5/365d,6:25/30d,8:70/30d": 5,
    "4:6/30d,6:9/60d": 5,
    "4:3/10d,6:4/20d,8:2/365d": 3,
    "4:60/365d,6:1000/30d": 10,
}
"""Budgets, and the guesses of a code. In the last one a hundred failures in a row come first."""
*_USUAL, _IN_A_ROW = LADDERS
STARTS = [
    *itertools.product(_USUAL, ["unknown", "registered", "known"], [""]),
    *itertools.product([_IN_A_ROW], ["unknown", "known"], ["under way", "is over"]),
]
"""Whose address it is, and whether a hundred failures in a row are near, or were."""
PAUSES = (
    *(timedelta(seconds=seconds) for seconds in (1, 29, 540, 599, 600, 601, 3_600)),
    *(timedelta(days=days) for days in (1, 4, 10, 11, 20, 31, 61)),
)
LONGEST = 380 * DAY
ROWS = text("SELECT id, attempts, attempts_allowed, foreign_attempts, foreign_allowed, consumed_at FROM challenge")
CODES = st.integers(0, 3)
_names = itertools.count(1)


class LedgerMachine(RuleBasedStateMachine):
    """One account that nobody else's examples know, and everybody who asks for its codes."""

    def __init__(self, portals: dict[str, Flask], outbox: MailSink) -> None:
        super().__init__()
        self.portals, self.outbox = portals, outbox
        self.email = f"ada{next(_names)}@example.com"
        self.devices: set[str] = set()
        self.token: str | None = None
        self.is_registered = False
        self.travel = time_machine.travel(NOW, tick=False)
        self.clock = self.travel.start()

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: tuple[str, str, str]) -> None:
        """Choose the portal, and what happened before."""
        ladder, owner, attack = start
        self.app = self.portals[ladder]
        parts = [rung.replace("/", ":").rstrip("d").split(":") for rung in ladder.split(",")]
        rungs = tuple((int(length), int(budget), int(days) * DAY) for length, budget, days in parts)
        self.ledger = Ledger(rungs, LADDERS[ladder])
        self.callers = {network: ApiDriver(self.app, self.outbox, network) for network in NETWORKS}
        self.browsers = {name: BrowserDriver(self.app, self.outbox) for name in BROWSERS}
        if owner != "unknown":
            self.send(NETWORKS[1], SECOND, 3, 0)
            self._sign_in(NETWORKS[0])
            self.register()
        if owner == "known":
            self._sign_in(BROWSERS[0])
        if attack:
            self._attack(is_over=attack == "is over")

    def teardown(self) -> None:
        """Let the clock go."""
        self.travel.stop()

    @rule(
        holder=st.sampled_from(NETWORKS + BROWSERS),
        pause=st.sampled_from((SECOND, SECOND, timedelta(minutes=11))),
        wrong=st.sampled_from((0, 0, 1, 3, 11)),
        strangers=st.sampled_from((0, 0, 1, 3)),
    )
    def send(self, holder: str, pause: timedelta, wrong: int, strangers: int) -> None:
        """Somebody has a code sent, the waiting one again or a new one; strangers and its holder guess at it."""
        self.clock.shift(pause)
        services_of(self.app).background.wait()
        challenge_id = self._ask(holder)
        sent = self.outbox.code_sent_to(self.email)
        newest = self.ledger.newest_of(holder)
        if newest is not None and newest.takes_own(utcnow()):
            assert (challenge_id, sent) == (newest.id, newest.text), "a resend is the same code"
        else:
            self._note_new(holder, challenge_id, sent)
        if strangers:
            self.guess_from_elsewhere(strangers, is_right=False)
        for step in range(wrong):
            self._guess(self.ledger.newest_of(holder), step)

    @precondition(lambda self: self.ledger.codes)
    @rule(back=CODES, guesses=st.integers(1, 6))
    def guess_wrong(self, back: int, guesses: int) -> None:
        """The holder of one of the last codes guesses wrong."""
        for step in range(guesses):
            self._guess(self._code(back), step)

    @precondition(lambda self: self.ledger.codes)
    @rule(back=CODES)
    def guess_right(self, back: int) -> None:
        """The holder of one of the last codes enters it."""
        self._guess(self._code(back), None)

    @precondition(lambda self: self.ledger.codes)
    @rule(guesses=st.integers(1, 3), is_right=st.booleans())
    def guess_from_elsewhere(self, guesses: int, is_right: bool) -> None:
        """Somebody in a network without a code guesses at the newest one."""
        stranger = ApiDriver(self.app, self.outbox, STRANGER)
        for step in range(guesses):
            now = utcnow()
            code = self.ledger.newest_api(now)
            takes = code is not None and code.takes_foreign(now)
            target = code or self._code(0)
            typed = target.text if is_right else wrong_code(target.text, step + 1)
            answer = stranger.login(self.email, typed)
            assert (answer.status_code == 200) is (takes and is_right)
            if code is not None and takes:
                code.foreign.append(now)
                self._settle(code, answer if is_right else None, from_elsewhere=True)

    @precondition(lambda self: self.token is not None and not self.is_registered)
    @rule()
    def register(self) -> None:
        """Whoever proved the address becomes its user."""
        body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
        answer = self.callers[NETWORKS[0]].post("complete-registration", body, token=self.token)
        assert answer.status_code in (201, 401), "it is refused only once it is over"
        self.is_registered = answer.status_code == 201
        self.token = None

    @precondition(lambda _self: utcnow() < NOW + LONGEST - max(PAUSES))
    @rule(pause=st.sampled_from(PAUSES))
    def wait(self, pause: timedelta) -> None:
        """Time passes."""
        self.clock.shift(pause)

    @rule()
    def clean_up(self) -> None:
        """The portal prunes; that must change nothing."""
        prune(services_of(self.app).engine, services_of(self.app).seals)

    @invariant()
    def nothing_is_overspent(self) -> None:
        """OTP-13, OTP-14: in no rolling window, with nothing but the documented spare guess beyond it."""
        if hasattr(self, "ledger"):
            assert list(self.ledger.overspent(utcnow())) == []

    @invariant()
    def the_table_holds_what_was_evaluated(self) -> None:
        """BUD-04: no guess is given back or counted twice, nothing is negative, nothing beyond what was granted."""
        if not hasattr(self, "ledger"):
            return
        with services_of(self.app).engine.connect() as connection:
            rows = {row.id: row for row in connection.execute(ROWS)}
        for code in self.ledger.codes:
            row = rows.get(code.id)
            if row is None:
                assert not code.guesses or code.grant.length == 20, "failures were pruned"
                continue
            assert (row.attempts, row.foreign_attempts) == (len(code.own), len(code.foreign))
            assert 0 <= row.attempts <= row.attempts_allowed == code.grant.own
            assert 0 <= row.foreign_attempts <= row.foreign_allowed == code.grant.foreign
            assert (row.consumed_at is not None) is (code.used_at is not None)

    def _sign_in(self, holder: str) -> None:
        self.send(holder, SECOND, 0, 0)
        self.guess_right(0)

    def _attack(self, *, is_over: bool) -> None:
        """Ninety wrong guesses or so; where it is over, the owner has signed in since."""
        for number in range(9):
            self.callers[f"10.9.0.{number}"] = ApiDriver(self.app, self.outbox, f"10.9.0.{number}")
            self.send(f"10.9.0.{number}", SECOND, 10, 0)
        if is_over:
            self.clock.shift(11 * 60)
            self._sign_in(NETWORKS[0])

    def _code(self, back: int) -> Code:
        return self.ledger.codes[-1 - min(back, len(self.ledger.codes) - 1)]

    def _ask(self, holder: str) -> str:
        if holder in self.callers:
            answer = self.callers[holder].send(self.email)
            assert answer.status_code == 201, answer.text
            return str(data_of(answer)["challengeId"])
        browser = self.browsers[holder]
        assert browser.ask(self.email).location == "/login/code"
        return browser.hidden("challenge") or ""

    def _note_new(self, holder: str, challenge_id: str, sent: str) -> None:
        """A new code is as long, and has as many guesses, as the model says."""
        now, is_api = utcnow(), holder in self.callers
        device = holder if holder in self.devices else None
        least, most = self.ledger.grants(now, device, is_api=is_api)
        granted, device_id = self._granted(challenge_id)
        assert granted.own >= 1
        assert granted.length == len(sent)
        assert least.length <= granted.length <= most.length, (least, granted, most)
        if least.length == most.length:
            assert most.own <= granted.own <= least.own, (least, granted, most)
            assert min(most.foreign, least.foreign) <= granted.foreign <= max(most.foreign, least.foreign)
        paying = device if device_id else None
        self.ledger.codes.append(Code(challenge_id, sent, holder, is_api, granted, paying, now))

    def _granted(self, challenge_id: str) -> tuple[Grant, Any]:
        query = "SELECT code_length, attempts_allowed, foreign_allowed, device_id FROM challenge WHERE id = :id"
        with services_of(self.app).engine.connect() as connection:
            length, own, foreign, device_id = connection.execute(text(query), {"id": challenge_id}).one()
        return Grant(length, own, foreign), device_id

    def _guess(self, code: Code | None, step: int | None) -> None:
        """One guess of a code's holder, the right one if ``step`` is None; evaluated if the model says so."""
        assert code is not None
        now = utcnow()
        takes = code.takes_own(now)
        typed = code.text if step is None else wrong_code(code.text, step + 1)
        if code.holder in self.callers:
            answer = self.callers[code.holder].login(self.email, typed, challengeId=code.id)
            accepted = answer.status_code == 200
            assert accepted or outcome(answer) == (401, "code_invalid")
        else:
            answer = self.browsers[code.holder].post("/login/code", {"code": typed, "challenge": code.id})
            accepted = answer.status_code == 303 and answer.location in ("/account", "/register")
        # A page whose code is over leads on where its browser stands; that opens nothing, as the table shows.
        if takes or code.holder in self.callers:
            assert accepted is (takes and step is None), answer.text
        if takes:
            code.own.append(now)
            if accepted and code.holder in self.browsers:
                self._arrive(code.holder)
            self._settle(code, answer if accepted else None)

    def _arrive(self, name: str) -> None:
        """A browser that signed in is known from now on; it signs out again."""
        if self.is_registered:
            self.devices.add(name)
            self.browsers[name].get("/account")
            self.browsers[name].post("/logout", {})

    def _settle(self, code: Code, success: TestResponse | None, *, from_elsewhere: bool = False) -> None:
        """After a success the run begins anew (rule 4)."""
        if success is not None:
            self.ledger.succeeded_at = utcnow()
            code.use(utcnow(), from_elsewhere=from_elsewhere)
            if success.is_json:
                self.token = data_of(success).get("registrationToken")


@pytest.fixture
def portals(make_app: Made) -> dict[str, Flask]:
    """A portal for each ladder, all on one database."""
    free = {"guess_target": 1, "site_guess_budgets": "4:9999999/1d", "resend_after": 0}
    return {
        ladder: make_app(guess_budgets=ladder, code_attempts=attempts, **free) for ladder, attempts in LADDERS.items()
    }


def test_the_ledger_is_that_of_the_document_whatever_happens(portals: dict[str, Flask], outbox: MailSink) -> None:
    """BUD-04, OTP-12, OTP-13, OTP-14, OTP-17."""
    make: Callable[[], LedgerMachine] = lambda: LedgerMachine(portals, outbox)  # noqa: E731
    run_state_machine_as_test(
        make,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to make a failure shorter would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
