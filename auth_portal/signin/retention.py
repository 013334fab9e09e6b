"""How long rows are kept after they are over (PRIV-04)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, delete, or_

from auth_portal.db import utcnow
from auth_portal.models import Challenge, Registration, SendLimit, Session

KEEP_CHALLENGES = timedelta(days=1)
KEEP_REGISTRATIONS = timedelta(days=1)
KEEP_SESSIONS = timedelta(days=30)


def prune(engine: Engine) -> dict[str, int]:
    """Delete what is past its time; says how many rows of each kind. Refresh tokens go with their session."""
    now = utcnow()
    statements = {
        "challenges": delete(Challenge).where(Challenge.expires_at < now - KEEP_CHALLENGES),
        "registrations": delete(Registration).where(Registration.expires_at < now - KEEP_REGISTRATIONS),
        "send limits": delete(SendLimit).where(SendLimit.spent_until < int(now.timestamp() * 1000)),
        "sessions": delete(Session).where(
            or_(Session.expires_at < now - KEEP_SESSIONS, Session.ended_at < now - KEEP_SESSIONS)
        ),
    }
    removed = {}
    for kind, statement in statements.items():
        with engine.begin() as connection:
            removed[kind] = connection.execute(statement).rowcount
    return removed
