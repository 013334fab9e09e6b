"""The one-time-code service behind every door: send a code, verify a code.

A challenge is one code for one destination, held by the caller that asked. What must happen once is one
conditional statement: re-using or renewing the challenge, taking an attempt, consuming the code.
"""

from __future__ import annotations

import math
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import AccountSuspended, CodeRefused, PortalError, ResendTooSoon
from auth_portal.settings import Settings
from auth_portal.signin import challenges
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.codes import codes_match, derive_code
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import Bucket, SendLimits
from auth_portal.signin.registration import PendingRegistration, RegistrationService
from auth_portal.signin.sessions import OpenedSession, SessionService
from auth_portal.signin.users import find_user

_CHALLENGE_ID = re.compile(r"[0-9a-f]{32}")
FOREIGN_ATTEMPTS = 2
"""Guesses that API callers from other networks, without a handle, have at a challenge: apart from the owner's."""


@dataclass(frozen=True, slots=True)
class CodeLetter:
    """What a code's letter tells."""

    destination: Destination
    code: str
    lives_for_s: int
    asked_at: datetime
    caller: Caller
    locale: str


class Deliverer(Protocol):
    """Who takes letters out. Each method returns once the letter was accepted, or raises DeliveryFailed."""

    def send_code(self, letter: CodeLetter) -> None:
        """Hand over a code."""

    def send_no_account(self, letter: CodeLetter) -> None:
        """Tell an address without a user, while sign-up is closed, that somebody asked; never has the code."""


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that is on its way. ``id`` is the caller's handle to the challenge."""

    id: str
    destination: Destination
    code: str
    code_length: int
    expires_at: datetime
    resend_at: datetime
    is_repeat: bool


class OtpService:
    """Sends codes and verifies them; opens what a right code opens."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        sessions: SessionService,
        registrations: RegistrationService,
        deliverer: Deliverer,
    ) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._settings = settings
        self._keyring = keyring
        self._limits = SendLimits(settings, keyring)
        self._sessions = sessions
        self._registrations = registrations
        self._deliverer = deliverer
        self._statements = challenges.Statements(
            engine.dialect.name, keyring.code_key_ids, look_up_user=settings.signup == "closed"
        )

    def send_code(self, destination: Destination, caller: Caller, locale: str) -> SentCode:
        """Send the caller's code for this destination: a new one, or the one that still lives, again.

        The same for known and unknown destinations (OTP-21): nobody is looked up, unless sign-up is closed,
        and then within the same statement. Raises ResendTooSoon, TooManyRequests or DeliveryFailed.
        """
        now = utcnow()
        buckets = self._limits.buckets(destination, caller.network)
        challenge = self._open_challenge(destination, caller, buckets, now)
        code = self._get_code(challenge)
        lives_for = math.ceil((challenge.expires_at - now).total_seconds())
        letter = CodeLetter(destination, code, lives_for, now, caller, locale)
        may_enter = challenge.user_id is not None or self._settings.signup == "open"
        deliver = self._deliverer.send_code if may_enter else self._deliverer.send_no_account
        try:
            deliver(letter)
        except Exception:
            # Whatever went wrong, the letter did not leave: the person must be able to try again at once.
            self._withdraw(challenge, buckets)
            raise
        return SentCode(
            id=challenge.id,
            destination=destination,
            code=code,
            code_length=challenge.code_length,
            expires_at=challenge.expires_at,
            resend_at=challenge.sent_at + self._settings.resend_after,
            is_repeat=challenge.send_count > 1,
        )

    def verify_code(
        self, destination: Destination, code: str, caller: Caller, challenge_id: str | None = None
    ) -> OpenedSession | PendingRegistration:
        """Open a session for the user behind a right code, or a registration for a new person.

        The attempt is committed before the code is compared: nothing gives a guess back. Raises CodeRefused
        or AccountSuspended.
        """
        now = utcnow()
        attempt = self._take_attempt(destination, caller, challenge_id, len(code), now)
        if attempt is None:
            raise CodeRefused
        expected = derive_code(self._keyring, attempt.key_id, attempt.challenge_id, attempt.code_length)
        if not codes_match(expected, code):
            raise CodeRefused(attempts_left=attempt.attempts_left)
        with self._engine.begin() as connection:
            if not self._statements.consume(connection, attempt.challenge_id, now):
                raise CodeRefused
            opened = self._open(connection, destination, caller)
        if isinstance(opened, PortalError):
            raise opened
        return opened

    def find_challenge(self, caller: Caller, challenge_id: str | None = None) -> challenges.Challenge | None:
        """What a browser waits for: this challenge of its own, or its newest one."""
        if challenge_id is not None and not _CHALLENGE_ID.fullmatch(challenge_id):
            return None
        with self._autocommit.connect() as connection:
            return self._statements.find(connection, caller.key, challenge_id)

    def _open_challenge(
        self, destination: Destination, caller: Caller, buckets: list[Bucket], now: datetime
    ) -> challenges.Challenge:
        draft = challenges.Draft(
            id=secrets.token_hex(16),
            destination=destination,
            caller=caller.key,
            key_id=self._keyring.code_key_id,
            code_length=self._settings.code_length,
            attempts_allowed=self._settings.code_attempts,
            now=now,
            expires_at=now + self._settings.code_ttl,
            resend_before=now - self._settings.resend_after,
        )
        with (self._engine if buckets else self._autocommit).connect() as connection:
            challenge = self._statements.upsert(connection, draft)
            if challenge is None:
                raise self._too_soon(connection, draft)
            if buckets:
                self._limits.spend(connection, buckets, now)
                connection.commit()
        return challenge

    def _too_soon(self, connection: Connection, draft: challenges.Draft) -> ResendTooSoon:
        sent_at = self._statements.sent_at(connection, draft)
        wait = (sent_at + self._settings.resend_after - draft.now).total_seconds() if sent_at else 0
        return ResendTooSoon(retry_after=max(1, math.ceil(wait)))

    def _withdraw(self, challenge: challenges.Challenge, buckets: list[Bucket]) -> None:
        """Take back what was not delivered: a retry is possible at once, an older letter's code lives on."""
        with self._engine.begin() as connection:
            self._statements.withdraw(connection, challenge, challenge.sent_at - self._settings.resend_after)
            self._limits.refund(connection, buckets)

    def _take_attempt(
        self, destination: Destination, caller: Caller, challenge_id: str | None, length: int, now: datetime
    ) -> challenges.Attempt | None:
        with self._autocommit.connect() as connection:
            taken = self._statements.take_attempt(connection, destination, caller.key, challenge_id, length, now)
            if taken is None and challenge_id is None and not caller.is_browser:
                taken = self._statements.take_foreign_attempt(
                    connection, destination, caller.key, length, now, FOREIGN_ATTEMPTS
                )
        return taken

    def _open(
        self, connection: Connection, destination: Destination, caller: Caller
    ) -> OpenedSession | PendingRegistration | PortalError:
        """What the consumed code opens. A refusal is returned, not raised: the code stays used up."""
        user = find_user(connection, destination)
        if user is not None:
            return AccountSuspended() if user.is_suspended else self._sessions.open_session(connection, user, caller)
        if self._settings.signup == "closed":
            return CodeRefused()
        return self._registrations.start(connection, destination, caller)

    def _get_code(self, challenge: challenges.Challenge) -> str:
        code = derive_code(self._keyring, challenge.key_id, challenge.id, challenge.code_length)
        if code is None:
            raise RuntimeError("a challenge outlived the key of its code")
        return code
