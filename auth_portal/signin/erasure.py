"""Erasing people whose time to take it back is over: of everything that told of them, counts remain (PRIV-02).

Most rows go with the user's. The rest goes here, and a test searches every column of every table for what is left.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, String, case, cast, delete, func, or_, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from auth_portal.db import autocommit, upsert, utcnow
from auth_portal.models import (
    Challenge,
    ErasedUser,
    LogoutNotice,
    PendingRequest,
    RefreshToken,
    Registration,
    SendLimit,
    Session,
    User,
)
from auth_portal.signin.addresses import Destination
from auth_portal.signin.belongings import challenges_of, destinations_of, registrations_of, requests_of
from auth_portal.signin.events import PORTAL, Actor, forget_person
from auth_portal.signin.keyring import digest
from auth_portal.signin.limits import lock_ledger

log = structlog.get_logger("erasure")

_BATCH = 200

BY_HAND = ("challenge", "event", "logout_notice", "pending_request", "registration", "send_limit")
"""The tables that know people without a foreign key; all others lose their rows with the user's."""


def erase_due(engine: Engine) -> int:
    """Erase everybody whose time is over, each in a transaction of their own; says how many."""
    total = 0
    while True:
        due = select(User.id).where(User.erase_at <= utcnow()).order_by(User.erase_at).limit(_BATCH)
        with autocommit(engine).connect() as connection:
            waiting = connection.execute(due).scalars().all()
        erased = sum(_try_to_erase(engine, user_id) for user_id in waiting)
        total += erased
        if not erased or len(waiting) < _BATCH:
            break
    if total:
        _overwrite_log(engine)
    return total


def erase(engine: Engine, user_id: str, actor: Actor) -> bool:
    """Erase one person, if their time is over; false where it is not, or somebody else was first."""
    is_erased = _erase(engine, user_id, actor)
    if is_erased:
        _overwrite_log(engine)
    return is_erased


def find_erased(engine: Engine, user_id: str) -> datetime | None:
    """When the person with this subject was erased."""
    with autocommit(engine).connect() as connection:
        erased_at: datetime | None = connection.execute(
            select(ErasedUser.erased_at).where(ErasedUser.subject_hash == digest(user_id))
        ).scalar()
    return erased_at


class _NotDue(Exception):
    """It was taken back, or another process was first: nothing of this transaction may stay."""


def _try_to_erase(engine: Engine, user_id: str) -> bool:
    """One who cannot be erased must not keep the others."""
    try:
        return _erase(engine, user_id, PORTAL)
    except SQLAlchemyError as error:
        log.error("erasure_failed", kind=type(error).__name__)
        return False


def _erase(engine: Engine, user_id: str, actor: Actor) -> bool:
    """What the user's row takes along is deleted in the middle of it.

    Before: what is found by the addresses that go with it, and what others lock before they need the user or a
    session: whoever locked the user first could wait for them forever. After: what tells of the person without a
    foreign key; by then nobody can add any more, for whoever does holds a row that is gone.
    """
    now = utcnow()
    is_due = (User.id == user_id, User.erase_at <= now)
    with autocommit(engine).connect() as connection:
        if connection.execute(select(User.id).where(*is_due)).first() is None:
            return False
        mentioned = _requests_that_mention(connection, user_id, destinations_of(connection, user_id))
    try:
        with engine.begin() as connection:
            # Waits for whoever has a code sent right now.
            lock_ledger(connection, user_id, now)
            destinations = destinations_of(connection, user_id)
            requests = or_(requests_of(destinations), PendingRequest.id.in_(mentioned))
            connection.execute(delete(PendingRequest).where(requests))
            # In the order in which who types a code needs them.
            _forget_challenges(connection, user_id, destinations, now)
            connection.execute(delete(Registration).where(registrations_of(destinations)))
            sessions = select(Session.id).where(Session.user_id == user_id)
            connection.execute(delete(RefreshToken).where(RefreshToken.session_id.in_(sessions)))
            if connection.execute(delete(User).where(*is_due)).rowcount == 0:
                raise _NotDue
            connection.execute(delete(LogoutNotice).where(LogoutNotice.user_id == user_id))
            connection.execute(delete(SendLimit).where(SendLimit.key == user_id))
            # Notes that it was done, and by whom; not to whom.
            forget_person(connection, user_id, now, actor)
            tombstone = upsert(engine.dialect.name)(ErasedUser).values(subject_hash=digest(user_id), erased_at=now)
            # There already where a backup had brought the person back.
            connection.execute(tombstone.on_conflict_do_nothing())
    except _NotDue:
        return False
    return True


def _requests_that_mention(connection: Connection, user_id: str, destinations: Sequence[Destination]) -> list[str]:
    """Requests of apps that name the person as a hint. Read apart: it looks at each request there is."""
    words = [user_id, *(destination.value for destination in destinations)]
    parameters = func.lower(cast(PendingRequest.parameters, String))
    named = or_(*(parameters.contains(word.lower(), autoescape=True) for word in words))
    return list(connection.execute(select(PendingRequest.id).where(named)).scalars())


def _forget_challenges(
    connection: Connection, user_id: str, destinations: Sequence[Destination], now: datetime
) -> None:
    """What was guessed goes on counting for the site, under a name that nothing else has; what lived is over."""
    nobody = {"destination": "", "caller": "", "network": "", "device": "", "account": secrets.token_hex(16)}
    over = case((Challenge.expires_at > now, now), else_=Challenge.expires_at)
    for which in challenges_of(user_id, destinations):
        connection.execute(update(Challenge).where(which).values(expires_at=over, **nobody))


def _overwrite_log(engine: Engine) -> None:
    """SQLite keeps former pages in its write-ahead log until it is written over; do not wait for that."""
    if engine.dialect.name == "sqlite":
        with autocommit(engine).connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
