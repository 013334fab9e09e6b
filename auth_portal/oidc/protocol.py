"""Authlib's server as we use it: requests in its shape, client authentication, errors in our words.

What we tighten (OP-72): one way to authenticate per request, Basic credentials form-decoded, assertions at most five
minutes old and used once, and no text of a request in an error.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from auth_portal.db import autocommit, utcnow
from auth_portal.models import SpentAssertion
from auth_portal.oidc.clients import Client, ClientService
from auth_portal.oidc.fetch import Fetcher, FetchFailed
from auth_portal.oidc.offers import ASSERTION_ALGORITHMS, AUTH_METHODS
from auth_portal.signin.keyring import digest

# It writes tokens and client ids to its debug log.
logging.getLogger("authlib").setLevel(logging.WARNING)

_ASSERTION_LIFE = timedelta(minutes=5)
_LEEWAY = timedelta(minutes=1)
_DESCRIPTIONS = {
    "invalid_request": "A parameter is missing, malformed or repeated.",
    "invalid_client": "The client could not be authenticated.",
    "invalid_grant": "The code or token is wrong, over, used or another client's.",
    "unauthorized_client": "The client did not register this grant.",
    "unsupported_grant_type": "This grant is not supported.",
    "invalid_scope": "There is no scope that this client may have.",
    "invalid_target": "This client may not call that resource.",
    "authorization_pending": "The person has not answered yet.",
    "slow_down": "Please ask less often.",
    "expired_token": "The device code is over.",
    "access_denied": "The person refused.",
    "unsupported_token_type": "This kind of token is not known here.",
}

Reply = tuple[int, Any, list[tuple[str, str]]]
"""Status, JSON body, headers."""


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]
    """A form that a client posted. Each name has one value, or the form was refused before."""

    def __init__(self, headers: Mapping[str, str], form: Mapping[str, str], resources: Sequence[str] = ()) -> None:
        # Authlib insists on https here; how we are reached was settled at the start (PUBLIC_URL).
        super().__init__("POST", "https://portal.invalid/", headers=headers)
        self._fields = dict(form)
        self.resources = tuple(resources)
        self.payload = BasicOAuth2Payload(self._fields)

    @property
    def form(self) -> dict[str, str]:
        """The fields."""
        return self._fields


class ResourceRefused(OAuth2Error):  # type: ignore[misc]
    """The client may not call this resource (RFC 8707, 2)."""

    error = "invalid_target"


class AssertionTooLong(InvalidClientError):  # type: ignore[misc]
    """A client proved itself by an assertion that lives for longer than OP-33 allows."""

    text = "An assertion may live for five minutes at most."


class ProtocolServer(AuthorizationServer):  # type: ignore[misc]
    """Authlib's authorization server on our clients. Knows no web framework: replies are values."""

    def __init__(self, clients: ClientService, assertions: AssertionAuth) -> None:
        super().__init__()
        self._clients = clients
        self.register_client_auth_method("client_secret_basic", _by_basic)
        self.register_client_auth_method("private_key_jwt", assertions)

    def query_client(self, client_id: str) -> Client | None:
        """The client with this id."""
        return self._clients.find(client_id)

    def authenticate_client(
        self, request: ProtocolRequest, methods: Sequence[str] = AUTH_METHODS, endpoint: str = "token"
    ) -> Client:
        """The client that sent this. Raises InvalidClientError; InvalidRequestError for two ways at once (OP-31)."""
        ways = [
            "Authorization" in request.headers,
            "client_secret" in request.form,
            "client_assertion" in request.form,
        ]
        if sum(ways) > 1:
            raise InvalidRequestError()
        client: Client = super().authenticate_client(request, methods, endpoint)
        if request.form.get("client_id", client.id) != client.id:
            raise InvalidClientError()
        return client

    def create_oauth2_request(self, request: ProtocolRequest) -> ProtocolRequest:
        """Ours already."""
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Reply:
        """A value for the door."""
        return status, body, headers

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_error_response(self, request: ProtocolRequest, error: OAuth2Error) -> Reply:
        """The error's code with a text of ours (RFC 6749, 5.2; OP-28)."""
        return error_reply(error, is_basic="Authorization" in request.headers)


