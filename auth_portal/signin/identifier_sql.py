"""The SQL of what people prove themselves by. Whoever writes here holds the person's ledger (``lock_ledger``).

``rank``: 0 is the main one of its channel, 1 the second.
"""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.orm import aliased

from auth_portal.models import Identifier, IdentifierChange, User

_OF_USER = Identifier.user_id == bindparam("given_user")
_THIS = and_(_OF_USER, Identifier.channel == bindparam("given_channel"), Identifier.value == bindparam("given_value"))
OF_USER = (
    select(Identifier.channel, Identifier.value, Identifier.rank, Identifier.verified_at)
    .where(_OF_USER)
    .order_by(Identifier.channel, Identifier.rank)
)
REMOVE = delete(Identifier).where(_THIS)
SET_RANK = update(Identifier).where(_THIS).values(rank=bindparam("new_rank"))

LOCK_USER = select(User.id).where(User.id == bindparam("given_user")).with_for_update(key_share=True)
TOUCH = update(User).where(User.id == bindparam("given_user")).values(updated_at=bindparam("now"))
"""What apps are told of the person changed."""

_main = aliased(Identifier)
PROMOTE = (
    update(Identifier)
    .where(
        _OF_USER,
        Identifier.rank > 0,
        ~exists().where(_main.user_id == Identifier.user_id, _main.channel == Identifier.channel, _main.rank == 0),
    )
    .values(rank=0)
)
"""The second of a channel that has no main one becomes it."""
DEMOTE = update(Identifier).where(_OF_USER, Identifier.channel == bindparam("given_channel")).values(rank=1)
"""The only one that is left of a channel makes room for a main one."""

NOTE_CHANGE = insert(IdentifierChange)
_IS_OPEN = and_(IdentifierChange.undone_at.is_(None), IdentifierChange.undo_until > bindparam("now"))
CHANGE = select(IdentifierChange).where(IdentifierChange.id == bindparam("given_id"))
OPEN_CHANGES = (
    select(IdentifierChange)
    .where(IdentifierChange.user_id == bindparam("given_user"), _IS_OPEN)
    .order_by(IdentifierChange.changed_at.desc())
)
TAKE_CHANGE = (
    update(IdentifierChange)
    .where(IdentifierChange.id == bindparam("given_id"), _IS_OPEN)
    .values(undone_at=bindparam("now"))
)
CLOSE_CHANGES_SINCE = (
    update(IdentifierChange)
    .where(
        IdentifierChange.user_id == bindparam("given_user"),
        _IS_OPEN,
        IdentifierChange.changed_at >= bindparam("since"),
    )
    .values(undo_until=bindparam("now"))
)
_IS_DOUBTFUL = and_(
    _OF_USER,
    or_(Identifier.channel != bindparam("given_channel"), Identifier.value != bindparam("given_former")),
    or_(
        and_(
            Identifier.channel == bindparam("given_channel"),
            Identifier.value == bindparam("given_current"),
            Identifier.verified_at >= bindparam("former_since"),
        ),
        Identifier.verified_at > bindparam("since"),
    ),
)
"""What took the place of the former one, unless it was there before that; and what was proven since."""
DOUBTFUL = (
    select(Identifier.channel, Identifier.value).where(_IS_DOUBTFUL).order_by(*Identifier.__table__.primary_key)
)
REMOVE_DOUBTFUL = delete(Identifier).where(_IS_DOUBTFUL)
