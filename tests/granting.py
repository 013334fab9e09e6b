"""A portal with clients and a person, for tests of what the person's sessions open for the clients."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text

from auth_portal.db import utcnow
from auth_portal.errors import Unauthenticated
from auth_portal.models import Client
from auth_portal.signin.callers import Caller
from auth_portal.signin.sessions import GrantDraft, OpenedSession
from tests.conftest import services_of
from tests.drivers import ApiDriver

APP, OTHER, SILENT = "an-app", "another-app", "an-app-that-wants-no-news"
BROWSER = Caller.browser("a browser's secret", "192.0.2.7", "Firefox/Linux")


class World:
    """A portal with three clients and one person: ``sessions`` is what is tested, the rest sets the scene."""

    def __init__(self, app: Flask, api: ApiDriver) -> None:
        self.services = services_of(app)
        self.engine, self.sessions = self.services.engine, self.services.sessions
        self.user_id = str(api.register()["user"]["id"])
        for client_id, hears_of_ends in ((APP, True), (OTHER, True), (SILENT, False)):
            self.register_client(client_id, f"https://{client_id}.example/logout" if hears_of_ends else None)

    def register_client(self, client_id: str, backchannel_logout_uri: str | None) -> None:
        """A client; tells the portal where it wants to hear of sessions that ended."""
        flags = dict.fromkeys(("is_trusted", "require_pkce", "require_pushed"), False)
        names = ("redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes", "resources")
        lists: dict[str, Any] = {name: [] for name in names}
        dates = dict.fromkeys(("created_at", "updated_at"), utcnow())
        row = (
            {"id": client_id, "name": client_id, "id_token_algorithm": "RS256", "access": {}} | flags | lists | dates
        )
        with self.engine.begin() as connection:
            connection.execute(insert(Client).values(backchannel_logout_uri=backchannel_logout_uri, **row))

    def browser(self) -> OpenedSession:
        """A new session of the person's browser."""
        user = self.services.users.find_by_id(self.user_id)
        assert user is not None
        with self.engine.begin() as connection:
            return self.sessions.open_session(connection, user, BROWSER, "email")

    def grant(self, parent_id: str, client_id: str = APP, **draft: Any) -> tuple[str, str]:
        """A grant that a browser's session opened: its id, and its refresh token or secret."""
        grant_id = secrets.token_hex(16)
        values: dict[str, Any] = {
            "id": grant_id,
            "user_id": self.user_id,
            "client_id": client_id,
            "parent_id": parent_id,
            "scope": "openid profile",
            "parameters": {"nonce": "n"},
            "channel": "email",
            "authenticated_at": utcnow(),
            "ttl": timedelta(days=7),
        }
        made = GrantDraft(**(values | draft))
        with self.engine.begin() as connection:
            secret = self.sessions.open_grant(connection, made, is_refreshable=not made.has_secret)
        assert secret is not None
        return grant_id, secret

    def refresh(self, token: str, client_id: str = APP) -> str:
        """The refresh token that follows this one."""
        return self.sessions.rotate_refresh_token(token, client_id).secret

    def is_live(self, session_id: str) -> bool:
        """Whether a session or grant is good right now."""
        try:
            return self.sessions.get_by_id(session_id).id == session_id
        except Unauthenticated:
            return False

    def notices(self) -> list[tuple[str, str]]:
        """Who is to be told of the end of which session."""
        query = text("SELECT session_id, client_id FROM logout_notice ORDER BY client_id, session_id")
        with self.engine.connect() as connection:
            return [(row.session_id, row.client_id) for row in connection.execute(query)]

    def chain(self, grant_id: str) -> tuple[int, int]:
        """How many refresh tokens a grant has had, and how many of them are used."""
        query = text("SELECT count(*), count(used_at) FROM refresh_token WHERE session_id = :id")
        with self.engine.connect() as connection:
            made, used = connection.execute(query, {"id": grant_id}).one()
            return made, used


def assert_refused(call: Callable[[], object]) -> None:
    """The call is refused as any token is that opens nothing."""
    with pytest.raises(Unauthenticated):
        call()
