"""Signed tokens: made and checked. Each kind has a ``typ`` and an audience of its own (JWT-03).

Knows keys and claims; whether a session still lives is asked of ``sessions``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from auth_portal.db import utcnow
from auth_portal.errors import Unauthenticated
from auth_portal.settings import Settings
from auth_portal.signin.keys import ALGORITHM, Key, SigningKeys, public_jwk

PORTAL_CLIENT = "portal"
"""``client_id`` of tokens that the JSON API gives to callers that name no client."""
SCOPE = "account"
_ACCESS = "at+jwt"
_REGISTRATION = "registration+jwt"
_LEEWAY = timedelta(seconds=5)
_MAX_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What our own endpoints need of a good access token."""

    user_id: str
    session_id: str
    authenticated_at: int


class TokenIssuer:
    """Makes and checks the portal's JWTs."""

    def __init__(self, settings: Settings, keys: SigningKeys) -> None:
        self._keys = keys
        self._issuer = settings.public_url
        self._access_ttl = int(settings.access_token_ttl.total_seconds())
        self._registration_audience = f"{settings.public_url}/api/v1/auth/complete-registration"

    @property
    def access_ttl(self) -> int:
        """Seconds that an access token lives: ``expires_in``."""
        return self._access_ttl

    def access_token(self, *, user_id: str, session_id: str, client_id: str, authenticated_at: datetime) -> str:
        """An access token per RFC 9068, with no personal data (JWT-13)."""
        now = int(utcnow().timestamp())
        claims = {
            "iss": self._issuer,
            "sub": user_id,
            "aud": self._issuer,
            "client_id": client_id,
            "iat": now,
            "exp": now + self._access_ttl,
            "jti": secrets.token_urlsafe(16),
            "sid": session_id,
            "scope": SCOPE,
            "auth_time": int(authenticated_at.timestamp()),
            "amr": ["otp"],
        }
        return self._sign(claims, _ACCESS)

    def registration_token(self, *, registration_id: str, expires_at: datetime) -> str:
        """A token that opens one registration and nothing else."""
        claims = {
            "iss": self._issuer,
            "sub": registration_id,
            "aud": self._registration_audience,
            "iat": int(utcnow().timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": registration_id,
        }
        return self._sign(claims, _REGISTRATION)

    def check_access_token(self, token: str) -> AccessClaims:
        """The claims of a good access token of ours. Raises Unauthenticated."""
        required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time"]
        claims = self._check(token, _ACCESS, self._issuer, required)
        return AccessClaims(str(claims["sub"]), str(claims["sid"]), int(claims["auth_time"]))

    def check_registration_token(self, token: str) -> str:
        """The registration id of a good registration token. Raises Unauthenticated."""
        claims = self._check(token, _REGISTRATION, self._registration_audience, ["iss", "aud", "exp", "jti"])
        return str(claims["jti"])

    def jwks(self) -> dict[str, Any]:
        """The published key set (RFC 7517), with public members only (JWT-09)."""
        return {"keys": [_entry(key) for key in self._keys.published()]}

    def _sign(self, claims: dict[str, Any], kind: str) -> str:
        key = self._keys.current()
        return jwt.encode(claims, key.private, ALGORITHM, headers={"kid": key.kid, "typ": kind})

    def _check(self, token: str, kind: str, audience: str, required: list[str]) -> dict[str, Any]:
        """One fixed algorithm, a key of ours by ``kid``; every header that names another key is ignored."""
        try:
            if len(token) > _MAX_TOKEN:
                raise Unauthenticated
            header = jwt.get_unverified_header(token)
            key = self._keys.find(str(header.get("kid")))
            if key is None or header.get("typ") != kind:
                raise Unauthenticated
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=audience,
                leeway=_LEEWAY,
                options={"require": required, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated from error
        return claims


def _entry(key: Key) -> dict[str, str]:
    return {**public_jwk(key.public), "kid": key.kid, "use": "sig", "alg": ALGORITHM}
