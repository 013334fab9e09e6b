"""Challenges in the database: opening, guessing at, consuming and withdrawing them.

Holds no rule beyond the conditions of its statements (``opening``, ``challenge_sql``): ``otp`` and ``links`` decide
when each is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from auth_portal.db import CLOCK_SKEW
from auth_portal.settings import Settings
from auth_portal.signin import challenge_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.limits import device_values
from auth_portal.signin.opening import OpeningSql


@dataclass(frozen=True, slots=True)
class Draft:
    """A challenge to open, should the caller have no live one.

    ``attempts``: the guesses of its holder, ``foreign_attempts`` those of other networks, both at most.
    ``is_known``: the account is a user's. ``site_spent``: the lengths that all accounts together cannot afford.
    """

    id: str
    destination: Destination
    caller: Caller
    account: str
    is_known: bool
    key_id: str
    attempts: int
    foreign_attempts: int
    now: datetime
    expires_at: datetime
    resend_before: datetime
    site_spent: frozenset[int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess that was counted and may now be compared with the code that ``seed`` gives.

    ``by``: whoever holds the handle or the browser's cookie, an API caller in the network that asked, or another one.
    """

    by: Literal["holder", "network", "foreign"]
    challenge_id: str
    key_id: str
    shared_seed: str | None
    code_length: int
    attempts: int
    attempts_allowed: int
    expires_at: datetime

    @property
    def seed(self) -> str:
        """What the code is derived from."""
        return self.shared_seed or self.challenge_id

    @property
    def attempts_left(self) -> int:
        """Guesses that its holder still has."""
        return self.attempts_allowed - self.attempts


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it stands. ``shared_seed`` is set where several challenges share one code (OTP-20).

    ``network`` and ``device`` tell a person who asked.
    """

    id: str
    account: str
    device_id: str | None
    destination: Destination
    caller: str
    network: str
    device: str
    key_id: str
    shared_seed: str | None
    code_length: int
    attempts: int
    attempts_allowed: int
    send_count: int
    sent_at: datetime
    expires_at: datetime
    consumed_at: datetime | None
    approved_at: datetime | None

    @property
    def seed(self) -> str:
        """What the code is derived from."""
        return self.shared_seed or self.id

    @property
    def attempts_left(self) -> int:
        """Guesses that its holder still has."""
        return self.attempts_allowed - self.attempts

    def is_live(self, now: datetime) -> bool:
        """Whether it was neither used nor is over; its link works, its code only while guesses are left."""
        return self.consumed_at is None and self.expires_at > now

    def is_open(self, now: datetime) -> bool:
        """Whether its code would still be accepted."""
        return self.is_live(now) and self.attempts_left > 0


class Statements:
    """The statements of one database dialect. ``key_ids``: the code keys that are still honoured."""

    def __init__(self, dialect_name: str, settings: Settings, key_ids: Sequence[str]) -> None:
        self._opening = OpeningSql(dialect_name, settings, key_ids)

    def open(self, connection: Connection, draft: Draft) -> Challenge | None:
        """Note that the caller's live challenge is sent again, or open one; None if its last letter is too young.

        The length and the guesses that are granted and reserved follow the ledger (OTP-12, OTP-13).
        """
        devices = draft.caller.devices
        values: dict[str, Any] = self._opening.values(draft.now, draft.site_spent) | {
            "id": draft.id,
            "account": draft.account,
            "is_known": int(draft.is_known),
            "channel": draft.destination.channel,
            "destination": draft.destination.value,
            "caller": draft.caller.key,
            "network": draft.caller.network,
            "device": draft.caller.device,
            "key_id": draft.key_id,
            "attempts": draft.attempts,
            "foreign": draft.foreign_attempts,
            "expires_at": draft.expires_at,
            "resend_before": draft.resend_before,
            **_moments(draft.now),
        }
        if devices:
            values |= device_values(devices)
        row = self._opening.open(knows_device=bool(devices)).first(connection, values)
        return _opened(draft, row) if row else None

    @staticmethod
    def newest(connection: Connection, destination: Destination, caller: str, now: datetime) -> Challenge | None:
        """The challenge that the caller last had a letter for; it may be over."""
        row = connection.execute(sql.NEWEST_SENT, _owner(destination, caller) | _moments(now)).first()
        return challenge_of(row) if row else None

    @staticmethod
    def withdraw(connection: Connection, challenge: Challenge, sent_at: datetime, now: datetime) -> None:
        """Undo an opening whose letter did not leave; a challenge that had earlier letters lives on.

        Guesses that were made at it meanwhile stay counted. ``sent_at``: so long ago that the caller may ask again.
        """
        values = {"given_id": challenge.id, "given_send_count": challenge.send_count}
        if challenge.send_count > 1:
            connection.execute(sql.WITHDRAW_REPEAT, values | {"earlier": sent_at})
        elif challenge.shared_seed is not None:
            connection.execute(sql.WITHDRAW_SHARED, {"given_seed": challenge.shared_seed})
        elif connection.execute(sql.WITHDRAW_FIRST, values).rowcount == 0:
            connection.execute(sql.WITHDRAW_GUESSED, values | {"earlier": sent_at, "now": now})

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

        An API caller that has the handle is the holder wherever it calls from; a browser must hold the cookie, a
        signed-in session be the one that asked.
        """
        values = _owner(destination, caller) | _moments(now) | {"length": length, "loose": int(challenge_id is None)}
        if challenge_id is None:
            row = sql.TAKE_OWN.first(connection, values)
            return Attempt("network", *row) if row else None
        held = sql.TAKE_HANDLE if caller.startswith("network:") else sql.TAKE_BOUND
        row = held.first(connection, values | {"given_id": challenge_id})
        return Attempt("holder", *row) if row else None

    @staticmethod
    def take_foreign_attempt(
        connection: Connection, destination: Destination, caller: str, length: int, now: datetime
    ) -> Attempt | None:
        """Take one of the few guesses that other networks have at the newest API challenge, if it is not theirs."""
        values = _owner(destination, caller) | {"now": now, "length": length}
        row = sql.TAKE_FOREIGN.first(connection, values)
        return Attempt("foreign", *row) if row else None

    @staticmethod
    def live_length(
        connection: Connection, destination: Destination, caller: str, challenge_id: str | None, now: datetime
    ) -> int | None:
        """How long the code is that this caller would be guessing at; None where it waits for none."""
        values = _owner(destination, caller) | {"now": now, "given_id": challenge_id}
        statement = sql.LIVE_LENGTH if challenge_id is None else sql.HANDLE_LENGTH
        found: int | None = connection.execute(statement, values).scalar()
        return found

    @staticmethod
    def consume(connection: Connection, attempt: Attempt, now: datetime) -> bool:
        """Use the code up; false where another request was first, or it is over (OTP-05).

        Refunds its user's wrong guesses (9.6, rule 4). What came from elsewhere stays counted, and with a handle what
        came without: else somebody who waits for each sign-in of a person would have guesses for nothing.
        """
        is_foreign = attempt.by == "foreign" and attempt.shared_seed is None
        values = {
            "given_id": attempt.seed,
            "now": now,
            "keeps": int(attempt.by == "holder"),
            "right_foreign": int(is_foreign),
        }
        return sql.CONSUME.run(connection, values).rowcount == 1

    @staticmethod
    def find(connection: Connection, caller: str, challenge_id: str | None, now: datetime) -> Challenge | None:
        """The caller's challenge with this id, or its newest one; dead ones too."""
        values = {"given_caller": caller, "given_id": challenge_id} | _moments(now)
        row = connection.execute(sql.NEWEST if challenge_id is None else sql.GIVEN, values).first()
        return challenge_of(row) if row else None


