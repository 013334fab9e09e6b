"""The SQL of challenges. Each thing that must happen once is one conditional statement, alike on both databases.

Statements are built once for a process. They hold no rule of their own beyond their conditions: ``otp``
decides when each is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from auth_portal.db import CLOCK_SKEW, AnyRow, upsert
from auth_portal.models import Challenge as Table
from auth_portal.models import Identifier
from auth_portal.signin.addresses import Destination


@dataclass(frozen=True, slots=True)
class Draft:
    """A challenge to open, should the caller have no live one."""

    id: str
    destination: Destination
    caller: str
    key_id: str
    code_length: int
    attempts_allowed: int
    now: datetime
    expires_at: datetime
    resend_before: datetime


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it stands. ``user_id`` is only looked up where sign-up is closed."""

    id: str
    destination: Destination
    key_id: str
    code_length: int
    attempts: int
    attempts_allowed: int
    send_count: int
    created_at: datetime
    sent_at: datetime
    expires_at: datetime
    consumed_at: datetime | None
    user_id: str | None

    @property
    def attempts_left(self) -> int:
        """Guesses that its holder still has."""
        return max(0, self.attempts_allowed - self.attempts)

    def is_open(self, now: datetime) -> bool:
        """Whether its code would still be accepted."""
        return self.consumed_at is None and self.expires_at > now and self.attempts_left > 0


class Statements:
    """The statements of one database dialect. ``key_ids``: the code keys that are still honoured."""

    def __init__(self, dialect_name: str, key_ids: Sequence[str], *, look_up_user: bool) -> None:
        self._upsert = _upsert_statement(dialect_name, key_ids, look_up_user=look_up_user)

    def upsert(self, connection: Connection, draft: Draft) -> Challenge | None:
        """Renew the caller's live challenge, or open the drafted one; None if its last letter is too young."""
        values = {
            "id": draft.id,
            "channel": draft.destination.channel,
            "destination": draft.destination.value,
            "caller": draft.caller,
            "key_id": draft.key_id,
            "code_length": draft.code_length,
            "attempts_allowed": draft.attempts_allowed,
            "now": draft.now,
            "expires_at": draft.expires_at,
            "resend_before": draft.resend_before,
            # A letter "sent" then was sent before the clock was set back: it must not block anybody.
            "future": draft.now + CLOCK_SKEW,
        }
        row = connection.execute(self._upsert, values).first()
        return _challenge(row) if row else None

    @staticmethod
    def sent_at(connection: Connection, draft: Draft) -> datetime | None:
        """When the caller last had a letter sent to this destination."""
        values = _owner(draft.destination, draft.caller)
        found: datetime | None = connection.execute(_SENT_AT, values).scalar()
        return found

    @staticmethod
    def withdraw(connection: Connection, challenge: Challenge, sent_at: datetime) -> None:
        """Undo an upsert whose letter did not leave; a challenge that had earlier letters lives on."""
        values = {"given_id": challenge.id, "send_count": challenge.send_count}
        if challenge.send_count == 1:
            connection.execute(_WITHDRAW_FIRST, values)
        else:
            connection.execute(_WITHDRAW_REPEAT, values | {"earlier": sent_at})

    @staticmethod
    def take_attempt(
        connection: Connection,
        destination: Destination,
        caller: str,
        challenge_id: str | None,
        length: int,
        now: datetime,
    ) -> Challenge | None:
        """Take one of the holder's attempts at a live challenge; None where none is left (OTP-08).

        An API caller that has the handle is the holder wherever it calls from; a browser must hold the cookie.
        """
        values = _owner(destination, caller) | {"now": now, "length": length}
        if challenge_id is None:
            row = connection.execute(_TAKE_OWN, values).first()
        else:
            held = _TAKE_BROWSER if caller.startswith("browser:") else _TAKE_HANDLE
            row = connection.execute(held, values | {"given_id": challenge_id}).first()
        return _challenge(row) if row else None

    @staticmethod
    def take_foreign_attempt(
        connection: Connection, destination: Destination, caller: str, length: int, now: datetime, most: int
    ) -> Challenge | None:
        """Take one of the few guesses that other networks have at the newest API challenge, if it is not theirs."""
        values = _owner(destination, caller) | {"now": now, "length": length, "most": most}
        row = connection.execute(_TAKE_FOREIGN, values).first()
        return _challenge(row) if row else None

    @staticmethod
    def consume(connection: Connection, challenge_id: str, now: datetime) -> bool:
        """Use the code up; false where another request was first (OTP-05)."""
        return connection.execute(_CONSUME, {"given_id": challenge_id, "now": now}).rowcount == 1

    @staticmethod
    def find(connection: Connection, caller: str, challenge_id: str | None) -> Challenge | None:
        """The caller's challenge with this id, or its newest one; dead ones too."""
        values = {"given_caller": caller, "given_id": challenge_id}
        row = connection.execute(_NEWEST if challenge_id is None else _GIVEN, values).first()
        return _challenge(row) if row else None


def _challenge(row: AnyRow) -> Challenge:
    return Challenge(
        id=row.id,
        destination=Destination(row.channel, row.destination),
        key_id=row.key_id,
        code_length=row.code_length,
        attempts=row.attempts,
        attempts_allowed=row.attempts_allowed,
        send_count=row.send_count,
        created_at=row.created_at,
        sent_at=row.sent_at,
        expires_at=row.expires_at,
        consumed_at=row.consumed_at,
        user_id=getattr(row, "user_id", None),
    )


