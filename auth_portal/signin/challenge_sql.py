"""The SQL of challenges that are there already. Each thing that must happen once is one conditional statement.

``given_`` parameters select, all others are written or compared: SQLAlchemy wants their names apart. How a
challenge is opened is in ``opening``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import aliased

from auth_portal.models import Challenge as Table
from auth_portal.models.challenge import IS_FIRST
from auth_portal.prepared import Prepared

COLUMNS = (
    Table.id,
    Table.account,
    Table.device_id,
    Table.channel,
    Table.destination,
    Table.caller,
    Table.network,
    Table.device,
    Table.key_id,
    Table.seed,
    Table.code_length,
    Table.attempts,
    Table.attempts_allowed,
    Table.send_count,
    Table.sent_at,
    Table.expires_at,
    Table.consumed_at,
    Table.approved_at,
)
"""What ``challenges.Challenge`` is made of."""
OPENED = (
    Table.id,
    Table.device_id,
    Table.key_id,
    Table.seed,
    Table.code_length,
    Table.attempts,
    Table.attempts_allowed,
    Table.send_count,
    Table.sent_at,
    Table.expires_at,
)
"""What a challenge has that its draft does not say."""
ATTEMPT = (
    Table.id,
    Table.key_id,
    Table.seed,
    Table.code_length,
    Table.attempts,
    Table.attempts_allowed,
    Table.expires_at,
)
"""What ``challenges.Attempt`` is made of."""


def is_live(table: Any = Table) -> ColumnElement[bool]:
    """Not used and not over; whether guesses are left is another question."""
    return and_(table.consumed_at.is_(None), table.expires_at > bindparam("now", type_=Table.expires_at.type))


def _to_destination(table: Any = Table) -> ColumnElement[bool]:
    return and_(table.destination == bindparam("given_destination"), table.channel == bindparam("given_channel"))


def _counts(table: Any = Table) -> ColumnElement[bool]:
    """Whether a challenge may be its caller's newest. One that was sent before the clock was set back, and is spent,
    would be for as long as the clock was ahead."""
    was_sent = table.sent_at <= bindparam("future", type_=Table.sent_at.type)
    return or_(was_sent, and_(is_live(table), table.attempts < table.attempts_allowed))


_HAS_GUESSES = Table.attempts < Table.attempts_allowed
_BY_CALLER = Table.caller == bindparam("given_caller")
_BY_ID = Table.id == bindparam("given_id")
_BY_SEED = Table.seed == bindparam("given_seed")
_NEWEST_FIRST = (Table.sent_at.desc(), Table.id)

_FIRST = aliased(Table)
# The first of them is gone if its letter was withdrawn while another joined.
_ENDS = case(
    (_FIRST.id.is_not(None), _FIRST.expires_at), (Table.seed.is_(None), Table.expires_at), else_=Table.sent_at
)
_USED_AT = case((_FIRST.id.is_not(None), _FIRST.consumed_at), else_=Table.consumed_at)
_SEEN = select(*COLUMNS[:-3], _ENDS, _USED_AT, Table.approved_at).outerjoin(_FIRST, _FIRST.id == Table.seed)
"""Challenges as they stand: one that shares a code is used or over when the first of them is."""
NEWEST_SENT = _SEEN.where(_to_destination(), _BY_CALLER, _counts()).order_by(*_NEWEST_FIRST).limit(1)
NEWEST = _SEEN.where(_BY_CALLER, _counts()).order_by(*_NEWEST_FIRST).limit(1)
GIVEN = _SEEN.where(_BY_CALLER, _BY_ID)
OF_SEED = _SEEN.where(_BY_SEED, _BY_CALLER).order_by(*_NEWEST_FIRST).limit(1)
OF_ID = _SEEN.where(_BY_ID)

LIVING_SHARED = select(Table.id, Table.key_id, Table.expires_at).where(
    _to_destination(),
    text(IS_FIRST),
    is_live(),
    Table.key_id.in_(bindparam("keys", expanding=True)),
    Table.caller.startswith("session:", autoescape=True) == bindparam("of_session", type_=Boolean),
)
OPEN_SHARED = insert(Table)
_IS_THIS_LETTER = and_(_BY_ID, Table.send_count == bindparam("given_send_count"))
WITHDRAW_FIRST = delete(Table).where(_IS_THIS_LETTER, Table.attempts == 0, Table.foreign_attempts == 0)
# Whoever guessed while the letter was on its way did so at the account's expense.
WITHDRAW_GUESSED = (
    update(Table).where(_IS_THIS_LETTER).values(expires_at=bindparam("now"), sent_at=bindparam("earlier"))
)
WITHDRAW_REPEAT = (
    update(Table).where(_IS_THIS_LETTER).values(send_count=Table.send_count - 1, sent_at=bindparam("earlier"))
)
WITHDRAW_SHARED = delete(Table).where(_BY_SEED)

_TAKE = (
    update(Table)
    .where(
        _to_destination(),
        is_live(),
        Table.code_length == bindparam("length"),
        _HAS_GUESSES,
    )
    .values(
        attempts=Table.attempts + 1,
        guessed_at=bindparam("now"),
        loose_attempts=Table.loose_attempts + bindparam("loose"),
    )
    .returning(*ATTEMPT)
)
_LAST = aliased(Table)
_NEWEST_OWN = (
    select(_LAST.id)
    .where(_to_destination(_LAST), _LAST.caller == bindparam("given_caller"), _counts(_LAST))
    .order_by(_LAST.sent_at.desc())
    .limit(1)
    .scalar_subquery()
)
TAKE_OWN = Prepared(_TAKE.where(Table.id == _NEWEST_OWN))
TAKE_BOUND = Prepared(_TAKE.where(_BY_CALLER, _BY_ID))
TAKE_HANDLE = Prepared(_TAKE.where(_BY_ID, Table.caller.startswith("network:", autoescape=True)))
_OTHER = aliased(Table)
_NEWEST_FOREIGN = (
    select(_OTHER.id)
    .where(_to_destination(_OTHER), _OTHER.caller.startswith("network:", autoescape=True), is_live(_OTHER))
    # All live equally long, so the newest is over last; and there is an index for that.
    .order_by(_OTHER.expires_at.desc())
    .limit(1)
    .scalar_subquery()
)
_OWN = aliased(Table)
_HAS_OWN = exists().where(_to_destination(_OWN), _OWN.caller == bindparam("given_caller"), is_live(_OWN))
TAKE_FOREIGN = Prepared(
    update(Table)
    .where(
        Table.id == _NEWEST_FOREIGN,
        Table.code_length == bindparam("length"),
        _HAS_GUESSES,
        Table.foreign_attempts < Table.foreign_allowed,
        ~_HAS_OWN,
        is_live(),
    )
    .values(foreign_attempts=Table.foreign_attempts + 1, guessed_at=bindparam("now"))
    .returning(*ATTEMPT)
)
LIVE_LENGTH = (
    select(Table.code_length)
    .where(_to_destination(), _BY_CALLER, is_live(), _HAS_GUESSES)
    .order_by(*_NEWEST_FIRST)
    .limit(1)
)
HANDLE_LENGTH = select(Table.code_length).where(_BY_ID, _to_destination(), is_live(), _HAS_GUESSES)

_USED = {"consumed_at": bindparam("now"), "attempts": Table.loose_attempts * bindparam("keeps")}
"""What happens to a row whose code was right. Its guesses are refunded (9.6, rule 4), but for those that were not its
user's: with ``keeps`` 1 the ones without a handle, since whoever was right has it; foreign ones always."""
CONSUME = Prepared(
    update(Table)
    .where(_BY_ID, is_live())
    .values(_USED | {"foreign_attempts": Table.foreign_attempts - bindparam("right_foreign")})
)
CONSUME_LIVE = update(Table).where(_BY_ID, _BY_CALLER, is_live()).values(_USED)
APPROVE = update(Table).where(_BY_ID, is_live()).values(approved_at=bindparam("now"))
CONSUME_APPROVED = update(Table).where(_BY_ID, _BY_CALLER, is_live(), Table.approved_at.is_not(None)).values(_USED)
# Those that share a code are over with the first of them; a flood may have made any number.
_LIVING = and_(_to_destination(), is_live(), or_(Table.seed.is_(None), text(IS_FIRST)))
HOLD = select(Table.id).where(_LIVING).order_by(Table.id).with_for_update()
KILL = update(Table).where(_LIVING).values(expires_at=bindparam("now"))
