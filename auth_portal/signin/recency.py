"""Sensitive actions need a sign-in that is not long ago (SES-15)."""

from __future__ import annotations

from datetime import timedelta

from auth_portal.db import CLOCK_SKEW, utcnow
from auth_portal.errors import ReauthenticationRequired
from auth_portal.signin.sessions import LiveSession

RECENT = timedelta(minutes=10)
"""How long a code that was typed lets its person do what a thief of the session must not."""


def is_recent(session: LiveSession) -> bool:
    """Whether the person has proven themself within RECENT."""
    # One of the future is from before the clock was set back: it would be recent for as long as that.
    return -CLOCK_SKEW <= utcnow() - session.authenticated_at < RECENT


def check_recent(session: LiveSession) -> None:
    """Raise ReauthenticationRequired where a code must be typed first."""
    if not is_recent(session):
        raise ReauthenticationRequired
