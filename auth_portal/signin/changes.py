"""Changes of the main address or number: what was before is noted, and its owner can undo them (OTP-31).

For UNDO_TTL the former one is nobody else's to take. Undoing gives it back as the main one, and takes from the
account whatever somebody could have come in by: what took its place, what was proven since or shortly before, all
sessions, all known devices, and the undoing of what was changed afterwards. What was proven before the former one
itself stays: nobody is locked out by who came later.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import AlreadyRegistered
from auth_portal.settings import Settings
from auth_portal.signin import identifier_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.challenge_sql import KILL
from auth_portal.signin.claims import claim
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import account_key, lock_ledger
from auth_portal.signin.link_tokens import make_token, read_token
from auth_portal.signin.notices import AddressNews, NoticeService
from auth_portal.signin.open_sessions import OpenSessions
from auth_portal.signin.proven import Proven, proven_by
from auth_portal.signin.users import UserService

UNDO_TTL = timedelta(hours=72)
"""How long a change can be undone. What was proven as long before it, or since, goes with it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A main address or number that was replaced, removed, or is not the main one any more."""

    id: str
    user_id: str
    channel: str
    former: str
    current: str | None
    former_verified_at: datetime
    changed_at: datetime
    undo_until: datetime
    undone_at: datetime | None

    @property
    def destination(self) -> Destination:
        """The former one."""
        return Destination(self.channel, self.former)

    def is_open(self, now: datetime) -> bool:
        """Whether it can be undone."""
        return self.undone_at is None and self.undo_until > now


@dataclass(frozen=True, slots=True)
class Undo:
    """What the page of an undo link has to say; ``change`` where there is one to say it about."""

    state: Literal["ask", "done", "dead"]
    change: Change | None = None


def undo_link_of(settings: Settings, keyring: KeyRing, change_id: str) -> str:
    """The address that undoes a change. Built from PUBLIC_URL only (OTP-38)."""
    return f"{settings.public_url}/account/undo/{make_token(keyring, 'undo', change_id)}"


def open_changes(connection: Connection, user_id: str) -> list[Change]:
    """What of a person's can still be undone, the newest first."""
    rows = connection.execute(sql.OPEN_CHANGES, {"given_user": user_id, "now": utcnow()})
    return [Change(**row._mapping) for row in rows]


def note_change(connection: Connection, user_id: str, former: Proven, current: str | None) -> str:
    """Note in the caller's transaction that a main one is not the main one any more; the id for its link."""
    now = utcnow()
    row = {
        "id": secrets.token_hex(16),
        "user_id": user_id,
        "channel": former.destination.channel,
        "former": former.destination.value,
        "current": current,
        "former_verified_at": former.verified_at,
        "changed_at": now,
        "undo_until": now + UNDO_TTL,
        "undone_at": None,
    }
    connection.execute(sql.NOTE_CHANGE, row)
    return str(row["id"])


class UndoService:
    """Opens the undo links of letters, and does what their buttons say."""

    def __init__(
        self,
        engine: Engine,
        keyring: KeyRing,
        users: UserService,
        open_sessions: OpenSessions,
        notices: NoticeService,
    ) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._keyring = keyring
        self._users = users
        self._open_sessions = open_sessions
        self._notices = notices

    def find(self, token: str) -> Undo:
        """What this link would do. Changes nothing."""
        change_id = read_token(self._keyring, "undo", token)
        if change_id is None:
            return Undo("dead")
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.CHANGE, {"given_id": change_id}).first()
        if row is None:
            return Undo("dead")
        change = Change(**row._mapping)
        if change.undone_at is not None:
            return Undo("done", change)
        return Undo("ask" if change.is_open(utcnow()) else "dead", change)

    def undo(self, token: str, caller: Caller) -> Undo:
        """Give the former address or number back, once; nothing happens where that is over."""
        found = self.find(token)
        if found.state != "ask" or found.change is None:
            return found
        change = found.change
        try:
            with self._engine.begin() as connection:
                removed = self._restore(connection, change, caller)
                told = [one.destination for one in proven_by(connection, change.user_id)]
        except AlreadyRegistered:
            return Undo("dead", change)
        if removed is not None:
            self._tell(change, [*told, *removed], caller)
        return self.find(token)

    def _restore(self, connection: Connection, change: Change, caller: Caller) -> list[Destination] | None:
        """What was removed; None where another request was first."""
        now = utcnow()
        account = account_key(self._keyring, change.destination)
        for ledger in sorted((change.user_id, account)):
            lock_ledger(connection, ledger, now)
        if connection.execute(sql.TAKE_CHANGE, {"given_id": change.id, "now": now}).rowcount != 1:
            return None
        given: dict[str, Any] = {
            "given_user": change.user_id,
            "given_channel": change.channel,
            "given_value": change.former,
            "given_former": change.former,
            "given_current": change.current,
            "former_since": change.former_verified_at,
            "since": max(change.changed_at - UNDO_TTL, change.former_verified_at),
        }
        removed = [Destination(row.channel, row.value) for row in connection.execute(sql.DOUBTFUL, given)]
        # Whoever signs in by these right now holds a code: this waits for them, and their session is ended, too.
        # Before they are gone: who adds one elsewhere holds a code as well, and would wait for that.
        for gone in removed:
            connection.execute(KILL, {"given_channel": gone.channel, "given_destination": gone.value, "now": now})
        connection.execute(sql.REMOVE_DOUBTFUL, given)
        connection.execute(sql.REMOVE, given)
        connection.execute(sql.PROMOTE, given)
        connection.execute(sql.DEMOTE, given)
        claim(connection, change.destination, change.user_id, account, rank=0, verified_at=change.former_verified_at)
        connection.execute(sql.CLOSE_CHANGES_SINCE, given | {"since": change.changed_at, "now": now})
        connection.execute(sql.TOUCH, {"given_user": change.user_id, "now": now})
        actor = Actor.of(caller)
        self._open_sessions.end_all_within(connection, change.user_id, actor)
        facts = {"channel": change.channel, "removed": len(removed)}
        record(connection, "address_restored", actor, change.user_id, facts=facts)
        return removed

    def _tell(self, change: Change, told: Sequence[Destination], caller: Caller) -> None:
        user = self._users.find_by_id(change.user_id)
        if user is not None:
            news = AddressNews("restored", change.channel, change.former, change.current, tuple(told))
            self._notices.tell_addresses(user, news, caller)
