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
from auth_portal.signin.endings import END_GRANT, end_beyond, end_client_grants, end_sessions, is_over, lock_live
from auth_portal.signin.events import PORTAL, Actor, record
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.lifetimes import SEEN_EVERY, Lifetimes
from auth_portal.signin.refreshing import Presented, exchange_token, store_token
from auth_portal.signin.tokens import PORTAL_CLIENT
from auth_portal.signin.users import Profile, profile_of

_MAX_SECRET = 128
_NEW: dict[str, Any] = {"ended_at": None, "parent_id": None, "scope": None, "parameters": None, "is_offline": False}


@dataclass(frozen=True, slots=True)
class _Session:
    """A session and whose it is. ``channel``: what the code of its sign-in came by."""

    id: str
    user: Profile
    client_id: str
    channel: str
    authenticated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedSession(_Session):
    """A session that was just opened or refreshed. ``secret`` is the cookie's value or the refresh token.

    ``device_secret`` is set where a browser became known with it, for another cookie (OTP-17).
    """

    secret: str
    device_secret: str | None = None


@dataclass(frozen=True, slots=True)
class LiveSession(_Session):
    """A session that is good right now. ``scope`` and ``parameters`` are a grant's."""

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
        self._lifetimes = Lifetimes(settings)
        self.most = settings.sessions_per_user
        """How often one person may be signed in at once (SES-14)."""

    def open_session(
        self,
        connection: Connection,
        user: Profile,
        caller: Caller,
        channel: str,
        *,
        knows_browser: bool = False,
        proven_at: datetime | None = None,
    ) -> OpenedSession:
        """Open a session in the caller's transaction; a browser gets a cookie, an API device a refresh token.

        ``channel``: how the code came. ``knows_browser``: it holds a device secret of this user already.
        ``proven_at``: when the code was typed, if that was not just now.
        """
        now = utcnow()
        proven_at = proven_at or now
        session_id, secret = secrets.token_hex(16), secrets.token_urlsafe(32)
        expires_at = now + (self._lifetimes.browser if caller.is_browser else self._lifetimes.family)
        row = _NEW | {
            "id": session_id,
            "user_id": user.id,
            "secret_hash": digest(secret) if caller.is_browser else None,
            "client_id": PORTAL_CLIENT,
            "device": caller.device,
            "network": coarse_network(caller.network),
            "channel": channel,
            "created_at": now,
            "authenticated_at": proven_at,
            "last_seen_at": now,
            "expires_at": expires_at,
        }
        sql.INSERT_SESSION.run(connection, row)
        device_secret = None
        if not caller.is_browser:
            store_token(connection, secret, session_id, now)
        elif not knows_browser:
            device_secret = remember_device(connection, user.id)
        return OpenedSession(session_id, user, PORTAL_CLIENT, channel, proven_at, expires_at, secret, device_secret)

    def make_room(self, connection: Connection, user_id: str, caller: Caller) -> None:
        """End what was not used for longest, where somebody is signed in as often as they may be (SES-14).

        The session that this very browser has does not count: it goes on by the sign-in that follows, or ends.
        """
        ended = end_beyond(connection, user_id, self.most - 1, caller.session, self._lifetimes.bounds(utcnow()))
        if ended:
            record(connection, "sessions_ended", PORTAL, user_id, facts={"count": ended, "reason": "too_many"})

    def open_grant(self, connection: Connection, draft: GrantDraft, *, is_refreshable: bool) -> str | None:
        """Open a grant in the caller's transaction; its first refresh token, or its secret, where it has one."""
        now = utcnow()
        secret = secrets.token_urlsafe(32)
        row = _NEW | {
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
            "parent_id": draft.parent_id,
            "scope": draft.scope,
            "parameters": draft.parameters,
            "is_offline": draft.is_offline,
        }
        sql.INSERT_SESSION.run(connection, row)
        if is_refreshable:
            store_token(connection, secret, draft.id, now)
        return secret if is_refreshable or draft.has_secret else None

    def find_by_secret(self, secret: str, client_id: str = PORTAL_CLIENT) -> LiveSession | None:
        """The live session of a browser's cookie; notes at most once a minute that it was seen."""
        if not secret or len(secret) > _MAX_SECRET:
            return None
        now = utcnow()
        values = {"secret_hash": digest(secret), "client_id": client_id, **self._lifetimes.bounds(now)}
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.BY_SECRET, values).first()
            if row is not None:
                _note_seen(connection, row, now)
        return _live(row) if row else None

    def get_by_id(self, session_id: str) -> LiveSession:
        """The live session that an access token names; notes at most once a minute that it was seen.

        Raises Unauthenticated where it is over.
        """
        with self._autocommit.connect() as connection:
            return self._seen(connection, session_id, utcnow())

    def find_refreshed(self, token: str, client_id: str) -> LiveSession | None:
        """The live session that a client's refresh token belongs to, be it used or not. Changes nothing."""
        if not token.isascii() or len(token) > _MAX_SECRET:
            return None
        values = {"hash": digest(token), "client_id": client_id, **self._lifetimes.bounds(utcnow())}
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.BY_REFRESH, values).first()
        return _live(row) if row else None

    def is_refresh_token_live(self, token: str) -> bool:
        """Whether a refresh token was not used yet."""
        with self._autocommit.connect() as connection:
            used_at = connection.execute(sql.UNUSED, {"hash": digest(token)}).first()
        return used_at is not None

    def rotate_refresh_token(
        self, token: str, client_id: str = PORTAL_CLIENT, caller: Caller | None = None
    ) -> OpenedSession:
        """Exchange a refresh token for its successor, see ``exchange_token``. ``caller``: who brought it, if known.

        Raises Unauthenticated.
        """
        if not token.isascii() or len(token) > _MAX_SECRET:
            raise Unauthenticated
        now = utcnow()
        with self._engine.begin() as connection:
            exchanged = exchange_token(connection, self._keyring, Presented(token, client_id, caller), now)
            # Where it is over this raises, and the token is not used up: who tries again is no second holder.
            live = self._seen(connection, exchanged[1], now) if exchanged else None
        if exchanged is None or live is None:
            raise Unauthenticated
        user, since, until = live.user, live.authenticated_at, live.expires_at
        return OpenedSession(live.id, user, client_id, live.channel, since, until, exchanged[0])

    def end_session(self, session_id: str, actor: Actor = PORTAL) -> None:
        """Sign out: end one session with what it opened; ending it again changes nothing."""
        with self._engine.begin() as connection:
            if end_sessions(connection, Session.id == session_id, utcnow()):
                user_id = connection.execute(sql.USER_OF, {"session_id": session_id}).scalar_one()
                record(connection, "signed_out", actor, user_id, session_id=session_id)

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
            return end_sessions(connection, is_over(now, now - self._lifetimes.browser_idle), now)

    def renew(self, former: LiveSession, opened: OpenedSession, actor: Actor = PORTAL) -> OpenedSession:
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
            facts = {"channel": opened.channel}
            record(connection, "reauthenticated", actor, former.user.id, session_id=former.id, facts=facts)
        return replace(opened, id=former.id)

    def _seen(self, connection: Connection, session_id: str, now: datetime) -> LiveSession:
        row = connection.execute(sql.BY_ID, {"session_id": session_id, **self._lifetimes.bounds(now)}).first()
        if row is None:
            raise Unauthenticated
        _note_seen(connection, row, now)
        return _live(row)


def _note_seen(connection: Connection, row: AnyRow, now: datetime) -> None:
    not_since = now - SEEN_EVERY
    if row.last_seen_at <= not_since:
        connection.execute(sql.SEEN, {"seen_id": row.session_id, "now": now, "not_since": not_since})


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
