"""Seals close ranges of the audit log, so that removing, changing or adding something later shows (OPS-02, PRIV-11).

Never on the sign-in path, where each sign-in would wait for the last: a job seals what is older than a minute. Which
events a seal has is what they say themselves (``seal_id``): an event that was committed late gets into the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.db import CLOCK_SKEW, AnyRow, autocommit, utcnow
from auth_portal.models import Event, EventSeal
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.seal_chain import Chain, Seal, event_digest, pruned_digest, seal_digest
from auth_portal.signin.seal_keys import SealKeys

SEAL_EVERY_S = 60
"""How often the portal seals by itself, whichever process it is."""
SEALED_AFTER = timedelta(minutes=1)
"""How old an event is before it is sealed: what other nodes committed by then is sealed with it."""
SEALED_BY = timedelta(minutes=10)
"""How old an event may be before somebody should ask why it is not sealed."""
_MOST_EVENTS = 500
_MOST_PRUNED = 5

log = structlog.get_logger("audit")


@dataclass(frozen=True, slots=True)
class SealStatus:
    """The newest seal, and what is not sealed: how many events, and how many of them for too long.

    ``ahead_until``: a clock was far ahead when something was sealed, and until then nothing later is pruned.
    """

    newest_id: int | None
    sealed_at: datetime | None
    waiting: int
    overdue: int
    ahead_until: datetime | None


class EventSeals:
    """Seals and prunes. ``kept``: how long events are kept (PRIV-04)."""

    def __init__(self, engine: Engine, keyring: KeyRing, kept: timedelta) -> None:
        self._engine = engine
        self._kept = kept
        self._known: tuple[int, str] | None = None
        self.keys = SealKeys(keyring)

    def seal_if_due(self, limits: SendLimits) -> None:
        """Seal, unless a process of this portal has done so within the last minute."""
        with self._engine.begin() as connection:
            is_due = limits.try_spend(connection, limits.bucket("seal", "events", 1, SEAL_EVERY_S), utcnow())
        if is_due:
            self.seal()

    def seal(self) -> int:
        """Seal every event that is old enough; says how many. Where another process is at it, that one does it."""
        total = 0
        while True:
            try:
                with self._engine.begin() as connection:
                    made = self._seal_some(connection)
            except IntegrityError:
                return total
            if made is None:
                return total
            # What is noted elsewhere shows that the newest seals are gone, which the chain itself cannot.
            log.info("events_sealed", seal=f"{made['id']}:{made['digest']}", events=made["event_count"])
            self._known = made["id"], made["digest"]
            total += made["event_count"]

    def status(self) -> SealStatus:
        """How far sealing is."""
        now = utcnow()
        with autocommit(self._engine).connect() as connection:
            newest = connection.execute(_NEWEST).first()
            waiting, overdue = (count_waiting(connection, now, age) for age in (timedelta(0), SEALED_BY))
            last_at = connection.execute(_LAST_AT, {"soon": now + CLOCK_SKEW}).scalar()
        ahead_until = last_at + self._kept if last_at else None
        seal_id, sealed_at = (newest.id, newest.sealed_at) if newest else (None, None)
        return SealStatus(seal_id, sealed_at, waiting, overdue, ahead_until)

    def prune(self, *, even_broken: bool = False) -> int:
        """Delete the events of seals that are past their time; says how many.

        Not what is broken: it would be gone with all that shows so. Raises ChainBroken, unless ``even_broken``.
        """
        total = 0
        while True:
            with self._engine.begin() as connection:
                removed = self._prune_some(connection, even_broken=even_broken)
            if removed is None:
                return total
            total += removed

    def _seal_some(self, connection: Connection) -> Seal | None:
        """One seal of what is old enough; None where nothing is. Of two at once the seal's id lets one pass."""
        now = utcnow()
        newest = connection.execute(_NEWEST).first()
        self._miss_known(connection, newest)
        due = select(*Event.__table__.columns).where(is_waiting(now, SEALED_AFTER))
        # Those that somebody else is sealing or erasing are left to the next time.
        due = due.order_by(Event.happened_at).limit(_MOST_EVENTS).with_for_update(skip_locked=True)
        events = sorted(connection.execute(due), key=lambda event: str(event.id))
        if not events:
            return None
        key_id, key = self.keys.current(connection)
        seal = {
            "id": newest.id + 1 if newest else 1,
            "key_id": key_id,
            "sealed_at": now,
            "first_at": min(event.happened_at for event in events),
            "last_at": max(event.happened_at for event in events),
            "event_count": len(events),
            "pruned_at": None,
            "pruned_digest": None,
        }
        digests = [event_digest(key, event._asdict(), seal["id"]) for event in events]
        seal["digest"] = seal_digest(key, seal, newest.digest if newest else "", digests)
        connection.execute(insert(EventSeal), seal)
        pairs = zip(events, digests, strict=True)
        connection.execute(
            _SEAL_EVENT, [{"given_id": event.id, "seal": seal["id"], "made": digest} for event, digest in pairs]
        )
        return seal

    def _miss_known(self, connection: Connection, newest: AnyRow | None) -> None:
        """Say in the log that the last seal that this process knows is gone or another, as after a truncation."""
        if self._known is None:
            return
        known_id, digest = self._known
        found = connection.execute(_DIGEST, {"seal": known_id}).scalar()
        is_pruned = found is None and newest is not None and newest.id > known_id
        if found != digest and not is_pruned:
            log.error("seals_missing", known=f"{known_id}:{digest}", newest=newest.id if newest else None)
        self._known = (newest.id, newest.digest) if newest else None

    def _prune_some(self, connection: Connection, *, even_broken: bool) -> int | None:
        now = utcnow()
        seals = [row._asdict() for row in connection.execute(_FIRST_SEALS)]
        old = [
            seal
            for seal in takewhile(lambda seal: seal["last_at"] < now - self._kept, seals)
            if seal["pruned_at"] is None
        ]
        if not old:
            return None
        if not even_broken:
            for _range in Chain(connection, self.keys.opened(connection)).walk(last=old[-1]["id"]):
                pass
        key_id, key = self.keys.current(connection)
        last = {**old[-1], "key_id": key_id, "pruned_at": now}
        proof = {"key_id": key_id, "pruned_at": now, "pruned_digest": pruned_digest(key, last)}
        connection.execute(update(EventSeal).where(EventSeal.id == last["id"]).values(proof))
        connection.execute(delete(EventSeal).where(EventSeal.id < last["id"]))
        return connection.execute(delete(Event).where(Event.seal_id <= last["id"])).rowcount


