"""How long rows are kept after they are over (PRIV-04)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Delete, Engine, Update, and_, delete, exists, or_, select, text, update
from sqlalchemy.orm import aliased

from auth_portal.db import utcnow
from auth_portal.models import (
    AuthorizationCode,
    Challenge,
    DeviceCode,
    IdentifierChange,
    KnownDevice,
    PendingRequest,
    Registration,
    SendLimit,
    Session,
    SpentAssertion,
)
from auth_portal.settings import LONG_CODE_LENGTH
from auth_portal.signin.erasure import erase_due
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.seal_chain import ChainBroken
from auth_portal.signin.seals import EventSeals

KEEP_CHALLENGES = timedelta(days=1)
"""How long a code's row tells whom it was for. Longer, a row only counts: without address, browser and network."""
KEEP_FAILURES = timedelta(days=400)
"""How long wrong guesses count at most: no budget looks back further than a year (9.6)."""
KEEP_REGISTRATIONS = timedelta(days=1)
KEEP_SESSIONS = timedelta(days=30)
KEEP_CODES = timedelta(days=1)
"""How long a code of an app is known after its end: a second redemption must be noticed (OP-09)."""
PRUNE_EVERY_S = 3_600
"""How often the portal prunes by itself, whichever process it is."""
_BATCH = 1_000

log = structlog.get_logger("retention")


def prune(engine: Engine, seals: EventSeals, *, even_broken: bool = False) -> dict[str, int]:
    """Delete what is past its time; says how many of each kind. Refresh tokens go with their session.

    People first: of those who are erased nothing else is left to delete. Events go last, by whole seals. Raises
    ChainBroken where those do not hold, unless ``even_broken``.
    """
    people = erase_due(engine)
    pruned = {kind: _in_batches(engine, *what) for kind, what in _past_its_time(utcnow()).items()}
    return {"people": people, **pruned, "events": seals.prune(even_broken=even_broken)}


def _past_its_time(now: datetime) -> dict[str, tuple[Delete | Update, Any, ColumnElement[bool]]]:
    """What is to be done to which rows, by kind, and the key of their table."""
    is_forgotten = and_(Challenge.expires_at < now - KEEP_CHALLENGES, Challenge.destination != "")
    is_ended = or_(Session.expires_at < now - KEEP_SESSIONS, Session.ended_at < now - KEEP_SESSIONS)
    forgotten = update(Challenge).values({"destination": "", "caller": "", "network": "", "device": ""})

    def expired(key: Any, ends: Any, kept: timedelta = timedelta(0)) -> tuple[Delete, Any, ColumnElement[bool]]:
        return delete(key.class_), key, ends < now - kept

    return {
        "challenges": (delete(Challenge), Challenge.id, _is_over(now)),
        "addresses of challenges": (forgotten, Challenge.id, is_forgotten),
        "registrations": expired(Registration.id, Registration.expires_at, KEEP_REGISTRATIONS),
        "send limits": (delete(SendLimit), SendLimit.key, SendLimit.spent_until < int(now.timestamp() * 1000)),
        "known devices": expired(KnownDevice.id, KnownDevice.expires_at),
        # An address that somebody gave up is nobody's business once they cannot have it back.
        "changes of addresses": expired(IdentifierChange.id, IdentifierChange.undo_until),
        "sessions": (delete(Session), Session.id, is_ended),
        "requests of apps": expired(PendingRequest.id, PendingRequest.expires_at),
        "codes of apps": expired(AuthorizationCode.code_hash, AuthorizationCode.expires_at, KEEP_CODES),
        "device codes": expired(DeviceCode.device_hash, DeviceCode.expires_at, KEEP_CODES),
        "spent assertions": expired(SpentAssertion.id, SpentAssertion.expires_at),
    }


def _in_batches(engine: Engine, change: Delete | Update, key: Any, condition: ColumnElement[bool]) -> int:
    """Change all rows that fulfil the condition, and do not any more afterwards; a sign-in never waits for long."""
    some = select(key).where(condition).limit(_BATCH).correlate(None)
    total = 0
    while True:
        with engine.begin() as connection:
            count = connection.execute(change.where(key.in_(some))).rowcount
        total += count
        if count < _BATCH:
            return total


def prune_if_due(engine: Engine, limits: SendLimits, seals: EventSeals) -> None:
    """Prune, unless a process of this portal has done so within the last hour."""
    with engine.begin() as connection:
        is_due = limits.try_spend(connection, limits.bucket("prune", "all", 1, PRUNE_EVERY_S), utcnow())
    if not is_due:
        return
    try:
        prune(engine, seals)
    except ChainBroken as broken:
        log.error("events_not_pruned", fault=broken.fault.kind, seal=broken.fault.seal_id)


def _is_over(now: datetime) -> ColumnElement[bool]:
    """Nothing counts it any more: no guess at it failed, or that is long ago.

    An account's last success stays while older failures count: it says which of them are in a row (OTP-14).
    """
    other: Any = aliased(Challenge)
    is_last_success = and_(
        Challenge.consumed_at.is_not(None),
        ~exists().where(other.account == Challenge.account, other.consumed_at > Challenge.consumed_at),
        exists().where(
            other.account == Challenge.account,
            other.code_length < text(str(LONG_CODE_LENGTH)),
            other.attempts + other.foreign_attempts > 0,
        ),
    )
    failed = and_(
        Challenge.attempts + Challenge.foreign_attempts > 0, Challenge.code_length < text(str(LONG_CODE_LENGTH))
    )
    return or_(
        Challenge.expires_at < now - KEEP_FAILURES,
        and_(Challenge.expires_at < now - KEEP_CHALLENGES, ~failed, ~is_last_success),
    )
