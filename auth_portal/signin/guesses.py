"""A typed code held against the caller's challenge: the attempt is counted first, then compared.

Knows nothing of what a right code is for: the caller uses the challenge up in the transaction of whatever that opens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import CodeRefused, InvalidInput
from auth_portal.settings import Settings
from auth_portal.signin import challenges
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.codes import codes_match, derive_code
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.notices import NoticeService


@dataclass(frozen=True, slots=True)
class RightGuess:
    """A code that was right. ``consume`` uses it up in the given transaction; false where another was first (OTP-05).

    ``is_suspicious``: so many guesses were made that the person should hear of it.
    """

    consume: Callable[[Connection], bool]
    is_suspicious: bool


class GuessService:
    """Counts and compares."""

    def __init__(self, engine: Engine, settings: Settings, keyring: KeyRing, notices: NoticeService) -> None:
        self._autocommit = autocommit(engine)
        self._keyring = keyring
        self._notices = notices
        self._statements = challenges.Statements(engine.dialect.name, settings, keyring.code_key_ids)
        self._usual_length = min(settings.code_lengths)

    def guess(
        self, destination: Destination, code: str, caller: Caller, challenge_id: str | None = None
    ) -> RightGuess:
        """Whether this is the code that was sent there for this caller.

        The attempt is committed before the code is compared: nothing gives a guess back. Raises CodeRefused, or
        InvalidInput for a code of another length than the caller's (OTP-28).
        """
        attempt = self._take_attempt(destination, caller, challenge_id, len(code), utcnow())
        now = utcnow()
        # Looked at again after the commit: once a challenge is over, the ledger counts what was taken by then, and
        # nothing may be evaluated that it could have missed.
        if attempt is None or attempt.expires_at <= now:
            raise CodeRefused
        expected = derive_code(self._keyring, attempt.key_id, attempt.seed, attempt.code_length)
        if not codes_match(expected, code):
            self._notices.tell_wrong_code(destination, len(code), caller, is_last=not attempt.attempts_left)
            raise CodeRefused(attempts_left=attempt.attempts_left)
        return RightGuess(
            consume=lambda connection: self._statements.consume(connection, attempt, utcnow()),
            is_suspicious=attempt.attempts >= 4 or attempt.code_length > self._usual_length,
        )

    def _take_attempt(
        self, destination: Destination, caller: Caller, challenge_id: str | None, length: int, now: datetime
    ) -> challenges.Attempt | None:
        with self._autocommit.connect() as connection:
            taken = self._statements.take_attempt(connection, destination, caller.key, challenge_id, length, now)
            if taken is not None:
                return taken
            waited_for = self._statements.live_length(connection, destination, caller.key, challenge_id, now)
            if waited_for not in (None, length):
                raise InvalidInput(code="not_a_code")
            if challenge_id is None and caller.may_guess_elsewhere:
                taken = self._statements.take_foreign_attempt(connection, destination, caller.key, length, now)
        return taken
