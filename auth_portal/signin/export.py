"""Everything that is kept about a person, as data that a program can read (PRIV-01)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from auth_portal.db import AnyRow, utcnow
from auth_portal.errors import NotFound
from auth_portal.models import Client
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.belongings import destinations_of
from auth_portal.signin.callers import coarse_network
from auth_portal.signin.events import Actor, record
from auth_portal.signin.export_sections import SECTIONS, Section
from auth_portal.signin.users import hold_user

FORMAT = 1
"""Changes when a member goes or means something else; new members may come at any time."""
ONE = ("profile", "terms", "deletion")
"""The members that are objects; all others are lists."""


class ExportService:
    """Gathers what is kept about a person."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._issuer = settings.public_url

    def export(self, user_id: str, actor: Actor) -> dict[str, Any]:
        """All of it; times are aware datetimes. Noted is that this was done, not what (PRIV-11). Raises NotFound."""
        with self._engine.begin() as connection:
            if not hold_user(connection, user_id):
                raise NotFound
            destinations = destinations_of(connection, user_id)
            found = {
                member: _read(connection, section, user_id, destinations) for member, section in SECTIONS.items()
            }
            apps = _names_of(connection, found)
            record(connection, "exported", actor, user_id)
        head = {"format": FORMAT, "issuer": self._issuer, "exportedAt": utcnow()}
        members = {member: rows[0] if member in ONE else rows for member, rows in found.items()}
        return head | members | {"apps": apps}


def _read(
    connection: Connection, section: Section, user_id: str, destinations: Sequence[Destination]
) -> list[dict[str, Any]]:
    keys = section.order.class_.__table__.primary_key.columns
    rows: dict[tuple[Any, ...], AnyRow] = {}
    for condition in section.which(user_id, destinations):
        for row in connection.execute(select(section.order, *keys, *section.columns).where(condition)):
            rows[tuple(row[1 : len(keys) + 1])] = row
    given = [row[len(keys) + 1 :] for row in sorted(rows.values(), key=lambda row: row[0])]
    return [_rough(dict(zip(section.names, values, strict=True))) for values in given]


def _rough(row: dict[str, Any]) -> dict[str, Any]:
    """Who asked for a code may be somebody else: no more is told than what is kept for long (PRIV-05)."""
    return row | {"network": coarse_network(row["network"])} if "network" in row else row


def _names_of(connection: Connection, found: Mapping[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The names of all apps that occur."""
    ids = {row["clientId"] for rows in found.values() for row in rows if row.get("clientId")}
    named = connection.execute(select(Client.id, Client.name).where(Client.id.in_(ids)).order_by(Client.name))
    return {row.id: row.name for row in named}
