"""Signed-in browsers, API devices and grants: opening, finding, refreshing and ending them.

A session is a row: ending it makes our own endpoints refuse its cookie, its access tokens and its refresh
tokens at once (JWT-16, SES-08). Secrets are random, handed out once and stored as SHA-256 (SES-01, REF-01).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.errors import Unauthenticated
from auth_portal.models import Session
from auth_portal.settings import Settings
from auth_portal.signin import session_sql as sql
from auth_portal.signin.callers import Caller, coarse_network
from auth_portal.signin.devices import remember_device
from auth_portal.signin.endings import END_GRANT, end_client_grants, end_sessions, is_over, lock_live
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.tokens import PORTAL_CLIENT
from auth_portal.signin.users import Profile, profile_of

REFRESH_GRACE = timedelta(seconds=10)
"""How long a client that lost our answer may present the former refresh token again (D10)."""
_SEEN_EVERY = timedelta(minutes=1)
_MAX_SECRET = 128


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that was just opened or refreshed. ``secret`` is the cookie's value or the refresh token.

    ``device_secret`` is set where a browser became known with it, for another cookie (OTP-17).
    """

    id: str
    user: Profile
    client_id: str
    channel: str
    authenticated_at: datetime
    expires_at: datetime
    secret: str
    device_secret: str | None = None


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that is good right now, and whose it is. ``scope`` and ``parameters`` are a grant's."""

    id: str
    user: Profile
    client_id: str
    channel: str
    authenticated_at: datetime
    expires_at: datetime
    parent_id: str | None = None
    scope: str = ""
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """What a client is about to be granted. ``parent_id``: the browser's session, or the grant itself (a device).

    ``ttl`` is that of its refresh tokens; ``has_secret`` gives it a cookie's secret instead (forward-auth).
    """

    id: str
    user_id: str
    client_id: str
    parent_id: str
    scope: str
    parameters: dict[str, Any]
    channel: str
    authenticated_at: datetime
    ttl: timedelta
    device: str = ""
    is_offline: bool = False
    has_secret: bool = False


