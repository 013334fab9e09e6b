"""Verifying the audit log: the whole chain, what erasures took out, what waits to be sealed; and the first fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DataError

from auth_portal.db import CLOCK_SKEW, AnyRow, snapshot, utcnow
from auth_portal.models import Event
from auth_portal.signin.events import short_id
from auth_portal.signin.seal_chain import Chain, ChainBroken, Fault, Seal
from auth_portal.signin.seal_keys import SealKeys
from auth_portal.signin.seals import SEALED_BY, count_waiting

LATE = timedelta(hours=1)
"""How long after it happened an event is sealed at most, unless the job stood still, a clock was set back, or
somebody wrote an event of the past."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A seal as it was noted elsewhere, in the log or on paper."""

    seal_id: int
    digest: str


@dataclass(slots=True)
class Report:
    """What was read until the first fault, or the end. ``newest`` is ``id:digest``, to be noted elsewhere.

    ``erased``: events whose person was erased, so that only what is left of them could be compared. ``late``: seals
    that have events older than LATE. ``waiting``: events that are not sealed yet, and could be changed unnoticed.
    """

    seals: int = 0
    events: int = 0
    erased: int = 0
    late: int = 0
    waiting: int = 0
    newest: str | None = None
    fault: Fault | None = None


@dataclass(slots=True)
class _Erasures:
    """The events that were emptied, and those that the log says an erasure emptied at that moment.

    ``read_from``: what is older is not read, and explains nothing; but it cannot have emptied what happened later.
    """

    read_from: datetime | None = None
    emptied: list[AnyRow] = field(default_factory=list)
    named: dict[datetime, set[str]] = field(default_factory=dict)

    def read(self, event: AnyRow) -> None:
        if event.erased_at is None:
            if event.kind == "erased":
                self.named.setdefault(event.happened_at, set()).update(event.facts["events"])
            return
        is_older = self.read_from is not None and event.erased_at <= self.read_from
        if not is_older or event.happened_at - event.erased_at > CLOCK_SKEW:
            self.emptied.append(event)

    def check(self) -> None:
        """Raise ChainBroken for an event that no erasure emptied."""
        for event in self.emptied:
            if short_id(event.id) not in self.named.get(event.erased_at, ()):
                words = f"event {event.id} of seal {event.seal_id} was emptied, and by no erasure"
                raise ChainBroken("erasure_unknown", words, event.seal_id, event.id)


class _Verification:
    """One reading of the log; what it finds is in ``report``."""

    def __init__(self, connection: Connection, noted: Noted | None, after: int | None) -> None:
        self.report = Report()
        self._connection = connection
        self._noted = noted
        self._after = after
        self._erasures = _Erasures()
        self._first, self._newest = 1, 0

    def run(self, keys: SealKeys) -> None:
        """Read all of it. Raises ChainBroken."""
        chain = Chain(self._connection, keys.opened(self._connection))
        for sealed in chain.walk(after=self._after):
            if sealed.events:
                self._read(sealed.seal, sealed.events)
            else:
                self._begin(sealed.seal)
            self._compare(sealed.seal)
        chain.check_strays(self._first if self._after is None else None, self._newest)
        for event in self._connection.execute(_NOT_SEALED):
            self._erasures.read(event)
        self._erasures.check()
        if self._noted is not None and self._noted.seal_id > self._newest:
            words = f"seal {self._noted.seal_id} was there, and the newest is {self._newest}"
            raise ChainBroken("seals_missing", words, self._newest + 1)
        self._check_waiting()

    def _begin(self, seal: Seal) -> None:
        """The chain begins behind this seal, which has no events or none that are looked at."""
        self._first = seal["id"] + 1
        self._erasures.read_from = seal["last_at"]
        if self._noted is not None and self._noted.seal_id < seal["id"]:
            words = f"what was noted is older than the first seal that is read, {seal['id']}"
            raise ChainBroken("noted_too_old", words, seal["id"])

    def _read(self, seal: Seal, events: Sequence[AnyRow]) -> None:
        for event in events:
            self._erasures.read(event)
        self.report.seals += 1
        self.report.events += len(events)
        self.report.erased += sum(event.erased_at is not None for event in events)
        self.report.late += seal["sealed_at"] - seal["first_at"] > LATE

    def _compare(self, seal: Seal) -> None:
        self._newest = seal["id"]
        self.report.newest = f"{seal['id']}:{seal['digest']}"
        if self._noted is not None and self._noted.seal_id == seal["id"] and self._noted.digest != seal["digest"]:
            raise ChainBroken("noted_differs", f"seal {seal['id']} is not the one that was noted", seal["id"])

    def _check_waiting(self) -> None:
        now = utcnow()
        self.report.waiting = count_waiting(self._connection, now, timedelta(0))
        overdue = count_waiting(self._connection, now, SEALED_BY)
        if overdue:
            words = f"{overdue} events wait for longer than {SEALED_BY.seconds // 60} minutes: does the portal run?"
            raise ChainBroken("not_sealed", words)


def verify(engine: Engine, keys: SealKeys, noted: Noted | None = None, *, after: int | None = None) -> Report:
    """Hold the whole audit log against its seals.

    ``noted``: a seal that must be as it was noted. ``after``: leave out this seal and all before it.
    """
    with snapshot(engine) as connection:
        verification = _Verification(connection, noted, after)
        report = verification.report
        try:
            verification.run(keys)
        except ChainBroken as broken:
            report.fault = broken.fault
        except (DataError, LookupError, ValueError, TypeError) as error:
            words = f"something cannot be read behind seal {report.newest or 0}: {type(error).__name__}"
            report.fault = Fault("unreadable", words)
    return report


_NOT_SEALED = select(*Event.__table__.columns).where(Event.seal_id.is_(None), Event.kind == "erased")
