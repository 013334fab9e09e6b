"""The shape of an export, made of the same lists that the export is made of (docs/accounts.md)."""

from __future__ import annotations

from typing import Any

from pydantic import create_model
from sqlalchemy.orm import InstrumentedAttribute

from auth_portal.db import UTCDateTime
from auth_portal.marks import _
from auth_portal.signin.export import FORMAT, ONE
from auth_portal.signin.export_sections import SECTIONS, Section
from auth_portal.web.api.answers import Answer, Moment, said


def _row(member: str, section: Section) -> type[Answer]:
    columns: dict[str, Any] = {column.key: (_type(column), ...) for column in section.columns}
    return create_model(f"Exported{member[0].upper()}{member[1:]}", __base__=Answer, **columns)


def _type(column: InstrumentedAttribute[Any]) -> Any:
    """What a column is in JSON. Names and addresses are text; what is JSON in the database is anything."""
    stored = column.property.columns[0]
    is_time = isinstance(stored.type, UTCDateTime)
    known = Moment if is_time else {str: str, int: int, bool: bool}.get(stored.type.python_type, Any)
    return known | None if stored.nullable and known is not Any else known


def _member(member: str, section: Section) -> Any:
    row = _row(member, section)
    return row if member in ONE else list[row]  # type: ignore[valid-type]


_MEMBERS: dict[str, Any] = {
    "format": (int, said(_("The number of this format; new members may come without a new number."), FORMAT)),
    "issuer": (str, said(_("The portal's address."), "https://login.example.com")),
    "exported_at": (Moment, said(_("When it was made."))),
    **{member: (_member(member, section), ...) for member, section in SECTIONS.items()},
    "apps": (dict[str, str], said(_("The names of all apps that occur, by their `clientId`."))),
}
Export = create_model("Export", __base__=Answer, **_MEMBERS)
"""Everything that is kept about a person; docs/accounts.md says what each member is."""
