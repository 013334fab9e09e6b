"""Where something of a person is, beyond the rows that hang on the user: one answer for export and erasure.

Codes and registrations know an address, not its user; so do requests of apps, by way of the code that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, exists, literal, or_, select, text, union
from sqlalchemy.orm import InstrumentedAttribute, aliased

from auth_portal.db import utcnow
from auth_portal.models import Challenge, Identifier, IdentifierChange, PendingRequest, Registration, Session
from auth_portal.models.challenge import IN_LEDGER
from auth_portal.signin.addresses import Destination


def destinations_of(connection: Connection, user_id: str) -> list[Destination]:
    """The addresses and numbers that are the person's, and those that were lately (OTP-31).

    Not what is another person's by now, or of somebody who registers: an undone change leaves its address to anybody.
    """
    change = IdentifierChange
    found: CompoundSelect[Any] = union(
        select(Identifier.channel, Identifier.value).where(Identifier.user_id == user_id),
        select(change.channel, change.former).where(change.user_id == user_id, _is_nobody_elses(change.former)),
        select(change.channel, change.current).where(
            change.user_id == user_id, change.current.is_not(None), _is_nobody_elses(change.current)
        ),
    )
    return [Destination(*row) for row in connection.execute(found.order_by("channel", "value"))]


def _is_nobody_elses(value: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Of an address or number of a change. As long as it can be given back nobody takes it, whoever registers."""
    change, other = IdentifierChange, aliased(Identifier)
    has_owner = exists().where(other.channel == change.channel, other.value == value, other.user_id != change.user_id)
    has_newcomer = exists().where(
        Registration.channel == change.channel,
        Registration.destination == value,
        Registration.completed_at.is_(None),
        Registration.created_at > change.changed_at,
    )
    is_held = and_(value == change.former, change.undone_at.is_(None), change.undo_until > utcnow())
    return and_(~has_owner, or_(is_held, ~has_newcomer))


def reachable_of(connection: Connection, user_id: str, now: datetime) -> list[Destination]:
    """Where to tell the person what happens to the account: what is theirs, and what they may still take back.

    A number is told only where there is no address.
    """
    change = IdentifierChange
    found = union(
        select(Identifier.channel, Identifier.value).where(Identifier.user_id == user_id),
        select(change.channel, change.former).where(
            change.user_id == user_id, change.undone_at.is_(None), change.undo_until > now
        ),
    )
    told = [Destination(*row) for row in connection.execute(found.order_by("channel", "value"))]
    return [one for one in told if one.channel == "email"] or told


def challenges_of(user_id: str, destinations: Sequence[Destination]) -> list[ColumnElement[bool]]:
    """Which challenges are the person's: each condition finds some of them by an index of its own.

    Those of the account's ledger and those that were used, though they may have forgotten their address by now; those
    to one of the addresses; and those by which a session of the person proved one more.
    """
    by_session = select(literal("session:").concat(Session.id)).where(Session.user_id == user_id)
    return [
        and_(Challenge.account == user_id, text(IN_LEDGER)),
        and_(Challenge.account == user_id, Challenge.consumed_at.is_not(None)),
        Challenge.destination.in_(_values(destinations)),
        Challenge.caller.in_(by_session),
    ]


def registrations_of(destinations: Sequence[Destination]) -> ColumnElement[bool]:
    """The registrations that were begun with one of the addresses."""
    return Registration.destination.in_(_values(destinations))


def requests_of(destinations: Sequence[Destination]) -> ColumnElement[bool]:
    """The requests of apps for which the person asked for a code, or registered."""
    values = _values(destinations)
    return or_(
        PendingRequest.challenge_id.in_(select(Challenge.id).where(Challenge.destination.in_(values))),
        PendingRequest.registration_id.in_(select(Registration.id).where(Registration.destination.in_(values))),
    )


def _values(destinations: Sequence[Destination]) -> list[str]:
    return [destination.value for destination in destinations]
