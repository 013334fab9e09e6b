"""Signed tokens: made and checked. Each kind has a ``typ`` and an audience of its own (JWT-03).

Knows keys and claims; whether a session still lives is asked of ``sessions``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from auth_portal.db import utcnow
from auth_portal.errors import ScopeInsufficient, Unauthenticated
from auth_portal.settings import Settings
from auth_portal.signin.keys import ALGORITHMS, Algorithm, Key, SigningKeys, public_jwk

PORTAL_CLIENT = "portal"
"""``client_id`` of tokens that the JSON API gives to callers that name no client."""
SCOPE = "account"
"""The scope of the JSON API; no client is ever granted it."""
_ACCESS = "at+jwt"
_REGISTRATION = "registration+jwt"
_ID = "JWT"
_LEEWAY = timedelta(seconds=5)
_MAX_TOKEN = 8_192


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What our own endpoints need of a good access token.

    ``session_id`` is the session or grant that must live; None where a client has the token for itself.
    """

    subject: str
    session_id: str | None
    client_id: str
    scope: str
    audience: tuple[str, ...]
    issued_at: int
    expires_at: int
    token_id: str


@dataclass(frozen=True, slots=True)
class AccessDraft:
    """What an access token is to say. A client's own has no session and no ``authenticated_at``.

    ``session_id`` is told as ``sid``; where it is a grant that must live, that is ``grant_id``. ``channel``: what the
    code came by.
    """

    subject: str
    client_id: str
    session_id: str | None = None
    grant_id: str | None = None
    authenticated_at: datetime | None = None
    channel: str = "email"
    scope: str = SCOPE
    audience: Sequence[str] = ()
    ttl_s: int | None = None


def amr_of(channel: str) -> list[str]:
    """How somebody signed in (RFC 8176): by a code, and where it came by SMS that too. No more is claimed (OP-29)."""
    return ["otp", "sms"] if channel == "sms" else ["otp"]


class TokenIssuer:
    """Makes and checks the portal's JWTs."""

    def __init__(self, settings: Settings, keys: SigningKeys) -> None:
        self._keys = keys
        self.issuer = settings.public_url
        self._access_ttl = int(settings.access_token_ttl.total_seconds())
        self._registration_audience = f"{settings.public_url}/api/v1/auth/complete-registration"

    @property
    def access_ttl(self) -> int:
        """Seconds that an access token lives: ``expires_in``."""
        return self._access_ttl

    def access_token(self, draft: AccessDraft) -> str:
        """An access token per RFC 9068, with no personal data (JWT-13). Its audience is the portal or those given."""
        now = int(utcnow().timestamp())
        audience = list(draft.audience) or [self.issuer]
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": draft.subject,
            "aud": audience[0] if len(audience) == 1 else audience,
            "client_id": draft.client_id,
            "iat": now,
            "exp": now + (draft.ttl_s or self._access_ttl),
            "jti": secrets.token_urlsafe(16),
            "scope": draft.scope,
        }
        if draft.session_id is not None:
            claims["sid"] = draft.session_id
        if draft.grant_id is not None:
            claims["grant_id"] = draft.grant_id
        if draft.authenticated_at is not None:
            claims |= {"auth_time": int(draft.authenticated_at.timestamp()), "amr": amr_of(draft.channel)}
        return self.sign(claims, _ACCESS)

    def registration_token(self, *, registration_id: str, expires_at: datetime) -> str:
        """A token that opens one registration and nothing else."""
        claims = {
            "iss": self.issuer,
            "sub": registration_id,
            "aud": self._registration_audience,
            "iat": int(utcnow().timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": registration_id,
        }
        return self.sign(claims, _REGISTRATION)

    def check_access_token(self, token: str, scope: str = SCOPE) -> AccessClaims:
        """The claims of a good access token for the portal itself. Raises Unauthenticated or ScopeInsufficient.

        A token for the JSON API is for nobody else: whoever may read it elsewhere could use it here (JWT-05).
        """
        claims = self.read_access_token(token)
        if self.issuer not in claims.audience:
            raise Unauthenticated
        if scope not in claims.scope.split():
            raise ScopeInsufficient(scope=scope)
        if scope == SCOPE and len(claims.audience) > 1:
            raise Unauthenticated
        return claims

    def read_access_token(self, token: str) -> AccessClaims:
        """The claims of an access token of ours, whomever it is for. Raises Unauthenticated."""
        required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"]
        claims = self._check(token, _ACCESS, None, required)
        session_id = claims.get("grant_id") or claims.get("sid")
        if bool(session_id) != ("auth_time" in claims):  # a person's has both, a client's own neither (JWT-04)
            raise Unauthenticated
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        return AccessClaims(
            subject=str(claims["sub"]),
            session_id=str(session_id) if session_id else None,
            client_id=str(claims["client_id"]),
            scope=str(claims["scope"]),
            audience=tuple(map(str, audience)),
            issued_at=int(claims["iat"]),
            expires_at=int(claims["exp"]),
            token_id=str(claims["jti"]),
        )

    def read_id_token(self, token: str) -> dict[str, Any]:
        """The claims of an ID token of ours that comes back as a hint, expired or not (Core 3.1.2.1).

        Raises Unauthenticated.
        """
        return self._check(token, _ID, None, ["iss", "sub", "aud", "exp", "iat"], may_be_expired=True)

    def check_registration_token(self, token: str) -> str:
        """The registration id of a good registration token. Raises Unauthenticated."""
        claims = self._check(token, _REGISTRATION, self._registration_audience, ["iss", "aud", "exp", "jti"])
        return str(claims["jti"])

    def jwks(self) -> dict[str, Any]:
        """The published key set (RFC 7517), with public members only (JWT-09)."""
        return {"keys": [_entry(key) for key in self._keys.published()]}

    def sign(self, claims: dict[str, Any], kind: str = _ID, algorithm: Algorithm = "ES256") -> str:
        """A JWT of this ``typ``."""
        key = self._keys.current(algorithm)
        return jwt.encode(claims, key.private, algorithm, headers={"kid": key.kid, "typ": kind})

    def _check(
        self, token: str, kind: str, audience: str | None, required: list[str], *, may_be_expired: bool = False
    ) -> dict[str, Any]:
        """The key's own algorithm, a key of ours by ``kid``; every header that names another key is ignored."""
        try:
            if len(token) > _MAX_TOKEN:
                raise Unauthenticated
            header = jwt.get_unverified_header(token)
            kid = str(header.get("kid"))
            key = self._keys.find(kid) or (self._keys.find_former(kid) if may_be_expired else None)
            if key is None or header.get("typ") != kind or (kind != _ID and key.algorithm != ALGORITHMS[0]):
                raise Unauthenticated
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                issuer=self.issuer,
                audience=audience,
                leeway=_LEEWAY,
                options={
                    "require": required,
                    "strict_aud": audience is not None,
                    "verify_aud": audience is not None,
                    "verify_exp": not may_be_expired,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated from error
        return claims


def _entry(key: Key) -> dict[str, str]:
    return {**public_jwk(key.public), "kid": key.kid, "use": "sig", "alg": key.algorithm}
