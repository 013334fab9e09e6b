"""The budget of all accounts together: wrong guesses of unknown devices at codes of one length (OTP-16, 9.7).

A small budget is counted by the statement that opens a challenge. To count thousands of rows there would make every
send slower the larger the site is, so large budgets are counted beside the requests, about once a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine, bindparam, func, select, text

from auth_portal.background import Later
from auth_portal.db import autocommit, utcnow
from auth_portal.models import Challenge
from auth_portal.models.challenge import IS_FAILED
from auth_portal.settings import Rung, Settings

log = structlog.get_logger("site_ledger")

MOST_COUNTED_AT_ONCE = 200
"""Up to this many, the statement that opens a challenge counts guesses and waiting codes by itself, to the last."""
_LEAST_PAUSE_S = 1.0
_MOST_OF_THE_TIME = 0.02


@dataclass(frozen=True, slots=True)
class SiteLevel:
    """How much of one length's budget is used: guesses that failed in its window, codes that wait right now."""

    length: int
    failed: int
    waiting: int
    rung: Rung
    most_waiting: int

    @property
    def is_spent(self) -> bool:
        """Whether new codes for unknown devices must be longer."""
        return self.failed >= self.rung.budget or (0 < self.most_waiting <= self.waiting)


class SiteLedger:
    """Counts, remembers which large budgets are spent, and tells whoever looks after the portal (OPS-04)."""

    def __init__(self, engine: Engine, settings: Settings, later: Later) -> None:
        self._engine = autocommit(engine)
        self._settings = settings
        self._later = later
        self._spent: frozenset[int] | None = None
        self._next_look = 0.0

    def spent_lengths(self) -> frozenset[int]:
        """The lengths whose large budget was spent when it was last counted. The first call counts."""
        if self._spent is None:
            self._look()
        elif time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LEAST_PAUSE_S
            self._later(self._look)
        return self._spent or frozenset()

    def read_levels(self) -> list[SiteLevel]:
        """One level for each length that has a budget, the shortest first."""
        with self._engine.connect() as connection:
            return [
                _read_level(connection, length, rung, self._settings.most_waiting(rung))
                for length, rung in self._settings.site_rungs.items()
            ]

    def _look(self) -> None:
        began = time.monotonic()
        levels = self.read_levels()
        spent = frozenset(level.length for level in levels if level.is_spent)
        for level in levels:
            if (level.length in spent) != (level.length in (self._spent or ())):
                event = "site_budget_spent" if level.is_spent else "site_budget_free"
                facts = {"failed": level.failed, "budget": level.rung.budget, "waiting": level.waiting}
                log.warning(event, length=level.length, **facts)
        self._spent = spent
        took = time.monotonic() - began
        self._next_look = time.monotonic() + max(_LEAST_PAUSE_S, took / _MOST_OF_THE_TIME)


def _read_level(connection: Connection, length: int, rung: Rung, most_waiting: int) -> SiteLevel:
    now = utcnow()
    values = {"length": length, "since": now - rung.window, "now": now}
    failed = connection.execute(_FAILED, values).scalar_one()
    waiting = connection.execute(_WAITING, values).scalar_one()
    return SiteLevel(length, int(failed), int(waiting), rung, most_waiting)


_OF_LENGTH = Challenge.code_length == bindparam("length")
_FAILED = select(func.coalesce(func.sum(Challenge.attempts + Challenge.foreign_attempts), 0)).where(
    _OF_LENGTH, text(IS_FAILED), Challenge.expires_at > bindparam("since")
)
_WAITING = select(func.count()).where(
    _OF_LENGTH,
    Challenge.consumed_at.is_(None),
    Challenge.device_id.is_(None),
    Challenge.expires_at > bindparam("now"),
)
