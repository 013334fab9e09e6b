"""Letters that nobody asked for: a sign-in on a new device, wrong codes (OTP-30).

They go to people with an account only, after the request was answered, and rarely: whoever attacks an account must
not be able to fill its inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from auth_portal.db import utcnow
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.users import Profile, find_user

_DAY_S = 86_400
_SIGN_INS_A_DAY = 5
_WRONG_CODES_A_DAY = 1


@dataclass(frozen=True, slots=True)
class NoticeLetter:
    """What a notice tells. ``caller``: who did it, where that is told."""

    destination: Destination
    happened_at: datetime
    caller: Caller | None
    locale: str


class NoticeDeliverer(Protocol):
    """Who takes notices out. Each method returns once the letter was accepted, or raises DeliveryFailed."""

    def send_new_sign_in(self, notice: NoticeLetter) -> None:
        """Tell of a sign-in on a device that was not known."""

    def send_wrong_codes(self, notice: NoticeLetter) -> None:
        """Tell of wrong codes that were tried."""


Later = Callable[[Callable[[], None]], None]
"""Runs a job once the request is answered."""


class NoticeService:
    """Decides who is told what, at most how often."""

    def __init__(self, engine: Engine, limits: SendLimits, deliverer: NoticeDeliverer, later: Later) -> None:
        self._engine = engine
        self._limits = limits
        self._deliverer = deliverer
        self._later = later

    def tell_new_sign_in(self, user: Profile, destination: Destination, caller: Caller) -> None:
        """A sign-in on a device that was not known, or with a code that many had guessed at: at most 5 a day."""
        notice = NoticeLetter(destination, utcnow(), caller, user.locale)

        def job() -> None:
            if self._may_send("new-sign-in", user.id, _SIGN_INS_A_DAY):
                self._deliverer.send_new_sign_in(notice)

        self._later(job)

    def tell_wrong_codes(self, destination: Destination) -> None:
        """Somebody used up the guesses at a code for this destination: at most one a day."""
        now = utcnow()

        def job() -> None:
            with self._engine.connect() as connection:
                user = find_user(connection, destination)
            if (
                user is not None
                and not user.is_suspended
                and self._may_send("wrong-codes", user.id, _WRONG_CODES_A_DAY)
            ):
                self._deliverer.send_wrong_codes(NoticeLetter(destination, now, None, user.locale))

        self._later(job)

    def _may_send(self, kind: str, user_id: str, most: int) -> bool:
        bucket = self._limits.bucket(kind, user_id, most, _DAY_S)
        with self._engine.begin() as connection:
            return self._limits.try_spend(connection, bucket, utcnow())
