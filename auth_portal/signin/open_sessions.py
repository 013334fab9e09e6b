"""What somebody is signed in with: the list of it, and ending one, all others or all (SES-11, SES-13).

Signing out keeps what apps were allowed to keep meanwhile (``offline_access``). Whoever ends a session that they do
not sit at, or all, wants nothing of it to go on: there all that it opened ends, too (docs/sessions.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, bindparam, func, select, update

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import NotFound
from auth_portal.models import Client, DeviceCode, Session
from auth_portal.settings import Settings
from auth_portal.signin.callers import Caller
from auth_portal.signin.devices import forget_devices
from auth_portal.signin.endings import end_sessions
from auth_portal.signin.events import Actor, record
from auth_portal.signin.lifetimes import IS_LIVE, IS_SIGN_IN, Lifetimes, is_in_time
from auth_portal.signin.sessions import LiveSession

_SESSION_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser or an API device that somebody is signed in with, and the apps that it opened, by name.

    ``network`` is where it signed in from, a /24 or /48 (PRIV-05). ``expires_at`` is its latest end.
    """

    id: str
    device: str
    network: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    apps: tuple[str, ...]


class OpenSessions:
    """Lists and ends them."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._lifetimes = Lifetimes(settings)

    def of_user(self, user_id: str) -> list[OpenSession]:
        """What somebody is signed in with now, the last used first."""
        values = {"user_id": user_id, **self._lifetimes.bounds(utcnow())}
        with self._autocommit.connect() as connection:
            rows = connection.execute(_OF_USER, values).all()
            apps = connection.execute(_APPS, values | {"ids": [row.id for row in rows]}).all() if rows else []
        names: dict[str, list[str]] = {}
        for app in apps:
            names.setdefault(app.parent_id, []).append(app.name)
        return [OpenSession(*row, apps=tuple(names.get(row.id, ()))) for row in rows]

    def end(self, user_id: str, session_id: str, actor: Actor) -> None:
        """End one with all that it opened. Raises NotFound where it is over, unknown or somebody else's."""
        if not _SESSION_ID.fullmatch(session_id):
            raise NotFound
        bounds = self._lifetimes.bounds(utcnow())
        of_user = Session.user_id == user_id
        with self._engine.begin() as connection:
            given = and_(Session.id == session_id, of_user, IS_SIGN_IN, is_in_time(**bounds))
            if not end_sessions(connection, given, bounds["now"]):
                raise NotFound
            _let_no_device_in(connection, user_id)
            end_sessions(connection, and_(Session.parent_id == session_id, of_user), bounds["now"])
            record(connection, "session_ended", actor, user_id, session_id=session_id)

    def end_others(self, session: LiveSession, caller: Caller) -> int:
        """End all but this one, and what it opened; says how many. No other browser is known any more (OTP-17)."""
        with self._engine.begin() as connection:
            ended = self._end_all(connection, session.user.id, kept=session.id)
            forget_devices(connection, session.user.id, caller.devices)
            facts = {"count": ended, "reason": "others"}
            record(
                connection, "sessions_ended", Actor.of(caller), session.user.id, session_id=session.id, facts=facts
            )
        return ended

    def end_all(self, user_id: str, actor: Actor) -> int:
        """End everything that somebody is signed in with; says how many. No browser is known any more."""
        with self._engine.begin() as connection:
            return self.end_all_within(connection, user_id, actor)

    def end_all_within(self, connection: Connection, user_id: str, actor: Actor) -> int:
        """The same in the caller's transaction."""
        ended = self._end_all(connection, user_id, kept="")
        forget_devices(connection, user_id, ())
        record(connection, "sessions_ended", actor, user_id, facts={"count": ended, "reason": "all"})
        return ended

    def _end_all(self, connection: Connection, user_id: str, kept: str) -> int:
        """End sessions and grants but ``kept`` and what it opened; says how many sessions lived."""
        bounds = self._lifetimes.bounds(utcnow())
        of_user = and_(Session.user_id == user_id, Session.id != kept)
        _let_no_device_in(connection, user_id)
        count = end_sessions(connection, and_(of_user, IS_SIGN_IN, is_in_time(**bounds)), bounds["now"])
        # Again: an answer that was under way held its session.
        _let_no_device_in(connection, user_id)
        # What may outlive its session, what a device has, and what is over by lifetimes that may be longer tomorrow.
        end_sessions(connection, and_(of_user, Session.parent_id.is_distinct_from(kept)), bounds["now"])
        return count


def _let_no_device_in(connection: Connection, user_id: str) -> None:
    """A device that was let in and has not come for its tokens yet would still get them. By whom is not known."""
    approved = update(DeviceCode).where(DeviceCode.user_id == user_id, DeviceCode.state == "approved")
    connection.execute(approved.values(state="denied"))


_OF_USER = (
    select(
        Session.id,
        Session.device,
        Session.network,
        func.coalesce(Session.created_at, Session.authenticated_at).label("created_at"),
        Session.last_seen_at,
        Session.expires_at,
    )
    .where(Session.user_id == bindparam("user_id"), IS_LIVE, IS_SIGN_IN)
    .order_by(Session.last_seen_at.desc(), Session.id)
)
_APPS = (
    select(Session.parent_id, Client.name)
    .distinct()
    .join(Client, Client.id == Session.client_id)
    .where(Session.parent_id.in_(bindparam("ids", expanding=True)), IS_LIVE)
    .order_by(Client.name)
)
