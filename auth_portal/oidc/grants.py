"""The grants of the token endpoint: Authlib checks the request, our services use it up and open what it grants."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749 import grants as rfc6749
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from sqlalchemy import Connection

from auth_portal.db import utcnow
from auth_portal.errors import Unauthenticated
from auth_portal.oidc.clients import Client
from auth_portal.oidc.codes import AuthorizationCodes, Code
from auth_portal.oidc.devices import DeviceCodes, WaitingDevice
from auth_portal.oidc.offers import AUTH_METHODS, OWN_METHODS
from auth_portal.oidc.protocol import Reply, ResourceRefused
from auth_portal.oidc.tokens import ClientTokens, Granted, lasting_parameters
from auth_portal.signin.endings import lock_live
from auth_portal.signin.sessions import GrantDraft, LiveSession, SessionService
from auth_portal.signin.users import Profile, UserService

if TYPE_CHECKING:
    from auth_portal.oidc.server import OidcServer

_PERSONAL = frozenset({"openid", "profile", "email", "phone", "address", "offline_access"})


class GrantServices:
    """What the grants need; Authlib makes a new grant object for each request."""

    def __init__(
        self,
        codes: AuthorizationCodes,
        devices: DeviceCodes,
        sessions: SessionService,
        users: UserService,
        tokens: ClientTokens,
    ) -> None:
        self.codes = codes
        self.devices = devices
        self.sessions = sessions
        self.users = users
        self.tokens = tokens

    def get_user(self, user_id: str) -> Profile:
        """The person, who may still sign in. Raises InvalidGrantError."""
        user = self.users.find_by_id(user_id)
        if user is None or not user.may_sign_in:
            raise InvalidGrantError()
        return user


class S256Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE as we have it: S256, and whatever is wrong with the verifier is one error (OP-06)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Compare verifier and challenge. Raises InvalidGrantError."""
        try:
            super().validate_code_verifier(grant, result)
        except InvalidRequestError:
            raise InvalidGrantError() from None


class CodeGrant(rfc6749.AuthorizationCodeGrant):  # type: ignore[misc]
    """A code for tokens, once (RFC 6749, 4.1.3)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: OidcServer

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """The code, if this client may exchange it."""
        return self.server.services.codes.find(code, client.id)

    def create_token_response(self) -> Reply:
        """Use the code up and open its grant in one transaction, then make the tokens (OP-09)."""
        services, client = self.server.services, cast(Client, self.request.client)
        code = cast(Code, self.request.authorization_code)
        user = services.get_user(code.user_id)
        resources = _narrowed(self.request.resources, code.parameters["resources"])
        is_refreshable = _is_refreshable(client, code.scope)
        draft = GrantDraft(
            id=code.grant_id,
            user_id=user.id,
            client_id=client.id,
            parent_id=code.session_id,
            scope=code.scope,
            parameters=lasting_parameters(code.parameters),
            channel=code.channel,
            authenticated_at=code.authenticated_at,
            ttl=services.tokens.grant_ttl(client, is_refreshable=is_refreshable),
            is_offline=is_refreshable and code.parameters["is_offline"],
        )

        def redeem(connection: Connection) -> str | None:
            if not lock_live(connection, code.session_id, utcnow()):
                raise InvalidGrantError()
            return services.sessions.open_grant(connection, draft, is_refreshable=is_refreshable)

        is_first, refresh_token = services.codes.exchange(code, redeem)
        if not is_first:
            raise InvalidGrantError()
        return 200, services.tokens.response(client, _granted(code, user, resources, refresh_token)), []


class RefreshGrant(rfc6749.RefreshTokenGrant):  # type: ignore[misc]
    """A refresh token for its successor, by the same rules as the API's (REF-02 … REF-06)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: OidcServer

    def validate_token_request(self) -> None:
        """Authenticate, find the grant, and see that no more is wanted than was granted (REF-06)."""
        client = self._validate_request_client()
        token = self.request.form.get("refresh_token")
        if token is None:
            raise InvalidRequestError()
        live = self.server.services.sessions.find_refreshed(token, client.id)
        if live is None:
            raise InvalidGrantError()
        # What the client may not have was left out when the grant was made, and many repeat what they asked for then.
        wanted = client.get_allowed_scope(self.request.form.get("scope") or live.scope)
        if not wanted or not set(wanted.split()) <= set(live.scope.split()):
            raise InvalidScopeError()
        self.request.client = client
        self.request.refresh_token = (token, wanted, live)

    def create_token_response(self) -> Reply:
        """Rotate, then make the tokens."""
        services, client = self.server.services, cast(Client, self.request.client)
        token, scope, live = cast(tuple[str, str, LiveSession], self.request.refresh_token)
        kept = lasting_parameters(live.parameters or {})
        resources = _narrowed(self.request.resources, kept["resources"])
        try:
            rotated = services.sessions.rotate_refresh_token(token, client.id)
        except Unauthenticated:
            raise InvalidGrantError() from None
        granted = Granted(
            id=rotated.id,
            session_id=live.parent_id or rotated.id,
            user=rotated.user,
            scope=scope,
            channel=rotated.channel,
            authenticated_at=rotated.authenticated_at,
            resources=resources,
            id_token_claims=kept["id_token_claims"],
            refresh_token=rotated.secret,
        )
        return 200, services.tokens.response(client, granted), []


