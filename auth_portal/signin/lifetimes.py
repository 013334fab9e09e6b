"""How long sessions live: to their end, however much they are used, and only while they are used (SES-07, REF-05).

What says whether a session is good right now stands here once; whatever reads, lists or counts sessions asks it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_

from auth_portal.models import Session
from auth_portal.settings import Settings

SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used: so often it is noted at most."""


class Lifetimes:
    """The lifetimes of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.browser = settings.session_ttl
        self.browser_idle = settings.session_idle_ttl
        self.family = settings.refresh_token_ttl
        self.family_idle = settings.refresh_idle_ttl

    def bounds(self, now: datetime) -> dict[str, datetime]:
        """The parameters of ``is_in_time``."""
        return {
            "now": now,
            "browser_unused": now - self.browser_idle,
            "family_unused": now - self.family_idle,
        }


def is_in_time(now: Any, browser_unused: Any, family_unused: Any) -> ColumnElement[bool]:
    """Whether a session is not over by time; ended it may be all the same.

    A browser has a secret, and so has a guarded site; what has none is a family of refresh tokens, or too short-lived
    for this to matter. ``…_unused``: who was last seen then, or before, was not used for too long.
    """
    return and_(
        Session.expires_at > now,
        or_(
            and_(Session.secret_hash.is_not(None), Session.last_seen_at > browser_unused),
            and_(Session.secret_hash.is_(None), Session.last_seen_at > family_unused),
        ),
    )


IS_LIVE = and_(
    Session.ended_at.is_(None),
    is_in_time(bindparam("now"), bindparam("browser_unused"), bindparam("family_unused")),
)
"""Whether a session is good right now, for a statement that is executed with ``Lifetimes.bounds``."""
IS_SIGN_IN = Session.parent_id.is_(None)
"""Whether it is a browser or an API device, not what one of them opened for a client."""
