"""What a client or an API may ask of a token: whether it is good (RFC 7662), and to make it worthless (RFC 7009)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from sqlalchemy import Engine, bindparam, select

from auth_portal.db import autocommit, upsert
from auth_portal.errors import Unauthenticated
from auth_portal.models import SpentAssertion
from auth_portal.oidc.clients import Client
from auth_portal.oidc.offers import AUTH_METHODS, OWN_METHODS
from auth_portal.oidc.protocol import ProtocolRequest
from auth_portal.signin.keyring import digest
from auth_portal.signin.sessions import LiveSession, SessionService
from auth_portal.signin.tokens import AccessClaims, TokenIssuer

if TYPE_CHECKING:
    from auth_portal.oidc.server import OidcServer


@dataclass(frozen=True, slots=True)
class Token:
    """A good token. ``grant_id`` is what dies with it; None where a client has the token for itself."""

    client_id: str
    grant_id: str | None
    audience: tuple[str, ...]
    facts: dict[str, Any]
    own: AccessClaims | None = None

    def check_client(self, client: Client) -> bool:
        """Whether it was issued to this client."""
        return self.client_id == client.id

    def is_expired(self) -> bool:
        """False: what is expired was not found."""
        return False

    is_revoked = is_expired


class Tokens:
    """Finds good tokens, and revokes them."""

    def __init__(self, engine: Engine, issuer: TokenIssuer, sessions: SessionService) -> None:
        self._autocommit = autocommit(engine)
        self._issuer = issuer
        self._sessions = sessions

    def find(self, token: str, client: Client, *, may_be_used: bool = False) -> Token | None:
        """The token, if it is good now: any access token, or a refresh token of this client."""
        return self._find_access(token) if token.count(".") == 2 else self._find_refresh(token, client, may_be_used)

    def revoke(self, token: Token) -> None:
        """End the grant with all its tokens, whichever of them was given (OP-43); or a client's own token."""
        if token.grant_id is not None:
            self._sessions.end_grant(token.grant_id)
        elif token.own is not None:
            row = {
                "id": _revoked_id(token.own),
                "expires_at": datetime.fromtimestamp(token.own.expires_at, UTC),
            }
            with self._autocommit.connect() as connection:
                connection.execute(
                    upsert(connection.dialect.name)(SpentAssertion).values(**row).on_conflict_do_nothing()
                )

    def _find_access(self, token: str) -> Token | None:
        try:
            claims = self._issuer.read_access_token(token)
            live = self._sessions.get_by_id(claims.session_id) if claims.session_id else None
        except Unauthenticated:
            return None
        if live is None and self._is_revoked(claims):
            return None
        facts: dict[str, Any] = {
            "token_type": "Bearer",
            "client_id": claims.client_id,
            "scope": claims.scope,
            "sub": claims.subject,
            "aud": claims.audience[0] if len(claims.audience) == 1 else list(claims.audience),
            "iss": self._issuer.issuer,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "jti": claims.token_id,
        }
        own = claims if live is None else None
        return Token(claims.client_id, claims.session_id, claims.audience, facts, own)

    def _find_refresh(self, token: str, client: Client, may_be_used: bool) -> Token | None:
        live: LiveSession | None = self._sessions.find_refreshed(token, client.id)
        if live is None or not (may_be_used or self._sessions.is_refresh_token_live(token)):
            return None
        facts = {
            "client_id": client.id,
            "scope": live.scope,
            "iss": self._issuer.issuer,
            "exp": int(live.expires_at.timestamp()),
        }
        return Token(client.id, live.id, (), facts)

    def _is_revoked(self, claims: AccessClaims) -> bool:
        with self._autocommit.connect() as connection:
            return connection.execute(_REVOKED, {"given_id": _revoked_id(claims)}).first() is not None


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662, for authenticated clients: of their own tokens, and an API of those meant for it (OP-44)."""

    CLIENT_AUTH_METHODS = OWN_METHODS
    server: OidcServer

    def authenticate_token(self, request: ProtocolRequest, client: Client) -> Token | None:
        """The token, if it is good and this client may know."""
        self.check_params(request, client)
        token = self.server.tokens.find(request.form["token"], client)
        if token is None or not (token.check_client(client) or client.api_identifier in token.audience):
            return None
        return token

    def introspect_token(self, token: Token) -> dict[str, Any]:
        """What is told of it."""
        return token.facts


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009: 200 for every token that is worthless afterwards, another client's is left alone (OP-43)."""

    CLIENT_AUTH_METHODS = AUTH_METHODS
    server: OidcServer

    def authenticate_token(self, request: ProtocolRequest, client: Client) -> Token | None:
        """The token, if it is good and this client's; or was, and what followed it is alive.

        A client that signs its person out while it refreshes has only the former token, and means all of them.
        """
        self.check_params(request, client)
        token = self.server.tokens.find(request.form["token"], client, may_be_used=True)
        return token if token is not None and token.check_client(client) else None

    def revoke_token(self, token: Token, _request: ProtocolRequest) -> None:
        """Make it worthless."""
        self.server.tokens.revoke(token)


def _revoked_id(claims: AccessClaims) -> str:
    return digest(f"revoked\n{claims.token_id}")


_REVOKED = select(SpentAssertion.id).where(SpentAssertion.id == bindparam("given_id"))