class SessionService:
    """Every way a session begins, goes on and ends."""

    def __init__(self, engine: Engine, settings: Settings, keyring: KeyRing) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._keyring = keyring
        self._browser_ttl = settings.session_ttl
        self._idle_ttl = settings.session_idle_ttl
        self._api_ttl = settings.refresh_token_ttl

    def open_session(
        self, connection: Connection, user: Profile, caller: Caller, channel: str, *, knows_browser: bool = False
    ) -> OpenedSession:
        """Open a session in the caller's transaction; a browser gets a cookie, an API device a refresh token.

        ``channel``: how the code came. ``knows_browser``: it holds a device secret of this user already.
        """
        now = utcnow()
        secret = secrets.token_urlsafe(32)
        session_id = secrets.token_hex(16)
        expires_at = now + (self._browser_ttl if caller.is_browser else self._api_ttl)
        row = {
            "id": session_id,
            "user_id": user.id,
            "secret_hash": digest(secret) if caller.is_browser else None,
            "client_id": PORTAL_CLIENT,
            "device": caller.device,
            "network": coarse_network(caller.network),
            "channel": channel,
            "created_at": now,
            "authenticated_at": now,
            "last_seen_at": now,
            "expires_at": expires_at,
            "ended_at": None,
            "parent_id": None,
            "scope": None,
            "parameters": None,
            "is_offline": False,
        }
        sql.INSERT_SESSION.run(connection, row)
        device_secret = None
        if not caller.is_browser:
            self._store_refresh_token(connection, secret, session_id, now)
        elif not knows_browser:
            device_secret = remember_device(connection, user.id)
        return OpenedSession(session_id, user, PORTAL_CLIENT, channel, now, expires_at, secret, device_secret)

    def open_grant(self, connection: Connection, draft: GrantDraft, *, is_refreshable: bool) -> str | None:
        """Open a grant in the caller's transaction; its first refresh token, or its secret, where it has one."""
        now = utcnow()
        secret = secrets.token_urlsafe(32)
        row = {
            "id": draft.id,
            "user_id": draft.user_id,
            "secret_hash": digest(secret) if draft.has_secret else None,
            "client_id": draft.client_id,
            "device": draft.device,
            "network": "",
            "channel": draft.channel,
            "created_at": now,
            "authenticated_at": draft.authenticated_at,
            "last_seen_at": now,
            "expires_at": now + draft.ttl,
            "ended_at": None,
            "parent_id": draft.parent_id,
            "scope": draft.scope,
            "parameters": draft.parameters,
            "is_offline": draft.is_offline,
        }
        sql.INSERT_SESSION.run(connection, row)
        if is_refreshable:
            self._store_refresh_token(connection, secret, draft.id, now)
        return secret if is_refreshable or draft.has_secret else None

    def find_by_secret(self, secret: str, client_id: str = PORTAL_CLIENT) -> LiveSession | None:
        """The live session of a browser's cookie; notes at most once a minute that it was seen."""
        if not secret or len(secret) > _MAX_SECRET:
            return None
        now = utcnow()
        with self._autocommit.connect() as connection:
            row = connection.execute(
                sql.BY_SECRET, {"secret_hash": digest(secret), "client_id": client_id, "now": now}
            ).first()
            if row is None or row.last_seen_at + self._idle_ttl <= now:
                return None
            if row.last_seen_at + _SEEN_EVERY <= now:
                connection.execute(sql.SEEN, {"seen_id": row.session_id, "now": now})
        return _live(row)

    def get_by_id(self, session_id: str) -> LiveSession:
        """The live session that an access token names. Raises Unauthenticated where it ended."""
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.BY_ID, {"session_id": session_id, "now": utcnow()}).first()
        if row is None:
            raise Unauthenticated
        return _live(row)

    def find_refreshed(self, token: str, client_id: str) -> LiveSession | None:
        """The live session that a client's refresh token belongs to, be it used or not. Changes nothing."""
        if not token.isascii() or len(token) > _MAX_SECRET:
            return None
        values = {"hash": digest(token), "client_id": client_id, "now": utcnow()}
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.BY_REFRESH, values).first()
        return _live(row) if row else None

    def is_refresh_token_live(self, token: str) -> bool:
        """Whether a refresh token was not used yet."""
        with self._autocommit.connect() as connection:
            used_at = connection.execute(sql.UNUSED, {"hash": digest(token)}).first()
        return used_at is not None

    def rotate_refresh_token(self, token: str, client_id: str = PORTAL_CLIENT) -> OpenedSession:
        """Exchange a refresh token for its successor (REF-02, REF-04).

        The same token again within REFRESH_GRACE, while its successor is unused, gets the same successor;
        any later use means that two hold it, and ends the session (REF-03). To another client than its own a token
        is unknown, and nothing happens to it (REF-01). Raises Unauthenticated.
        """
        if not token.isascii() or len(token) > _MAX_SECRET:
            raise Unauthenticated
        now = utcnow()
        with self._engine.begin() as connection:
            values = {"hash": digest(token), "client_id": client_id, "now": now}
            taken = connection.execute(sql.TAKE_REFRESH, values).first()
            if taken is None:
                successor, session_id = self._repeat(connection, token, client_id, now)
            else:
                successor, session_id = self._keyring.refresh_successors(token)[0], taken.session_id
                self._store_refresh_token(connection, successor, session_id, now)
            row = None
            if successor is not None:
                connection.execute(sql.SEEN, {"seen_id": session_id, "now": now})
                row = connection.execute(sql.BY_ID, {"session_id": session_id, "now": now}).first()
        if successor is None or row is None:
            raise Unauthenticated
        was = _live(row)
        return OpenedSession(
            was.id, was.user, client_id, was.channel, was.authenticated_at, was.expires_at, successor
        )

    def _repeat(self, connection: Connection, token: str, client_id: str, now: datetime) -> tuple[str | None, str]:
        used = connection.execute(sql.READ_REFRESH, {"hash": digest(token), "client_id": client_id}).first()
        if used is None:
            raise Unauthenticated
        if used.used_at is not None and now - used.used_at <= REFRESH_GRACE:
            for successor in self._keyring.refresh_successors(token):
                values = {"hash": digest(successor), "client_id": client_id}
                found = connection.execute(sql.READ_REFRESH, values).first()
                if found is not None and found.used_at is None:
                    return successor, used.session_id
        end_sessions(connection, Session.id == used.session_id, now)
        return None, used.session_id

    def end_session(self, session_id: str) -> None:
        """End one session with what it opened; ending it again changes nothing."""
        with self._engine.begin() as connection:
            end_sessions(connection, Session.id == session_id, utcnow())

    def end_grant(self, grant_id: str) -> None:
        """End one grant with its tokens."""
        with self._autocommit.connect() as connection:
            connection.execute(END_GRANT, {"grant_id": grant_id, "now": utcnow()})

    def end_client_grants(self, user_id: str, client_id: str) -> None:
        """End every grant that a client has of a person."""
        with self._engine.begin() as connection:
            end_client_grants(connection, user_id, client_id, utcnow())

    def end_what_is_over(self) -> int:
        """Note the end of browsers' sessions whose time is over, where clients are to be told; says how many."""
        now = utcnow()
        with self._engine.begin() as connection:
            return end_sessions(connection, is_over(now, now - self._idle_ttl), now)

    def renew(self, former: LiveSession, opened: OpenedSession) -> OpenedSession:
        """Let a session go on that its person has just proven again: another secret, the same id (SES-04).

        So what it opened for clients goes on, too, and a client's tokens keep their ``sid``. Is it over or somebody
        else's, the new session stays what it is.
        """
        if former.user.id != opened.user.id:
            return opened
        with self._engine.begin() as connection:
            if not lock_live(connection, former.id, utcnow()):
                return opened
            connection.execute(delete(Session).where(Session.id == opened.id))
            proven = {
                "secret_hash": digest(opened.secret),
                "channel": opened.channel,
                "authenticated_at": opened.authenticated_at,
                "last_seen_at": opened.authenticated_at,
                "expires_at": opened.expires_at,
            }
            connection.execute(update(Session).where(Session.id == former.id).values(**proven))
        return replace(opened, id=former.id)

    @staticmethod
    def _store_refresh_token(connection: Connection, token: str, session_id: str, now: datetime) -> None:
        row = {"token_hash": digest(token), "session_id": session_id, "created_at": now, "used_at": None}
        sql.INSERT_REFRESH.run(connection, row)


def _live(row: AnyRow) -> LiveSession:
    return LiveSession(
        id=row.session_id,
        user=profile_of(row),
        client_id=row.client_id,
        channel=row.channel,
        authenticated_at=row.authenticated_at,
        expires_at=row.expires_at,
        parent_id=row.parent_id,
        scope=row.scope or "",
        parameters=row.parameters,
    )
