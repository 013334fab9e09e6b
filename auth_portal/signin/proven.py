"""What a person has proven: addresses and numbers that codes and notices go to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from auth_portal.settings import Settings
from auth_portal.signin import identifier_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.phones import is_served


@dataclass(frozen=True, slots=True)
class Proven:
    """An address or number that is a person's now."""

    destination: Destination
    is_main: bool
    verified_at: datetime


def proven_by(connection: Connection, user_id: str) -> list[Proven]:
    """All that a person has proven: addresses first, of each channel the main one first."""
    rows = connection.execute(sql.OF_USER, {"given_user": user_id})
    return [Proven(Destination(row.channel, row.value), row.rank == 0, row.verified_at) for row in rows]


def of_channel(own: Iterable[Proven], channel: str) -> list[Proven]:
    """Those of one channel, the main one first."""
    return [one for one in own if one.destination.channel == channel]


def is_reachable(settings: Settings, destination: Destination) -> bool:
    """Whether this portal sends there: a number is of no use without a gateway, nor where it is not served now."""
    return destination.channel == "email" or (settings.has_sms and is_served(destination.value, settings))
