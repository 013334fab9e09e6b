"""The SQL of challenges, built once. Each thing that must happen once is one conditional statement.

``given_`` parameters select, all others are written or compared: SQLAlchemy wants their names apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, exists, null, or_, select, update
from sqlalchemy.orm import aliased

from auth_portal.db import upsert
from auth_portal.models import Challenge as Table
from auth_portal.models import Identifier
from auth_portal.prepared import Prepared

COLUMNS = (
    Table.id,
    Table.channel,
    Table.destination,
    Table.key_id,
    Table.code_length,
    Table.attempts,
    Table.attempts_allowed,
    Table.send_count,
    Table.sent_at,
    Table.expires_at,
    Table.consumed_at,
)
"""What ``challenges.Challenge`` is made of, in its order."""
ATTEMPT = (Table.id, Table.key_id, Table.code_length, Table.attempts, Table.attempts_allowed)
"""What ``challenges.Attempt`` is made of."""


def upsert_statement(dialect_name: str, key_ids: Sequence[str], *, look_up_user: bool) -> Prepared:
    """Open a challenge, renew the caller's live one, or do nothing because its last letter is too young.

    ``key_ids``: the code keys that are honoured; a challenge of another key cannot be renewed.
    ``look_up_user``: return the destination's user as well.
    """
    now = bindparam("now", type_=Table.sent_at.type)
    fresh = {"attempts": 0, "foreign_attempts": 0, "send_count": 1, "consumed_at": null()}
    drafted: dict[str, Any] = {name: bindparam(name) for name in _DRAFTED}
    insert = upsert(dialect_name)(Table).values(created_at=now, sent_at=now, **fresh, **drafted)
    user_id = (
        select(Identifier.user_id)
        .where(Identifier.channel == bindparam("channel"), Identifier.value == bindparam("destination"))
        .scalar_subquery()
        .label("user_id")
    )
    statement = insert.on_conflict_do_update(
        index_elements=[Table.channel, Table.destination, Table.caller],
        set_=_renewal(insert.excluded, key_ids, now),
        where=or_(
            Table.sent_at <= bindparam("resend_before", type_=Table.sent_at.type),
            Table.sent_at > bindparam("future", type_=Table.sent_at.type),
        ),
    ).returning(*COLUMNS, *((user_id,) if look_up_user else ()))
    return Prepared(statement)


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
_KEPT = (
    "id",
    "key_id",
    "code_length",
    "attempts",
    "attempts_allowed",
    "foreign_attempts",
    "created_at",
    "expires_at",
)
"""What a live challenge keeps when its code is sent again."""


def _renewal(drafted: Any, key_ids: Sequence[str], now: Any) -> dict[str, Any]:
    lives = and_(
        Table.consumed_at.is_(None),
        Table.expires_at > now,
        Table.attempts < Table.attempts_allowed,
        # Not IN: its list would be expanded anew for each request.
        or_(*(Table.key_id == key_id for key_id in key_ids)),
    )
    kept = {name: case((lives, getattr(Table, name)), else_=drafted[name]) for name in _KEPT}
    return kept | {
        "send_count": case((lives, Table.send_count + 1), else_=1),
        "sent_at": now,
        "consumed_at": null(),
    }


def _is_live(table: Any = Table) -> ColumnElement[bool]:
    return and_(table.consumed_at.is_(None), table.expires_at > bindparam("now", type_=Table.expires_at.type))


_TO_DESTINATION = and_(
    Table.channel == bindparam("given_channel"), Table.destination == bindparam("given_destination")
)
_BY_CALLER = Table.caller == bindparam("given_caller")
_BY_ID = Table.id == bindparam("given_id")

SENT_AT = select(Table.sent_at).where(_TO_DESTINATION, _BY_CALLER)
WITHDRAW_FIRST = delete(Table).where(_BY_ID, Table.send_count == bindparam("send_count"))
WITHDRAW_REPEAT = (
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
    .returning(*ATTEMPT)
)
TAKE_OWN = Prepared(_TAKE.where(_BY_CALLER))
TAKE_BROWSER = Prepared(_TAKE.where(_BY_CALLER, _BY_ID))
TAKE_HANDLE = Prepared(_TAKE.where(_BY_ID, Table.caller.startswith("network:", autoescape=True)))
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
TAKE_FOREIGN = Prepared(
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
    .returning(*ATTEMPT)
)
CONSUME = Prepared(update(Table).where(_BY_ID, Table.consumed_at.is_(None)).values(consumed_at=bindparam("now")))
NEWEST = select(*COLUMNS).where(_BY_CALLER).order_by(Table.sent_at.desc(), Table.id).limit(1)
GIVEN = select(*COLUMNS).where(_BY_CALLER, _BY_ID)