class OwnGrant(rfc6749.ClientCredentialsGrant):  # type: ignore[misc]
    """A client that acts for itself (RFC 6749, 4.4). It gets no scope that speaks of a person."""

    TOKEN_ENDPOINT_AUTH_METHODS = OWN_METHODS
    server: OidcServer

    def create_token_response(self) -> Reply:
        """Make its token."""
        client = cast(Client, self.request.client)
        own = [scope for scope in client.scopes if scope not in _PERSONAL]
        wanted = (self.request.form.get("scope") or "").split()
        scope = " ".join(word for word in own if not wanted or word in wanted)
        if wanted and not scope:
            raise InvalidScopeError()
        resources = _narrowed(self.request.resources, client.resources)
        return 200, self.server.services.tokens.own_response(client, scope, resources), []


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
    """A device whose person answers elsewhere (RFC 8628, 3.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: OidcServer

    def query_device_credential(self, device_code: str) -> WaitingDevice | None:
        """The device code, whoever asks."""
        return self.server.services.devices.find(device_code)

    def validate_token_request(self) -> None:
        """Authlib's checks; a code that is unknown or another client's is ``invalid_grant`` (RFC 6749, 5.2)."""
        device_code = self.request.form.get("device_code")
        if not device_code:
            raise InvalidRequestError()
        client = self._authenticated()
        device = self.query_device_credential(device_code)
        if device is None or device.client_id != client.id:
            raise InvalidGrantError()
        self.server.services.devices.check_poll(device)
        self.request.client = client
        self.request.credential = device

    def _authenticated(self) -> Client:
        client = cast(Client, self.authenticate_token_endpoint_client())
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError()
        return client

    def create_token_response(self) -> Reply:
        """Use the approval up and open its grant, then make the tokens."""
        services, client = self.server.services, cast(Client, self.request.client)
        device = cast(WaitingDevice, self.request.credential)
        user = services.get_user(device.user_id or "")
        is_refreshable = _is_refreshable(client, device.scope)
        grant_id = secrets.token_hex(16)
        authenticated_at = cast(datetime, device.authenticated_at)
        draft = GrantDraft(
            id=grant_id,
            user_id=user.id,
            client_id=client.id,
            parent_id=grant_id,
            scope=device.scope,
            parameters=lasting_parameters({}),
            channel=device.channel,
            authenticated_at=authenticated_at,
            ttl=services.tokens.grant_ttl(client, is_refreshable=is_refreshable),
            is_offline=True,
        )
        is_first, refresh_token = services.devices.exchange(
            device,
            lambda connection: services.sessions.open_grant(connection, draft, is_refreshable=is_refreshable),
        )
        if not is_first:
            raise InvalidGrantError()
        granted = Granted(
            id=grant_id,
            session_id=grant_id,
            user=user,
            scope=device.scope,
            channel=device.channel,
            authenticated_at=authenticated_at,
            refresh_token=refresh_token,
        )
        return 200, services.tokens.response(client, granted), []


def _granted(code: Code, user: Profile, resources: tuple[str, ...], refresh_token: str | None) -> Granted:
    return Granted(
        id=code.grant_id,
        session_id=code.session_id,
        user=user,
        scope=code.scope,
        channel=code.channel,
        authenticated_at=code.authenticated_at,
        resources=resources,
        id_token_claims=code.parameters["id_token_claims"],
        nonce=code.parameters["nonce"],
        refresh_token=refresh_token,
    )


def _is_refreshable(client: Client, scope: str) -> bool:
    """Whether a grant comes with a refresh token (REF-08)."""
    return "offline_access" in scope.split() and client.check_grant_type("refresh_token")


def _narrowed(wanted: Any, granted: Any) -> tuple[str, ...]:
    """The resources that a token is for: those wanted now, of those granted (RFC 8707, 2.2)."""
    if any(resource not in granted for resource in wanted):
        raise ResourceRefused()
    return tuple(wanted or granted)
