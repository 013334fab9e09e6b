"""Letters that nobody asked for: a sign-in on a new device; wrong codes, and that the next ones get longer (OTP-30).

They go to people with an account only, after the request was answered, and rarely: whoever attacks an account must
not be able to fill its inbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, bindparam, func, select, text

from auth_portal.background import Later
from auth_portal.db import autocommit, utcnow
from auth_portal.models import Challenge
from auth_portal.models.challenge import IN_LEDGER
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits, account_key
from auth_portal.signin.users import Profile, find_user, hold_user

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


class NoticeService:
    """Decides who is told what, at most how often."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        limits: SendLimits,
        deliverer: NoticeDeliverer,
        later: Later,
    ) -> None:
        self._engine = engine
        self._ladder = settings.ladder
        self._keyring = keyring
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

    def tell_wrong_code(self, destination: Destination, length: int, caller: Caller, *, is_last: bool) -> None:
        """A wrong code of this length was typed: told at most once a day, and only where that was the last guess at a
        code, or spent what the account affords of its shortest ones, so that the next are longer.

        Each is noted for the user, if there is one. The work is the same whether there is (OTP-21).
        """
        now = utcnow()
        actor = Actor.of(caller)

        def job() -> None:
            with autocommit(self._engine).connect() as connection:
                user = find_user(connection, destination)
                account = user.id if user else account_key(self._keyring, destination)
                is_spent = self._is_spent(connection, account, length, now)
            if user is not None:
                self._note_refusal(user.id, actor, length)
            if not (is_last or is_spent) or not self._may_send("wrong-codes", account, _WRONG_CODES_A_DAY):
                return
            if user is not None and not user.is_suspended:
                self._deliverer.send_wrong_codes(NoticeLetter(destination, now, None, user.locale))

        self._later(job)

    def _note_refusal(self, user_id: str, actor: Actor, length: int) -> None:
        with self._engine.begin() as connection:
            if hold_user(connection, user_id):
                record(connection, "code_refused", actor, user_id, outcome="refused", facts={"length": length})

    def _is_spent(self, connection: Connection, account: str, length: int, now: datetime) -> bool:
        """Whether this is the shortest length and nothing is left of its budget."""
        rung = self._ladder[0] if self._ladder else None
        if rung is None or rung.length != length:
            return False
        values = {"account": account, "length": rung.length, "since": now - rung.window}
        return int(connection.execute(_FAILED, values).scalar_one()) >= rung.budget

    def _may_send(self, kind: str, user_id: str, most: int) -> bool:
        bucket = self._limits.bucket(kind, user_id, most, _DAY_S)
        with self._engine.begin() as connection:
            return self._limits.try_spend(connection, bucket, utcnow())


_FAILED = select(func.coalesce(func.sum(Challenge.attempts + Challenge.foreign_attempts), 0)).where(
    Challenge.account == bindparam("account"),
    Challenge.code_length == bindparam("length"),
    Challenge.expires_at > bindparam("since"),
    Challenge.device_id.is_(None),
    text(IN_LEDGER),
)