def is_waiting(now: datetime, age: timedelta) -> ColumnElement[bool]:
    """Events of this age that are not sealed; and those of the future, from before the clock was set back."""
    is_due = or_(Event.happened_at <= now - age, Event.happened_at > now + CLOCK_SKEW)
    return Event.seal_id.is_(None) & is_due


def count_waiting(connection: Connection, now: datetime, age: timedelta) -> int:
    """How many events of this age are not sealed."""
    return int(connection.execute(select(func.count()).where(is_waiting(now, age))).scalar_one())


_NEWEST = select(EventSeal.id, EventSeal.sealed_at, EventSeal.digest).where(
    EventSeal.id == select(func.max(EventSeal.id)).scalar_subquery()
)
_LAST_AT = select(func.max(Event.happened_at)).where(
    Event.happened_at > bindparam("soon"), Event.seal_id.is_not(None)
)
_DIGEST = select(EventSeal.digest).where(EventSeal.id == bindparam("seal"))
_SEAL_EVENT = (
    update(Event).where(Event.id == bindparam("given_id")).values(seal_id=bindparam("seal"), digest=bindparam("made"))
)
# Locked, so that of two who prune at once the second finds what the first has left.
_FIRST_SEALS = (
    select(*EventSeal.__table__.columns)
    .where(EventSeal.id > 0)
    .order_by(EventSeal.id)
    .limit(_MOST_PRUNED + 1)
    .with_for_update()
)
