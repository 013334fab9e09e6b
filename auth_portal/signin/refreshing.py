"""Chains of refresh tokens: each is used once and gives its successor (REF-02, REF-04).

A successor is derived from the token before it, so that a client that lost our answer gets the same one again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from auth_portal.db import CLOCK_SKEW
from auth_portal.models import RefreshToken, Session
from auth_portal.prepared import Prepared
from auth_portal.signin.callers import Caller, coarse_network
from auth_portal.signin.endings import end_sessions
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing, digest

REFRESH_GRACE = timedelta(seconds=10)
"""How long a client that lost our answer may present the former refresh token again (D10)."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that somebody brought, and the client and caller who did. ``caller`` is None for a client's server."""

    token: str
    client_id: str
    caller: Caller | None = None


def store_token(connection: Connection, token: str, session_id: str, now: datetime) -> None:
    """Begin a chain, or go on with one."""
    row = {"token_hash": digest(token), "session_id": session_id, "created_at": now, "used_at": None}
    _INSERT.run(connection, row)


def exchange_token(
    connection: Connection, keyring: KeyRing, presented: Presented, now: datetime
) -> tuple[str, str] | None:
    """Use a token up: its successor and the session of both. None where it is unknown, or a replay.

    The same token again within REFRESH_GRACE, while its successor is unused, gets the same successor; any later use
    means that two hold it, and ends the session (REF-03). To another client than its own a token is unknown, and
    nothing happens to it (REF-01).
    """
    values = {"hash": digest(presented.token), "client_id": presented.client_id, "now": now}
    taken = connection.execute(_TAKE, values).first()
    if taken is None:
        return _repeat(connection, keyring, presented, now)
    successor = keyring.refresh_successors(presented.token)[0]
    store_token(connection, successor, taken.session_id, now)
    return successor, taken.session_id


def _repeat(connection: Connection, keyring: KeyRing, presented: Presented, now: datetime) -> tuple[str, str] | None:
    used = connection.execute(_READ, {"hash": digest(presented.token), "client_id": presented.client_id}).first()
    if used is None:
        return None
    # A clock that was set back must not make the grace longer.
    if used.used_at is not None and -CLOCK_SKEW <= now - used.used_at <= REFRESH_GRACE:
        for successor in keyring.refresh_successors(presented.token):
            values = {"hash": digest(successor), "client_id": presented.client_id}
            found = connection.execute(_READ, values).first()
            if found is not None and found.used_at is None:
                return successor, used.session_id
    if end_sessions(connection, Session.id == used.session_id, now):
        record(
            connection,
            "refresh_reused",
            _seen_by_portal(presented.caller),
            used.user_id,
            outcome="refused",
            session_id=used.session_id,
            client_id=presented.client_id,
        )
    return None


def _seen_by_portal(caller: Caller | None) -> Actor:
    """The portal ended it; from where the token came is told, not whether that was the person."""
    return Actor("portal", coarse_network(caller.network), caller.device) if caller else Actor("portal")


_INSERT = Prepared(insert(RefreshToken), tuple(RefreshToken.__table__.columns.keys()))
_TAKE = (
    update(RefreshToken)
    .where(
        RefreshToken.token_hash == bindparam("hash"),
        RefreshToken.used_at.is_(None),
        RefreshToken.session_id == Session.id,
        Session.client_id == bindparam("client_id"),
    )
    .values(used_at=bindparam("now"))
    .returning(RefreshToken.session_id)
)
_READ = (
    select(RefreshToken.session_id, RefreshToken.used_at, Session.user_id)
    .join(Session, Session.id == RefreshToken.session_id)
    .where(RefreshToken.token_hash == bindparam("hash"), Session.client_id == bindparam("client_id"))
)
