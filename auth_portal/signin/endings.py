"""How sessions end, whatever ends them: with the grants they opened, and the news for clients that want it.

The news (``LogoutNotice``) is written in the transaction that ends the session, so that a crash loses none (OP-55).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, literal, or_, select, update
from sqlalchemy.orm import aliased

from auth_portal.db import upsert
from auth_portal.models import AuthorizationCode, Client, DeviceCode, LogoutNotice, Session
from auth_portal.signin.lifetimes import IS_SIGN_IN, is_in_time

_grant: Any = aliased(Session)


def end_sessions(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    """End the sessions that fulfil the condition; says how many lived.

    The condition says nothing of ``ended_at``: it is asked again of what has just ended.
    A browser's session takes its grants along, but for those that may outlive it (REF-07), and every client that had
    a grant of it is to be told, whether that grant lives or not (OP-55).
    """
    # The session first: whoever opens a grant locks it (see ``lock_live``), so that no grant slips in between.
    ended = connection.execute(update(Session).where(Session.ended_at.is_(None), which).values(ended_at=now)).rowcount
    if not ended:
        return 0
    just_ended = select(Session.id).where(Session.ended_at == now, which)
    grants = update(Session).where(
        Session.ended_at.is_(None), Session.is_offline.is_(False), Session.parent_id.in_(just_ended)
    )
    connection.execute(grants.values(ended_at=now))
    notices = (
        select(
            _grant.parent_id,
            _grant.client_id,
            _grant.user_id,
            literal(now, type_=LogoutNotice.created_at.type),
            literal(now, type_=LogoutNotice.due_at.type),
            literal(0),
        )
        .distinct()
        .join(Client, Client.id == _grant.client_id)
        .where(_grant.parent_id.in_(just_ended), Client.backchannel_logout_uri.is_not(None))
    )
    columns = ["session_id", "client_id", "user_id", "created_at", "due_at", "tries"]
    insert = upsert(connection.dialect.name)
    connection.execute(insert(LogoutNotice).from_select(columns, notices).on_conflict_do_nothing())
    return ended


def end_beyond(connection: Connection, user_id: str, most: int, spared: str, live: Mapping[str, datetime]) -> int:
    """End all that somebody is signed in with but the ``most`` that were used last (SES-14); says how many ended.

    ``spared``: the hash of a browser's secret, which is neither ended nor counted. ``live``: ``Lifetimes.bounds``.
    """
    others = and_(Session.user_id == user_id, IS_SIGN_IN)
    if spared:
        others = and_(others, Session.secret_hash.is_distinct_from(spared))
    open_ones = select(Session.id).where(others, Session.ended_at.is_(None), is_in_time(**live))
    newest = open_ones.order_by(Session.last_seen_at.desc()).limit(most)
    return end_sessions(connection, and_(others, Session.id.not_in(newest)), live["now"])


def lock_live(connection: Connection, session_id: str, now: datetime) -> bool:
    """Whether a session lives; it does until the end of this transaction."""
    return connection.execute(_LOCK_LIVE, {"session_id": session_id, "now": now}).rowcount == 1


def end_person(connection: Connection, user_id: str, now: datetime) -> None:
    """End all that somebody is signed in with, and what apps could still exchange for more of it (SES-10)."""
    _end_codes(connection, now, lambda table: table.user_id == user_id)
    end_sessions(connection, Session.user_id == user_id, now)


def end_client_grants(connection: Connection, user_id: str, client_id: str, now: datetime) -> int:
    """End all that a client has of a person, offline or not, and what it could still exchange for more (OP-23).

    Says how many grants lived.
    """
    _end_codes(connection, now, lambda table: and_(table.user_id == user_id, table.client_id == client_id))
    live = update(Session).where(
        Session.user_id == user_id, Session.client_id == client_id, Session.ended_at.is_(None)
    )
    return connection.execute(live.values(ended_at=now)).rowcount


def _end_codes(connection: Connection, now: datetime, which: Callable[[Any], ColumnElement[bool]]) -> None:
    """Before sessions are ended: who exchanges a code holds its row until the grant is there to be ended."""
    codes = update(AuthorizationCode).where(which(AuthorizationCode), AuthorizationCode.consumed_at.is_(None))
    connection.execute(codes.values(consumed_at=now))
    devices = update(DeviceCode).where(which(DeviceCode), DeviceCode.state == "approved")
    connection.execute(devices.values(state="denied"))


def is_over(now: datetime, idle_before: datetime) -> ColumnElement[bool]:
    """Sessions of browsers that ended by time, of which clients are still to be told (OP-58)."""
    return and_(
        Session.secret_hash.is_not(None),
        or_(Session.expires_at <= now, Session.last_seen_at <= idle_before),
        exists().where(_grant.parent_id == Session.id),
    )


END_GRANT = (
    update(Session)
    .where(Session.id == bindparam("grant_id"), Session.ended_at.is_(None))
    .values(ended_at=bindparam("now"))
)
"""Ends one grant and nothing else."""
_LOCK_LIVE = (
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.ended_at.is_(None), Session.expires_at > bindparam("now"))
    .values(last_seen_at=Session.last_seen_at)
)
