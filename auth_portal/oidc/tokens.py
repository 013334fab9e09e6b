"""What a client is given: the answer of the token endpoint, and ID tokens (Core 2, 3.1.3.3)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from auth_portal.db import utcnow
from auth_portal.oidc.clients import Client
from auth_portal.oidc.requests import ACR
from auth_portal.oidc.subjects import Subjects, claims_of
from auth_portal.settings import Settings
from auth_portal.signin.keys import Algorithm
from auth_portal.signin.tokens import AccessDraft, TokenIssuer, amr_of
from auth_portal.signin.users import Profile

LONGEST_ACCESS_TOKEN = timedelta(hours=1)
"""What a client may register at most (JWT-07); keys stay published for so long after they last signed."""
ID_TOKEN_TTL_S = 600
"""An ID token is read once, at the sign-in; nobody needs it for longer."""


def lasting_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of a request's parameters a grant keeps for its later tokens."""
    return {name: list(given.get(name, ())) for name in ("userinfo_claims", "id_token_claims", "resources")}


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant for which tokens are made. ``session_id`` is the ``sid`` that a logout token will name.

    ``channel``: what the code of the sign-in came by. ``nonce`` is told once, in the tokens of a code (REF-09).
    """

    id: str
    session_id: str
    user: Profile
    scope: str
    channel: str
    authenticated_at: datetime
    resources: Sequence[str] = ()
    id_token_claims: Sequence[str] = ()
    nonce: str | None = None
    refresh_token: str | None = None


class ClientTokens:
    """Makes the tokens of clients."""

    def __init__(self, settings: Settings, issuer: TokenIssuer, subjects: Subjects) -> None:
        self._issuer = issuer
        self._subjects = subjects
        self._own_fields = settings.own_fields
        self._refresh_ttl = settings.refresh_token_ttl
        self._session_ttl = settings.session_ttl

    def grant_ttl(self, client: Client, *, is_refreshable: bool) -> timedelta:
        """How long a grant lives: as long as its refresh tokens, or as the browser's session could."""
        if not is_refreshable:
            return self._session_ttl
        return timedelta(seconds=client.refresh_token_ttl) if client.refresh_token_ttl else self._refresh_ttl

    def response(self, client: Client, granted: Granted) -> dict[str, Any]:
        """The JSON of the token endpoint for a grant (RFC 6749, 5.1)."""
        scopes = granted.scope.split()
        subject = self._subjects.subject(client, granted.user.id)
        access_token = self._issuer.access_token(
            AccessDraft(
                subject=subject,
                client_id=client.id,
                session_id=granted.session_id,
                grant_id=granted.id,
                authenticated_at=granted.authenticated_at,
                channel=granted.channel,
                scope=granted.scope,
                audience=self._audience(granted.resources, scopes),
                ttl_s=client.access_token_ttl,
            )
        )
        body: dict[str, Any] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": client.access_token_ttl or self._issuer.access_ttl,
            "scope": granted.scope,
        }
        if granted.refresh_token is not None:
            body["refresh_token"] = granted.refresh_token
        if "openid" in scopes:
            body["id_token"] = self._id_token(client, granted, subject, access_token)
        return body

    def own_response(self, client: Client, scope: str, resources: Sequence[str]) -> dict[str, Any]:
        """The JSON of the token endpoint for a client that acts for itself (RFC 6749, 4.4.3). ``sub`` is its id."""
        draft = AccessDraft(
            subject=client.id,
            client_id=client.id,
            scope=scope,
            audience=tuple(resources),
            ttl_s=client.access_token_ttl,
        )
        return {
            "access_token": self._issuer.access_token(draft),
            "token_type": "Bearer",
            "expires_in": client.access_token_ttl or self._issuer.access_ttl,
            "scope": scope,
        }

    def _audience(self, resources: Sequence[str], scopes: Sequence[str]) -> tuple[str, ...]:
        """Whom the token is for: the APIs it was asked for; with ``openid`` also our userinfo endpoint (RFC 8707)."""
        return (*resources, self._issuer.issuer) if not resources or "openid" in scopes else tuple(resources)

    def _id_token(self, client: Client, granted: Granted, subject: str, access_token: str) -> str:
        algorithm = cast(Algorithm, client.id_token_algorithm)
        now = int(utcnow().timestamp())
        # Core 5.4 has the scopes' claims at userinfo only; some apps never ask there.
        told = granted.scope.split() if client.claims_in_id_token else ()
        claims = {
            "iss": self._issuer.issuer,
            "sub": subject,
            "aud": client.id,
            "iat": now,
            "exp": now + ID_TOKEN_TTL_S,
            "auth_time": int(granted.authenticated_at.timestamp()),
            "sid": granted.session_id,
            "acr": ACR,
            "amr": amr_of(granted.channel),
            "at_hash": _half_hash(access_token),
            **claims_of(granted.user, told, granted.id_token_claims, self._own_fields),
        }
        if granted.nonce is not None:
            claims["nonce"] = granted.nonce
        return self._issuer.sign(claims, algorithm=algorithm)


def _half_hash(access_token: str) -> str:
    """The left half of the SHA-256, as both our algorithms want it (Core 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).rstrip(b"=").decode()