def _owner(destination: Destination, caller: str) -> dict[str, Any]:
    return {
        "given_channel": destination.channel,
        "given_destination": destination.value,
        "given_caller": caller,
    }


_COLUMNS = (
    Table.id,
    Table.channel,
    Table.destination,
    Table.key_id,
    Table.code_length,
    Table.attempts,
    Table.attempts_allowed,
    Table.send_count,
    Table.created_at,
    Table.sent_at,
    Table.expires_at,
    Table.consumed_at,
)


def _upsert_statement(dialect_name: str, key_ids: Sequence[str], *, look_up_user: bool) -> Any:
    now = bindparam("now", type_=Table.sent_at.type)
    insert = upsert(dialect_name)(Table).values(
        attempts=0, foreign_attempts=0, send_count=1, created_at=now, sent_at=now, consumed_at=null(),
        **{name: bindparam(name) for name in _DRAFTED},
    )  # fmt: skip
    lives = and_(
        Table.consumed_at.is_(None),
        Table.expires_at > now,
        Table.attempts < Table.attempts_allowed,
        Table.key_id.in_(key_ids),
    )
    renewed = (
        "id",
        "key_id",
        "code_length",
        "attempts",
        "attempts_allowed",
        "foreign_attempts",
        "created_at",
    )
    changes: dict[str, Any] = {
        name: case((lives, getattr(Table, name)), else_=insert.excluded[name]) for name in renewed
    }
    changes |= {
        "expires_at": case((lives, Table.expires_at), else_=insert.excluded.expires_at),
        "send_count": case((lives, Table.send_count + 1), else_=1),
        "sent_at": now,
        "consumed_at": null(),
    }
    user_id = (
        select(Identifier.user_id)
        .where(Identifier.channel == bindparam("channel"), Identifier.value == bindparam("destination"))
        .scalar_subquery()
        .label("user_id")
    )
    returned = (*_COLUMNS, user_id) if look_up_user else _COLUMNS
    return insert.on_conflict_do_update(
        index_elements=[Table.channel, Table.destination, Table.caller],
        set_=changes,
        where=or_(
            Table.sent_at <= bindparam("resend_before", type_=Table.sent_at.type),
            Table.sent_at > bindparam("future", type_=Table.sent_at.type),
        ),
    ).returning(*returned)


_DRAFTED = (
    "id",
    "channel",
    "destination",
    "caller",
    "key_id",
    "code_length",
    "attempts_allowed",
    "expires_at",
)


def _is_live(table: Any = Table) -> ColumnElement[bool]:
    return and_(table.consumed_at.is_(None), table.expires_at > bindparam("now", type_=Table.expires_at.type))


_TO_DESTINATION = and_(
    Table.channel == bindparam("given_channel"), Table.destination == bindparam("given_destination")
)
_BY_CALLER = Table.caller == bindparam("given_caller")
_BY_ID = Table.id == bindparam("given_id")

_SENT_AT = select(Table.sent_at).where(_TO_DESTINATION, _BY_CALLER)
_WITHDRAW_FIRST = delete(Table).where(_BY_ID, Table.send_count == bindparam("send_count"))
_WITHDRAW_REPEAT = (
    update(Table)
    .where(_BY_ID, Table.send_count == bindparam("send_count"))
    .values(send_count=Table.send_count - 1, sent_at=bindparam("earlier"))
)
_TAKE = (
    update(Table)
    .where(
        _TO_DESTINATION,
        _is_live(),
        Table.code_length == bindparam("length"),
        Table.attempts < Table.attempts_allowed,
    )
    .values(attempts=Table.attempts + 1)
    .returning(*_COLUMNS)
)
_TAKE_OWN = _TAKE.where(_BY_CALLER)
_TAKE_BROWSER = _TAKE.where(_BY_CALLER, _BY_ID)
_TAKE_HANDLE = _TAKE.where(_BY_ID, Table.caller.startswith("network:", autoescape=True))
_OTHER = aliased(Table)
_NEWEST_FOREIGN = (
    select(_OTHER.id)
    .where(
        _OTHER.channel == bindparam("given_channel"),
        _OTHER.destination == bindparam("given_destination"),
        _OTHER.caller.startswith("network:", autoescape=True),
        _is_live(_OTHER),
    )
    .order_by(_OTHER.created_at.desc(), _OTHER.id)
    .limit(1)
    .scalar_subquery()
)
_OWN = aliased(Table)
_HAS_OWN = exists().where(
    _OWN.channel == bindparam("given_channel"),
    _OWN.destination == bindparam("given_destination"),
    _OWN.caller == bindparam("given_caller"),
    _is_live(_OWN),
)
_TAKE_FOREIGN = (
    update(Table)
    .where(
        Table.id == _NEWEST_FOREIGN,
        Table.code_length == bindparam("length"),
        Table.attempts < Table.attempts_allowed,
        Table.foreign_attempts < bindparam("most"),
        ~_HAS_OWN,
        _is_live(),
    )
    .values(foreign_attempts=Table.foreign_attempts + 1)
    .returning(*_COLUMNS)
)
_CONSUME = update(Table).where(_BY_ID, Table.consumed_at.is_(None)).values(consumed_at=bindparam("now"))
_NEWEST = select(*_COLUMNS).where(_BY_CALLER).order_by(Table.sent_at.desc(), Table.id).limit(1)
_GIVEN = select(*_COLUMNS).where(_BY_CALLER, _BY_ID)
