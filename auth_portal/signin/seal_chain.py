"""The chain of seals over the audit log: what is digested how, and reading it again from its beginning.

All digests are keyed: a copy of the database makes none of them (docs/audit.md says what they show, and what not).
Raises what it finds first; changes nothing.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select

from auth_portal.db import AnyRow
from auth_portal.models import Event, EventSeal

FaultKind = Literal[
    "event_added",
    "event_changed",
    "events_missing",
    "seal_changed",
    "seals_missing",
    "key_missing",
    "erasure_unknown",
    "unreadable",
    "not_sealed",
    "noted_differs",
    "noted_too_old",
]
Seal = Mapping[str, Any]
"""A row of ``event_seal``."""

_STAYS = ("id", "happened_at", "kind", "outcome", "actor", "client_id")
_GOES = ("id", "user_id", "session_id", "network", "device", "facts")
"""What an erasure takes out. The id is there so that no two events can exchange it."""
_EMPTY = (None, None, "", "", None)
_OF_SEAL = ("id", "key_id", "sealed_at", "first_at", "last_at", "event_count")
_HALF = 32
_SEALS_AT_ONCE = 20
_LEAST = -(2**31)
"""The least number that a database keeps as an id: nothing hides before the first seal."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong first, in words and for machines."""

    kind: FaultKind
    words: str
    seal_id: int | None = None
    event_id: str | None = None


class ChainBroken(Exception):
    """Something of the sealed log is not as it was sealed."""

    def __init__(self, kind: FaultKind, words: str, seal_id: int | None = None, event_id: str | None = None) -> None:
        super().__init__(words)
        self.fault = Fault(kind, words, seal_id, event_id)


def event_digest(key: bytes, event: Mapping[str, Any], seal_id: int) -> str:
    """What is kept of an event when it is sealed: half of it of what stays, half of what an erasure takes out.

    128 bits each, which nobody finds without the key. So an erased event can still be held to all that is left of it.
    """
    return _digest_of_rest(key, event, seal_id) + _digest(key, "person", [event[name] for name in _GOES])[:_HALF]


def seal_digest(key: bytes, seal: Seal, previous: str, events: Sequence[str]) -> str:
    """The digest of a seal: over its columns, the seal before, and its events' digests in the order of their ids."""
    return _digest(key, "seal", [*(seal[name] for name in _OF_SEAL), previous, list(events)])


def pruned_digest(key: bytes, seal: Seal) -> str:
    """The proof that the portal itself deleted this range and all before it."""
    return _digest(key, "pruned", [seal[name] for name in (*_OF_SEAL, "digest", "pruned_at")])


@dataclass(frozen=True, slots=True)
class SealedRange:
    """A seal that holds, and its events; none where it was pruned."""

    seal: Seal
    events: Sequence[AnyRow]


