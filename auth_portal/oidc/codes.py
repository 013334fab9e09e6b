"""Authorization codes: issued to a client by way of the browser, exchanged once (OP-08, OP-09)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.models import AuthorizationCode as Row
from auth_portal.oidc.requests import AuthorizationRequest
from auth_portal.settings import Settings
from auth_portal.signin.endings import END_GRANT
from auth_portal.signin.keyring import digest
from auth_portal.signin.sessions import LiveSession

_MAX_CODE = 128


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    """A code that was issued. ``grant_id`` is the session that its redemption opens, or opened."""

    code_hash: str
    client_id: str
    user_id: str
    session_id: str
    grant_id: str
    redirect_uri: str
    scope: str
    code_challenge: str | None
    parameters: dict[str, Any]
    authenticated_at: datetime
    expires_at: datetime
    consumed_at: datetime | None

    code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        """Where it was sent; the redemption must repeat it."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What it grants."""
        return self.scope

    @property
    def channel(self) -> str:
        """What the person's own code came by, at the sign-in that this one tells of."""
        return str(self.parameters.get("channel", "email"))


class AuthorizationCodes:
    """Issues codes and exchanges each once."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._ttl = settings.authorization_code_ttl

    def issue(self, request: AuthorizationRequest, session: LiveSession, scope: str, *, is_offline: bool) -> str:
        """A code for what was granted: 256 random bits, of which only a digest is kept.

        ``is_offline``: the person allowed it to outlive the session (REF-07).
        """
        code = secrets.token_urlsafe(32)
        row = {
            "code_hash": digest(code),
            "client_id": request.client_id,
            "user_id": session.user.id,
            "session_id": session.id,
            "grant_id": secrets.token_hex(16),
            "redirect_uri": request.redirect_uri,
            "scope": scope,
            "code_challenge": request.code_challenge,
            "parameters": {
                "nonce": request.nonce,
                "userinfo_claims": request.userinfo_claims,
                "id_token_claims": request.id_token_claims,
                "resources": request.resources,
                "is_offline": is_offline,
                "channel": session.channel,
            },
            "authenticated_at": session.authenticated_at,
            "expires_at": utcnow() + self._ttl,
        }
        with self._autocommit.connect() as connection:
            connection.execute(insert(Row), row)
        return code

    def find(self, code: str, client_id: str) -> Code | None:
        """The code, if this client may exchange it. One that was exchanged before ends what that opened (OP-09)."""
        if not 0 < len(code) <= _MAX_CODE:
            return None
        with self._autocommit.connect() as connection:
            row = connection.execute(_FIND, {"code_hash": digest(code), "client_id": client_id}).first()
        if row is None:
            return None
        found = _code(row)
        if found.consumed_at is not None:
            self._end(found.grant_id)
            return None
        return found if found.expires_at > utcnow() else None

    def exchange(self, code: Code, redeem: Callable[[Connection], str | None]) -> tuple[bool, str | None]:
        """Use the code up and do what it is for, in one transaction. False where another request was first.

        Of any number at once one is first; the others are replays, and end what it opened (OP-09).
        """
        values = {"given_hash": code.code_hash, "now": utcnow()}
        with self._engine.begin() as connection:
            is_first = connection.execute(_CONSUME, values).rowcount == 1
            secret = redeem(connection) if is_first else None
        if not is_first:
            self._end(code.grant_id)
        return is_first, secret

    def _end(self, grant_id: str) -> None:
        with self._autocommit.connect() as connection:
            connection.execute(END_GRANT, {"grant_id": grant_id, "now": utcnow()})


def _code(row: AnyRow) -> Code:
    return Code(*row)


_FIND = select(
    Row.code_hash,
    Row.client_id,
    Row.user_id,
    Row.session_id,
    Row.grant_id,
    Row.redirect_uri,
    Row.scope,
    Row.code_challenge,
    Row.parameters,
    Row.authenticated_at,
    Row.expires_at,
    Row.consumed_at,
).where(Row.code_hash == bindparam("code_hash"), Row.client_id == bindparam("client_id"))
_CONSUME = (
    update(Row)
    .where(Row.code_hash == bindparam("given_hash"), Row.consumed_at.is_(None), Row.expires_at > bindparam("now"))
    .values(consumed_at=bindparam("now"))
)
