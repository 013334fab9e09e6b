"""The provider as a whole: Authlib's server with the grants and endpoints that we offer."""

from __future__ import annotations

from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.grants import CodeGrant, DeviceGrant, GrantServices, OwnGrant, RefreshGrant, S256Challenge
from auth_portal.oidc.inspection import Introspection, Revocation, Tokens
from auth_portal.oidc.protocol import AssertionAuth, ProtocolServer


class OidcServer(ProtocolServer):
    """The token endpoint, introspection and revocation. ``services`` and ``tokens`` are what they work with."""

    def __init__(
        self, clients: ClientService, assertions: AssertionAuth, services: GrantServices, tokens: Tokens
    ) -> None:
        super().__init__(clients, assertions)
        self.services = services
        self.tokens = tokens
        self.register_grant(CodeGrant, [S256Challenge()])
        for grant in (RefreshGrant, OwnGrant, DeviceGrant):
            self.register_grant(grant)
        for endpoint in (Introspection, Revocation):
            self.register_endpoint(endpoint)
