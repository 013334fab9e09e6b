"""What people allowed apps, and taking it back (OP-22, OP-23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, bindparam, delete, func, select, update

from auth_portal.db import autocommit, upsert, utcnow
from auth_portal.models import Client, Consent, Session
from auth_portal.signin.endings import end_client_grants
from auth_portal.signin.events import Actor, record


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An app that a person uses: what it may see, since when, when it last came."""

    client_id: str
    name: str
    has_logo: bool
    homepage: str | None
    scopes: tuple[str, ...]
    since: datetime


class Consents:
    """Remembers what each person allowed each client."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)

    def find(self, user_id: str, client_id: str) -> frozenset[str] | None:
        """The scopes that the person allowed the client; None if it was never asked or took it back."""
        with self._autocommit.connect() as connection:
            scope = connection.execute(_FIND, {"user_id": user_id, "client_id": client_id}).scalar()
        return frozenset(scope.split()) if scope is not None else None

    def allow(self, user_id: str, client_id: str, scopes: Sequence[str], actor: Actor) -> None:
        """Add to what the person allowed the client."""
        with self._engine.begin() as connection:
            row = {"user_id": user_id, "client_id": client_id, "scope": " ".join(scopes), "granted_at": utcnow()}
            # Writes the row to what it is, if it is there: that holds it until what another tab added is seen.
            held = upsert(connection.dialect.name)(Consent).values(row)
            held = held.on_conflict_do_update(index_elements=["user_id", "client_id"], set_={"scope": Consent.scope})
            known = connection.execute(held.returning(Consent.scope)).scalar_one()
            scope = " ".join(dict.fromkeys([*known.split(), *scopes]))
            if scope != known:
                connection.execute(_ADD, {"given_user": user_id, "given_client": client_id, "more": scope})
            facts = {"scopes": list(scopes)}
            record(connection, "app_allowed", actor, user_id, client_id=client_id, facts=facts)

    def withdraw(self, user_id: str, client_id: str, actor: Actor) -> None:
        """Take everything back: the client's tokens die with it, and the next sign-in asks again."""
        with self._engine.begin() as connection:
            consents = connection.execute(_WITHDRAW, {"given_user": user_id, "given_client": client_id}).rowcount
            grants = end_client_grants(connection, user_id, client_id, utcnow())
            if consents or grants:
                record(connection, "app_withdrawn", actor, user_id, client_id=client_id)

    def connected(self, user_id: str) -> list[ConnectedApp]:
        """The apps that the person allowed something, or is signed in to, by name."""
        values = {"user_id": user_id, "now": utcnow()}
        with self._autocommit.connect() as connection:
            allowed = connection.execute(_ALLOWED, values).all()
            used = connection.execute(_USED, values).all()
        known = {row.id for row in allowed}
        apps = [
            ConnectedApp(
                row.id, row.name, row.logo_type is not None, row.homepage, tuple(row.scope.split()), row.since
            )
            for row in [*allowed, *(row for row in used if row.id not in known)]
        ]
        return sorted(apps, key=lambda app: app.name.casefold())


_FIND = select(Consent.scope).where(
    Consent.user_id == bindparam("user_id"), Consent.client_id == bindparam("client_id")
)
_ADD = (
    update(Consent)
    .where(Consent.user_id == bindparam("given_user"), Consent.client_id == bindparam("given_client"))
    .values(scope=bindparam("more"))
)
_WITHDRAW = delete(Consent).where(
    Consent.user_id == bindparam("given_user"), Consent.client_id == bindparam("given_client")
)
_APP = (Client.id, Client.name, Client.logo_type, Client.homepage)
_ALLOWED = (
    select(*_APP, Consent.scope, Consent.granted_at.label("since"))
    .join(Consent, Consent.client_id == Client.id)
    .where(Consent.user_id == bindparam("user_id"))
)
_USED = (
    select(*_APP, func.max(Session.scope).label("scope"), func.min(Session.authenticated_at).label("since"))
    .join(Session, Session.client_id == Client.id)
    .where(
        Session.user_id == bindparam("user_id"),
        Session.ended_at.is_(None),
        Session.expires_at > bindparam("now"),
    )
    .group_by(*_APP)
)
