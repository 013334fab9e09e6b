"""Who was erased and who will be, as hashes of subjects: so that a backup of before brings nobody back (PRIV-02)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import Engine, select

from auth_portal.db import autocommit, upsert, utcnow
from auth_portal.models import ErasedUser, User
from auth_portal.signin.events import Actor
from auth_portal.signin.keyring import digest
from auth_portal.signin.leaving import close_account

_BATCH = 10_000


def read_tombstones(engine: Engine) -> dict[str, datetime]:
    """The hashes of all subjects that were erased, or are to be: each with the moment."""
    with autocommit(engine).connect() as connection:
        erased = connection.execute(select(ErasedUser.subject_hash, ErasedUser.erased_at)).all()
        leaving = connection.execute(select(User.id, User.erase_at).where(User.erase_at.is_not(None))).all()
    gone = {row.subject_hash: row.erased_at for row in erased}
    return gone | {digest(row.id): row.erase_at for row in leaving}


def close_again(engine: Engine, tombstones: Mapping[str, datetime], actor: Actor) -> int:
    """Close the accounts of all whom the tombstones name, each until its moment; says how many were open.

    Nobody gets a letter: they had theirs, and where there is still time its link is as good as it was. Of those who
    are not in the backup the tombstones are kept.
    """
    now = utcnow()
    past = [{"subject_hash": key, "erased_at": at} for key, at in tombstones.items() if at <= now]
    if past:
        with engine.begin() as connection:
            connection.execute(upsert(engine.dialect.name)(ErasedUser).on_conflict_do_nothing(), past)
    count = 0
    for user_id in _subjects(engine):
        erase_at = tombstones.get(digest(user_id))
        if erase_at is not None:
            with engine.begin() as connection:
                count += close_account(connection, user_id, erase_at, actor) is not None
    return count


def _subjects(engine: Engine) -> Iterator[str]:
    """Everybody. A hash leads to nobody, so each is looked at."""
    last = ""
    while True:
        some = select(User.id).where(User.id > last).order_by(User.id).limit(_BATCH)
        with autocommit(engine).connect() as connection:
            found = connection.execute(some).scalars().all()
        yield from found
        if len(found) < _BATCH:
            return
        last = found[-1]
