"""The audit log: what happened to accounts. Written in the transaction of the thing itself, so that neither is lost.

An event holds no code, token, address or number, and only a rough network (OPS-02, PRIV-05, PRIV-11).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, insert, null, update

from auth_portal.db import AnyRow, utcnow
from auth_portal.models import Event
from auth_portal.prepared import Prepared
from auth_portal.signin.callers import Caller, coarse_network

EventKind = Literal[
    "signed_in",
    "code_refused",
    "codes_stopped",
    "registered",
    "reauthenticated",
    "signed_out",
    "session_ended",
    "sessions_ended",
    "refresh_reused",
    "profile_changed",
    "terms_accepted",
    "address_added",
    "address_changed",
    "address_removed",
    "address_restored",
    "main_address_chosen",
    "app_allowed",
    "app_withdrawn",
    "exported",
    "deletion_requested",
    "deletion_undone",
    "erased",
    "suspended",
    "restored",
    "client_created",
    "client_changed",
    "client_deleted",
    "secret_rotated",
    "keys_rotated",
]
Outcome = Literal["done", "refused"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: the ``person``, from a network and a device; an ``operator``; or the ``portal`` itself."""

    kind: Literal["person", "operator", "portal"]
    network: str = ""
    device: str = ""

    @classmethod
    def of(cls, caller: Caller) -> Actor:
        """The person behind a caller."""
        return cls("person", coarse_network(caller.network), caller.device)


_TOLD = ("id", "kind", "outcome", "actor", "user_id", "session_id", "client_id", "network")

log = structlog.get_logger("audit")

OPERATOR = Actor("operator")
PORTAL = Actor("portal")


def record(
    connection: Connection,
    kind: EventKind,
    actor: Actor,
    user_id: str | None,
    *,
    outcome: Outcome = "done",
    session_id: str | None = None,
    client_id: str | None = None,
    facts: Mapping[str, Any] | None = None,
    happened_at: datetime | None = None,
) -> None:
    """Note in the caller's transaction what happened to whose account. ``facts``: nothing secret or personal.

    ``happened_at``: now, unless it must be the very moment that other rows have.
    """
    row = {
        "id": secrets.token_hex(16),
        "happened_at": happened_at or utcnow(),
        "kind": kind,
        "outcome": outcome,
        "actor": actor.kind,
        "user_id": user_id,
        "session_id": session_id,
        "client_id": client_id,
        "network": actor.network,
        "device": actor.device,
        "facts": dict(facts) if facts else None,
        "digest": None,
        "seal_id": None,
        "erased_at": None,
    }
    _INSERT.run(connection, row)
    # Before the commit, which hardly ever fails: what counts is the row with this id.
    told = {name: row[name] for name in _TOLD}
    log.info("account_event", **told, channel=facts.get("channel") if facts else None)


def differing(row: AnyRow, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Of the columns that are wanted those that are not so already: an event names what really changed."""
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def forget_person(connection: Connection, user_id: str, now: datetime, actor: Actor = PORTAL) -> int:
    """Take out of the audit log whom its events tell of, and note that: the event ``erased`` (PRIV-02).

    What happened when stays, and so does the digest of what is taken out: the seals hold. ``erased`` names the events
    that were emptied, at their very ``erased_at``, so that nobody can empty others and call it an erasure.
    """
    nobody = {"user_id": None, "session_id": None, "network": "", "device": "", "facts": null(), "erased_at": now}
    emptied = update(Event).where(Event.user_id == user_id).values(nobody).returning(Event.id)
    names = sorted(map(short_id, connection.execute(emptied).scalars()))
    record(connection, "erased", actor, None, facts={"events": names}, happened_at=now)
    return len(names)


def short_id(event_id: str) -> str:
    """Enough of an event's id to know it again among those that one person had."""
    return event_id[:8]


_INSERT = Prepared(insert(Event), tuple(Event.__table__.columns.keys()))