def challenge_of(row: Sequence[Any]) -> Challenge:
    """A row of ``sql.COLUMNS``, by position: names would be looked up for each of them."""
    challenge_id, account, device_id, channel, destination, *rest = row
    return Challenge(challenge_id, account, device_id, Destination(channel, destination), *rest)


def _opened(draft: Draft, row: Sequence[Any]) -> Challenge:
    challenge_id, device_id, key_id, seed, length, attempts, allowed, send_count, sent_at, expires_at = row
    return Challenge(
        id=challenge_id,
        account=draft.account,
        device_id=device_id,
        destination=draft.destination,
        caller=draft.caller.key,
        network=draft.caller.network,
        device=draft.caller.device,
        key_id=key_id,
        shared_seed=seed,
        code_length=length,
        attempts=attempts,
        attempts_allowed=allowed,
        send_count=send_count,
        sent_at=sent_at,
        expires_at=expires_at,
        consumed_at=None,
        approved_at=None,
    )


def _owner(destination: Destination, caller: str) -> dict[str, Any]:
    return {
        "given_channel": destination.channel,
        "given_destination": destination.value,
        "given_caller": caller,
    }


def _moments(now: datetime) -> dict[str, Any]:
    """``future``: a letter "sent" later was sent before the clock was set back; it must not block anybody."""
    return {"now": now, "future": now + CLOCK_SKEW}
