"""A proven address or number becomes a person's: nobody else's at the same time, nor while it can be given back.

Knows no reason for it: a registration, one more address and an undone change all claim in the same way.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text, update

from auth_portal.db import upsert, utcnow
from auth_portal.errors import AlreadyRegistered
from auth_portal.models import Challenge, Identifier, IdentifierChange
from auth_portal.models.challenge import IN_LEDGER
from auth_portal.signin.addresses import Destination


def claim(
    connection: Connection, destination: Destination, user_id: str, account: str, *, rank: int, verified_at: datetime
) -> None:
    """Make a destination a user's, and the wrong guesses at it the user's too (9.6: per identifier, then per user).

    ``account`` is whose ledger it had while it had no user; the caller has locked that. Raises AlreadyRegistered
    where it is somebody's, or was lately and can be given back to them (OTP-31).
    """
    row = {
        "channel": destination.channel,
        "value": destination.value,
        "user_id": user_id,
        "rank": rank,
        "verified_at": verified_at,
    }
    insert = upsert(connection.dialect.name)(Identifier).on_conflict_do_nothing(index_elements=["channel", "value"])
    if connection.execute(insert.returning(Identifier.user_id), row).first() is None:
        raise AlreadyRegistered
    # Only now: the insertion waited for whoever was just giving the address up, and whether that can be undone is
    # known since then.
    owner = {"given_channel": destination.channel, "given_value": destination.value, "given_user": user_id}
    if connection.execute(_HELD, owner | {"now": utcnow()}).first() is not None:
        raise AlreadyRegistered
    for adopt in _ADOPT_LEDGER:
        connection.execute(adopt, {"former": account, "given_user": user_id})


def hold_challenges(connection: Connection, account: str) -> None:
    """Wait for all who are typing codes of this ledger, and let nobody begin before the caller's transaction ends."""
    connection.execute(_HOLD, {"former": account})


_HELD = (
    select(IdentifierChange.id)
    .where(
        IdentifierChange.channel == bindparam("given_channel"),
        IdentifierChange.former == bindparam("given_value"),
        IdentifierChange.user_id != bindparam("given_user"),
        IdentifierChange.undone_at.is_(None),
        IdentifierChange.undo_until > bindparam("now"),
    )
    .limit(1)
)
# Two, because each of these has an index: an account may have any number of long codes, which count for nothing.
_ADOPT_LEDGER = [
    update(Challenge)
    .where(Challenge.account == bindparam("former"), text(which))
    .values(account=bindparam("given_user"))
    for which in (IN_LEDGER, "consumed_at IS NOT NULL")
]
_HOLD = (
    select(Challenge.id)
    .where(Challenge.account == bindparam("former"), text(IN_LEDGER))
    .order_by(Challenge.id)
    .with_for_update()
)