class Chain:
    """Reads the seals of a database from the first one that is kept, or from one that is trusted."""

    def __init__(self, connection: Connection, keys: Mapping[int, bytes]) -> None:
        self._connection = connection
        self._keys = keys

    def walk(self, *, after: int | None = None, last: int | None = None) -> Iterator[SealedRange]:
        """Every range in order, up to the seal ``last``. Raises ChainBroken at the first that does not hold.

        ``after``: begin behind this seal, whatever it and those before it are.
        """
        former = self._beginning(after)
        if former is not None:
            yield SealedRange(former, ())
        while True:
            first = former["id"] + 1 if former else _LEAST
            rows = self._connection.execute(_SEALS, {"first": first, "most": _SEALS_AT_ONCE})
            seals = [row._asdict() for row in rows if last is None or row.id <= last]
            if not seals:
                return
            events = self._events(seals[0]["id"], seals[-1]["id"])
            for seal in seals:
                members = events.get(seal["id"], [])
                self._check(seal, former, members)
                yield SealedRange(seal, members)
                former = seal

    def check_strays(self, first: int | None, last: int) -> None:
        """Raise ChainBroken for an event of a seal that there is not. ``first`` None: whatever is older."""
        bounds = {"first": _LEAST if first is None else first, "last": last}
        stray = self._connection.execute(_STRAY, bounds).first()
        if stray is not None:
            words = f"event {stray.id} is of seal {stray.seal_id}, which is gone"
            raise ChainBroken("seals_missing", words, stray.seal_id, stray.id)

    def _beginning(self, after: int | None) -> Seal | None:
        """The seal that the chain begins behind: none, one that was pruned, or the one that is trusted."""
        first = _LEAST if after is None else after
        row = self._connection.execute(_SEALS, {"first": first, "most": 1}).first()
        seal = row._asdict() if row else None
        if after is not None and (seal is None or seal["id"] != after):
            raise ChainBroken("seals_missing", f"there is no seal {after}", after)
        if after is not None or seal is None:
            return seal
        if seal["pruned_at"] is None and seal["id"] == 1:
            return None
        if seal["pruned_at"] is None:
            raise ChainBroken("seals_missing", f"the seals before {seal['id']} are gone", seal["id"] - 1)
        if not _is_same(pruned_digest(self._key_of(seal), seal), seal["pruned_digest"]):
            raise ChainBroken("seal_changed", f"seal {seal['id']} was not pruned by the portal", seal["id"])
        return seal

    def _check(self, seal: Seal, former: Seal | None, events: Sequence[AnyRow]) -> None:
        seal_id = seal["id"]
        awaited = former["id"] + 1 if former else 1
        if seal_id != awaited:
            raise ChainBroken("seals_missing", f"seal {awaited} is gone", awaited)
        key = self._key_of(seal)
        if seal["pruned_at"] is not None or seal["pruned_digest"] is not None:
            raise ChainBroken("seal_changed", f"seal {seal_id} was not pruned by the portal", seal_id)
        count, found = seal["event_count"], len(events)
        for event in events:
            _check_event(key, event, seal_id, is_one_of_more=found > count)
        if found < count:
            raise ChainBroken("events_missing", f"seal {seal_id} has {found} of its {count} events", seal_id)
        digests = [str(event.digest) for event in events]
        previous = former["digest"] if former else ""
        has_younger_key = former is not None and former["pruned_at"] is None and former["key_id"] > seal["key_id"]
        if has_younger_key or not _is_same(seal_digest(key, seal, previous, digests), seal["digest"]):
            raise ChainBroken("seal_changed", f"seal {seal_id} or the one before it is not as it was made", seal_id)

    def _key_of(self, seal: Seal) -> bytes:
        key = self._keys.get(seal["key_id"])
        if key is None:
            words = f"seal {seal['id']} was made with key {seal['key_id']}, which SECRET_KEY does not open"
            raise ChainBroken("key_missing", words, seal["id"])
        return key

    def _events(self, first: int, last: int) -> dict[int, list[AnyRow]]:
        rows = self._connection.execute(_EVENTS, {"first": first, "last": last})
        groups = groupby(rows, key=lambda event: int(event.seal_id))
        return {seal_id: sorted(group, key=lambda event: str(event.id)) for seal_id, group in groups}


def _check_event(key: bytes, event: AnyRow, seal_id: int, *, is_one_of_more: bool) -> None:
    values = event._asdict()
    kept = str(event.digest)
    if event.erased_at is None:
        is_good = _is_same(event_digest(key, values, seal_id), kept)
    else:
        is_empty = tuple(values[name] for name in _GOES[1:]) == _EMPTY
        is_good = is_empty and _is_same(_digest_of_rest(key, values, seal_id), kept[:_HALF])
    if not is_good and is_one_of_more:
        raise ChainBroken("event_added", f"event {event.id} is not one that seal {seal_id} had", seal_id, event.id)
    if not is_good:
        words = f"event {event.id} of seal {seal_id} is not as it was sealed"
        raise ChainBroken("event_changed", words, seal_id, event.id)


def _digest_of_rest(key: bytes, event: Mapping[str, Any], seal_id: int) -> str:
    return _digest(key, "event", [seal_id, *(event[name] for name in _STAYS)])[:_HALF]


def _digest(key: bytes, what: str, values: Sequence[object]) -> str:
    """HMAC-SHA256 over JSON, of which the same values always make the same."""
    text = json.dumps([what, *values], default=_plain, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(), "sha256").hex()


def _plain(value: object) -> str:
    """A time as text; what else a tampered row may hold has no digest of ours anyway."""
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _is_same(made: str, kept: object) -> bool:
    return hmac.compare_digest(made.encode(), str(kept).encode())


_SEALS = (
    select(*EventSeal.__table__.columns)
    .where(EventSeal.id >= bindparam("first"))
    .order_by(EventSeal.id)
    .limit(bindparam("most"))
)
_EVENTS = (
    select(*Event.__table__.columns)
    .where(Event.seal_id.between(bindparam("first"), bindparam("last")))
    .order_by(Event.seal_id)
)
_STRAY = (
    select(Event.id, Event.seal_id)
    .where((Event.seal_id < bindparam("first")) | (Event.seal_id > bindparam("last")))
    .limit(1)
)
