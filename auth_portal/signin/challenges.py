"""Challenges in the database: opening, guessing at, consuming and withdrawing them.

Holds no rule beyond the conditions of its statements (``challenge_sql``): ``otp`` decides when each is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from auth_portal.db import CLOCK_SKEW
from auth_portal.signin import challenge_sql as sql
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
class Attempt:
    """A guess that was counted and may now be compared."""

    challenge_id: str
    key_id: str
    code_length: int
    attempts_left: int


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
        self._upsert = sql.upsert_statement(dialect_name, key_ids, look_up_user=look_up_user)

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
        row = self._upsert.first(connection, values)
        return _challenge(row) if row else None

    @staticmethod
    def sent_at(connection: Connection, draft: Draft) -> datetime | None:
        """When the caller last had a letter sent to this destination."""
        values = _owner(draft.destination, draft.caller)
        found: datetime | None = connection.execute(sql.SENT_AT, values).scalar()
        return found

    @staticmethod
    def withdraw(connection: Connection, challenge: Challenge, sent_at: datetime) -> None:
        """Undo an upsert whose letter did not leave; a challenge that had earlier letters lives on."""
        values = {"given_id": challenge.id, "send_count": challenge.send_count}
        if challenge.send_count == 1:
            connection.execute(sql.WITHDRAW_FIRST, values)
        else:
            connection.execute(sql.WITHDRAW_REPEAT, values | {"earlier": sent_at})

    @staticmethod
    def take_attempt(
        connection: Connection,
        destination: Destination,
        caller: str,
        challenge_id: str | None,
        length: int,
        now: datetime,
    ) -> Attempt | None:
        """Take one of the holder's attempts at a live challenge; None where none is left (OTP-08).

        An API caller that has the handle is the holder wherever it calls from; a browser must hold the cookie.
        """
        values = _owner(destination, caller) | {"now": now, "length": length}
        if challenge_id is None:
            row = sql.TAKE_OWN.first(connection, values)
        else:
            held = sql.TAKE_BROWSER if caller.startswith("browser:") else sql.TAKE_HANDLE
            row = held.first(connection, values | {"given_id": challenge_id})
        return _attempt(row) if row else None

    @staticmethod
    def take_foreign_attempt(
        connection: Connection, destination: Destination, caller: str, length: int, now: datetime, most: int
    ) -> Attempt | None:
        """Take one of the few guesses that other networks have at the newest API challenge, if it is not theirs."""
        values = _owner(destination, caller) | {"now": now, "length": length, "most": most}
        row = sql.TAKE_FOREIGN.first(connection, values)
        return _attempt(row) if row else None

    @staticmethod
    def consume(connection: Connection, challenge_id: str, now: datetime) -> bool:
        """Use the code up; false where another request was first (OTP-05)."""
        return sql.CONSUME.run(connection, {"given_id": challenge_id, "now": now}).rowcount == 1

    @staticmethod
    def find(connection: Connection, caller: str, challenge_id: str | None) -> Challenge | None:
        """The caller's challenge with this id, or its newest one; dead ones too."""
        values = {"given_caller": caller, "given_id": challenge_id}
        row = connection.execute(sql.NEWEST if challenge_id is None else sql.GIVEN, values).first()
        return _challenge(row) if row else None


def _attempt(row: Sequence[Any]) -> Attempt:
    challenge_id, key_id, code_length, attempts, allowed = row
    return Attempt(challenge_id, key_id, code_length, allowed - attempts)


def _challenge(row: Sequence[Any]) -> Challenge:
    """From ``sql.COLUMNS``, by position: names would be looked up for each of them."""
    challenge_id, channel, destination, *rest = row
    if len(row) == len(sql.COLUMNS):
        rest.append(None)
    return Challenge(challenge_id, Destination(channel, destination), *rest)


def _owner(destination: Destination, caller: str) -> dict[str, Any]:
    return {
        "given_channel": destination.channel,
        "given_destination": destination.value,
        "given_caller": caller,
    }
