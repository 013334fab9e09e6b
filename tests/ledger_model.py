"""The guess budget as standards.md 9.6 writes it, in plain Python: what the portal's ledger is held against.

Written from the document, not from the portal's SQL. Where the document says "time stamps of failed guesses" the
portal counts from the end of the code's life, and after a success it may count the guesses at codes that waited
then: minutes more careful, never less. So the model has two readings, the document's and a ``careful`` one, and the
portal must lie between them; most of the time they are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

OWN, FOREIGN, SPARE = 5, 2, 1
"""Guesses of a code's holder, of API callers from other networks, and of these where the budget has no room."""
MOST_IN_A_ROW = 100
LONG = 20
DEVICE_BUDGET, DEVICE_WINDOW = 10, timedelta(days=30)
LIFE = timedelta(minutes=10)
NODES_APART = timedelta(seconds=1)

Rungs = tuple[tuple[int, int, timedelta], ...]
"""Length, budget and window, the shortest first."""


@dataclass(frozen=True)
class Grant:
    """What a new code is given."""

    length: int
    own: int
    foreign: int


@dataclass
class Code:
    """One code, and the times of the guesses that count. ``device``: whose own ledger pays for it."""

    id: str
    text: str
    holder: str
    is_api: bool
    grant: Grant
    device: str | None
    opened: datetime
    own: list[datetime] = field(default_factory=list)
    foreign: list[datetime] = field(default_factory=list)
    used_at: datetime | None = None

    @property
    def ends(self) -> datetime:
        """When it is over; a resend prolongs nothing."""
        return self.opened + LIFE

    @property
    def guesses(self) -> list[datetime]:
        """Everybody's."""
        return self.own + self.foreign

    @property
    def is_charged(self) -> bool:
        """Whether the budget of unknown devices pays for it."""
        return self.device is None and self.grant.length < LONG

    def takes_own(self, now: datetime) -> bool:
        """Whether a guess of its holder would be evaluated."""
        return self.used_at is None and self.ends > now and len(self.own) < self.grant.own

    def takes_foreign(self, now: datetime) -> bool:
        """Whether a guess from another network would be."""
        return self.takes_own(now) and len(self.foreign) < self.grant.foreign

    def use(self, now: datetime, *, from_elsewhere: bool) -> None:
        """A right guess, the last one: refunds what its user guessed (rule 4). What strangers guessed is theirs."""
        self.used_at = now
        self.own.clear()
        if from_elsewhere:
            self.foreign.pop()

    def held(self, now: datetime, since: datetime | None, *, careful: bool) -> int:
        """Failed in the window, and reserved (rules 1 to 3)."""
        failed = len(self.guesses)
        is_waiting = self.takes_own(now - NODES_APART if careful else now)
        reserved = self.grant.own + self.grant.foreign - failed if is_waiting else 0
        if since is not None and not (careful and self.ends > since):
            failed = sum(guess > since for guess in self.guesses)
        return failed + reserved


@dataclass
class Ledger:
    """All codes of one account."""

    rungs: Rungs
    attempts: int = OWN
    codes: list[Code] = field(default_factory=list)
    succeeded_at: datetime | None = None

    def grants(self, now: datetime, device: str | None, *, is_api: bool) -> tuple[Grant, Grant]:
        """What a new code must be given: as the document says, and as careful as the portal may be."""
        return (
            self._grant(now, device, is_api=is_api, careful=False),
            self._grant(now, device, is_api=is_api, careful=True),
        )

    def _grant(self, now: datetime, device: str | None, *, is_api: bool, careful: bool) -> Grant:
        foreign = FOREIGN if is_api else 0
        if device is not None:
            spent = sum(
                code.held(now, now - DEVICE_WINDOW, careful=careful) for code in self.codes if code.device == device
            )
            if spent < DEVICE_BUDGET:
                return Grant(self.rungs[0][0], min(self.attempts, DEVICE_BUDGET - spent), 0)
        run = self.run(now, careful=careful)
        for length, budget, window in self.rungs:
            room = budget - sum(
                code.held(now, now - window, careful=careful)
                for code in self.codes
                if code.is_charged and code.grant.length == length
            )
            if room >= 1 and run < MOST_IN_A_ROW:
                own = min(self.attempts, room, MOST_IN_A_ROW - run)
                left = min(room, MOST_IN_A_ROW - run) - own
                return Grant(length, own, min(foreign, max(SPARE, left)))
        return Grant(LONG, self.attempts, foreign)

    def run(self, now: datetime, *, careful: bool) -> int:
        """F: failed since the last success, and reserved (rule 5)."""
        return sum(
            code.held(now, self.succeeded_at, careful=careful)
            for code in self.codes
            if code.used_at is None and code.grant.length < LONG and (careful or code.device is None)
        )

    def newest_of(self, holder: str) -> Code | None:
        """The code that a caller was last sent."""
        return next((code for code in reversed(self.codes) if code.holder == holder), None)

    def newest_api(self, now: datetime) -> Code | None:
        """What a guess without a handle from a network without a code is at: the newest that waits."""
        waiting = (code for code in reversed(self.codes) if code.is_api and code.used_at is None and code.ends > now)
        return next(waiting, None)

    def overspent(self, now: datetime) -> Iterator[str]:
        """Where more was evaluated in a rolling window than the budget affords (OTP-13), or in a row (OTP-14)."""
        charged = [code for code in self.codes if code.is_charged]
        for length, budget, window in self.rungs:
            of_rung = [code for code in charged if code.grant.length == length]
            own = sum(guess > now - window for code in of_rung for guess in code.own)
            everybody = sum(guess > now - window for code in of_rung for guess in code.guesses)
            if own > budget or everybody > budget + SPARE:
                yield f"{own} own guesses, {everybody} in all at {length} digits: budget {budget}"
        row = sum(
            self.succeeded_at is None or guess > self.succeeded_at for code in charged for guess in code.guesses
        )
        if row > MOST_IN_A_ROW + SPARE:
            yield f"{row} failures in a row"
