"""A portal that tells clients of a session's end (back-channel logout), a person, and a client's server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import select

from auth_portal.models import LogoutNotice
from auth_portal.oidc.backchannel import BackChannel
from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.fetch import Fetcher
from auth_portal.oidc.subjects import Subjects
from auth_portal.signin.sessions import GrantDraft, LiveSession
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.support.receiver import Asked, Receiver

ADA = "ada@example.com"
COLUMNS: dict[str, Any] = {
    "auth_method": None,
    "redirect_uris": [],
    "post_logout_redirect_uris": [],
    "grant_types": ["authorization_code"],
    "scopes": ["openid"],
    "resources": [],
    "is_trusted": True,
    "require_pkce": True,
    "require_pushed": False,
    "id_token_algorithm": "RS256",
    "access": {},
}


@dataclass
class Site:
    """A portal with a person who is signed in, and clients to tell of her."""

    app: Flask
    session: LiveSession

    def __post_init__(self) -> None:
        self.services = services_of(self.app)
        self.engine = self.services.engine
        self.clients = ClientService(self.engine)
        self.subjects = Subjects(self.engine)

    def back_channel(self, **bounds: float) -> BackChannel:
        """A deliverer, as each process has its own."""
        fetcher = Fetcher(self.services.settings, **bounds)
        return BackChannel(self.engine, self.clients, self.subjects, self.services.tokens, fetcher)

    def client(self, uri: str | None, **columns: Any) -> str:
        """A new client that the person's session signed in to; its id."""
        client_id, _ = self.clients.create({**COLUMNS, "name": "App", "backchannel_logout_uri": uri, **columns}, [])
        draft = GrantDraft(
            id=secrets.token_hex(16),
            user_id=self.session.user.id,
            client_id=client_id,
            parent_id=self.session.id,
            scope="openid",
            parameters={},
            channel="email",
            authenticated_at=self.session.authenticated_at,
            ttl=timedelta(hours=1),
        )
        with self.engine.begin() as connection:
            self.services.sessions.open_grant(connection, draft, is_refreshable=False)
        return client_id

    def sign_out(self) -> None:
        """End the person's session."""
        self.services.sessions.end_session(self.session.id)

    @property
    def waiting(self) -> dict[str, int]:
        """The clients that are still to be told, and how often each was tried."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(LogoutNotice.client_id, LogoutNotice.tries))
            return {row.client_id: row.tries for row in rows}

    def read(self, asked: Asked, client_id: str, algorithm: str = "RS256") -> dict[str, Any]:
        """The claims of the token that a client got, checked against our published keys as a client does."""
        (token,) = asked.fields.pop("logout_token")
        header = jwt.get_unverified_header(token)
        assert (header["typ"], header["alg"]) == ("logout+jwt", algorithm)
        published = self.app.test_client().get("/.well-known/jwks.json").json
        assert published is not None
        key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
        issuer = self.services.settings.public_url
        claims: dict[str, Any] = jwt.decode(token, key, [algorithm], audience=client_id, issuer=issuer)
        return claims


@pytest.fixture
def site(app: Flask, browser: BrowserDriver) -> Site:
    """Ada, signed in."""
    return signed_in(app, browser)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A client's server."""
    with Receiver() as server:
        yield server


def signed_in(app: Flask, browser: BrowserDriver, email: str = ADA) -> Site:
    """A person who has just registered."""
    browser.register(email)
    session = services_of(app).sessions.find_by_secret(browser.cookie("portal-session") or "")
    assert session is not None
    return Site(app, session)
