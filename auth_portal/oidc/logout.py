"""Sign-out that an app asks for (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from auth_portal.errors import ClientRequestRefused, Unauthenticated
from auth_portal.oidc.clients import Client, ClientService
from auth_portal.oidc.requests import MAX_STATE, Parameters
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.tokens import TokenIssuer


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A checked wish to sign somebody out. ``redirect_uri`` is registered by that client.

    ``session_id`` is the ``sid`` of a good hint: without one, the person is asked first (OP-53).
    """

    client_id: str | None = None
    redirect_uri: str | None = None
    state: str | None = None
    session_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept in the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LogoutRequest:
        """As read from the database."""
        return cls(**stored)

    def is_certain(self, session: LiveSession | None) -> bool:
        """Whether there is nothing to ask: the hint is of this browser's session, or the browser has none (RPI 2)."""
        return session is None or session.id == self.session_id


class LogoutReader:
    """Reads logout requests."""

    def __init__(self, clients: ClientService, tokens: TokenIssuer) -> None:
        self._clients = clients
        self._tokens = tokens

    def read(self, given: Parameters) -> LogoutRequest:
        """The request that these parameters make.

        Raises ClientRequestRefused where it names a return address that its client did not register (OP-52). A hint
        that is not ours counts as none, and then nothing leads back to an app.
        """
        one = {name: values[0] for name, values in given.items() if len(values) == 1 and values[0]}
        if any(len(values) > 1 for values in given.values()):
            raise ClientRequestRefused(reason="repeated")
        hint = self._hint(one)
        client = self._client(one, hint)
        redirect_uri = one.get("post_logout_redirect_uri")
        if client is None or ("id_token_hint" in one and hint is None):
            redirect_uri = None
        elif redirect_uri is not None and redirect_uri not in client.post_logout_redirect_uris:
            raise ClientRequestRefused(reason="post_logout_redirect_uri")
        state = one.get("state")
        return LogoutRequest(
            client_id=client.id if client else None,
            redirect_uri=redirect_uri,
            state=state if state is not None and len(state) <= MAX_STATE else None,
            session_id=str(hint["sid"]) if hint is not None and client is not None else None,
        )

    def _hint(self, one: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            claims = self._tokens.read_id_token(one.get("id_token_hint", ""))
        except Unauthenticated:
            return None
        return claims if "sid" in claims else None

    def _client(self, one: Mapping[str, str], hint: dict[str, Any] | None) -> Client | None:
        """The client: the one that the hint was issued to, and no other (RPI 2)."""
        named = one.get("client_id")
        if hint is None:
            return self._clients.find(named) if named else None
        audience = hint["aud"] if isinstance(hint["aud"], str) else ""
        if named is not None and named != audience:
            raise ClientRequestRefused(reason="client_id")
        return self._clients.find(audience)