def error_reply(error: OAuth2Error, *, is_basic: bool) -> Reply:
    """Status and body of an error. A failed authentication is 401, with a challenge where Basic was tried (OP-32)."""
    text = getattr(error, "text", None) or _DESCRIPTIONS.get(error.error, "The request was refused.")
    body = {"error": error.error, "error_description": text}
    if error.error != "invalid_client":
        return 400, body, []
    return 401, body, [("WWW-Authenticate", 'Basic realm="token", charset="UTF-8"')] if is_basic else []


class AssertionAuth(JWTBearerClientAssertion):  # type: ignore[misc]
    """``private_key_jwt``: the client signs with a key of its own (RFC 7523; OP-33)."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, engine: Engine, issuer: str, fetcher: Fetcher) -> None:
        super().__init__()
        self._autocommit = autocommit(engine)
        self._audiences = [issuer, f"{issuer}/oauth/token", f"{issuer}/oauth/par"]
        self._fetcher = fetcher

    def __call__(self, find: Any, request: ProtocolRequest) -> Client | None:
        """The client whose assertion this is. Raises InvalidClientError, whatever is wrong with it.

        Authlib repeats parts of an assertion in its error, and an error refuses characters that may not stand there.
        """
        try:
            client: Client | None = super().__call__(find, request)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise InvalidClientError() from None
        return client

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        """The claims, signed by one of the algorithms that we announce and no other (JWT-01)."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=[*ASSERTION_ALGORITHMS])
        except JoseError:
            raise InvalidClientError() from None
        self.verify_claims(token.claims)
        return token.claims

    def get_audiences(self) -> list[str]:
        """The portal; its token endpoint, as older clients write it; where requests are pushed (RFC 9126, 2)."""
        return self._audiences

    def resolve_client_public_key(self, client: Client) -> KeySet:
        """The keys that the client registered, here or at its address. Raises InvalidClientError."""
        try:
            jwks = client.jwks if client.jwks is not None else self._fetcher.get_json(client.jwks_uri or "")
            return KeySet.import_key_set(jwks)
        except (FetchFailed, JoseError, ValueError, TypeError, KeyError):
            raise InvalidClientError() from None

    def verify_claims(self, claims: Any) -> None:
        """Authlib's checks, and ours: short-lived. It knows no fractions of a second (RFC 7519, 2)."""
        for name in ("exp", "iat", "nbf"):
            if isinstance(claims.get(name), float) and math.isfinite(claims[name]):
                claims[name] = int(claims[name])
        expires_at, now = claims.get("exp"), utcnow()
        if not isinstance(expires_at, int):
            raise InvalidClientError()
        if expires_at > (now + _ASSERTION_LIFE + _LEEWAY).timestamp():
            raise AssertionTooLong()
        super().verify_claims(claims)

    def validate_jti(self, claims: Any, jti: Any) -> bool:
        """Whether this assertion was not used before; notes that it is now."""
        if not isinstance(jti, str) or not jti:
            return False
        row = {
            "id": digest(f"{claims['sub']}\n{jti}"),
            "expires_at": datetime.fromtimestamp(claims["exp"], UTC) + 2 * _LEEWAY,
        }
        try:
            with self._autocommit.connect() as connection:
                connection.execute(insert(SpentAssertion), row)
        except IntegrityError:
            return False
        return True


def _by_basic(find: Any, request: ProtocolRequest) -> Client | None:
    """HTTP Basic, where id and secret are form-encoded first (RFC 6749, 2.3.1)."""
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidClientError() from None
    client: Client | None = find(unquote_plus(name))
    if client is None or not colon or not client.check_client_secret(unquote_plus(secret)):
        raise InvalidClientError()
    return client
