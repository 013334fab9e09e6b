"""Letters that nobody asked for: a sign-in on a new device; wrong codes, and that the next ones get longer (OTP-30);
changes of addresses and numbers (OTP-31); a welcome.

They go to people with an account only, to all addresses that they have proven (MAIL-19), after the request was
answered, and rarely: whoever attacks an account must not be able to fill its inbox. Text messages cost money: of
sign-ins and wrong codes they tell only those who have no address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol

from sqlalchemy import Connection, Engine, bindparam, func, select, text

from auth_portal.background import Later
from auth_portal.db import autocommit, utcnow
from auth_portal.errors import DeliveryFailed
from auth_portal.models import Challenge
from auth_portal.models.challenge import IN_LEDGER
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination, masked
from auth_portal.signin.callers import Caller
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits, account_key
from auth_portal.signin.proven import is_reachable, of_channel, proven_by
from auth_portal.signin.users import Profile, find_user, hold_user

_DAY_S = 86_400
_SIGN_INS_A_DAY = 5
_WRONG_CODES_A_DAY = 1


NewsKind = Literal["main_changed", "added", "removed", "restored"]


@dataclass(frozen=True, slots=True)
class NoticeLetter:
    """What a notice tells. ``caller``: who did it, where that is told; ``about``: another address it is about."""

    destination: Destination
    happened_at: datetime
    caller: Caller | None
    locale: str
    about: Destination | None = None


@dataclass(frozen=True, slots=True)
class AddressNews:
    """What became of the addresses or numbers of a person, and who is told.

    ``former`` was removed, or is not the main one any more; ``current`` was added, or is the main one now. Where that
    was undone, ``former`` is the main one again. ``undo``: a link, for nobody but the owner of ``former``.
    """

    kind: NewsKind
    channel: str
    former: str | None
    current: str | None
    told: tuple[Destination, ...]
    undo: str = ""


@dataclass(frozen=True, slots=True)
class AddressLetter:
    """What a letter about addresses tells; both are masked. ``undo``: the link of what can be undone."""

    destination: Destination
    happened_at: datetime
    caller: Caller
    locale: str
    kind: NewsKind
    channel: str
    former: str | None
    current: str | None
    undo: str | None


class NoticeDeliverer(Protocol):
    """Who takes notices out. Each method returns once the letter was accepted, or raises DeliveryFailed."""

    def send_new_sign_in(self, notice: NoticeLetter) -> None:
        """Tell of a sign-in on a device that was not known."""

    def send_welcome(self, letter: NoticeLetter) -> None:
        """Tell who has registered that the account is there."""

    def send_wrong_codes(self, notice: NoticeLetter) -> None:
        """Tell of wrong codes that were tried."""

    def send_address_news(self, letter: AddressLetter) -> None:
        """Tell of a change of addresses or numbers."""


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
        self._settings = settings
        self._ladder = settings.ladder
        self._keyring = keyring
        self._limits = limits
        self._deliverer = deliverer
        self._later = later

    def tell_new_sign_in(self, user: Profile, destination: Destination, caller: Caller) -> None:
        """A sign-in on a device that was not known, or with a code that many had guessed at: at most 5 a day."""
        now = utcnow()

        def job() -> None:
            if self._may_send("new-sign-in", user.id, _SIGN_INS_A_DAY):
                self._send_to_all(user, destination, now, caller, self._deliverer.send_new_sign_in)

        self._later(job)

    def welcome(self, user: Profile, caller: Caller) -> None:
        """Somebody has just registered. No text message says so: that would cost money and tell nothing new."""
        if user.email is not None:
            destination = Destination("email", user.email)
            letter = NoticeLetter(destination, utcnow(), caller, user.locale)
            self._later(partial(self._deliverer.send_welcome, letter))

    def tell_addresses(self, user: Profile, news: AddressNews, caller: Caller) -> None:
        """A change of addresses or numbers: told by mail and text message alike, for it is rare and decides who gets
        in. Who can undo it is told within the request, so that no flood of other jobs loses that letter; a text to
        them was paid for before, any other is left out where it costs too much.
        """
        now = utcnow()
        former, current = (masked(value) if value else None for value in (news.former, news.current))
        for destination in news.told:
            if not is_reachable(self._settings, destination):
                continue
            is_former = destination == Destination(news.channel, news.former or "")
            undo = (news.undo or None) if is_former else None
            letter = AddressLetter(
                destination, now, caller, user.locale, news.kind, news.channel, former, current, undo
            )
            if undo is not None:
                self._send_now(letter)
            elif self._is_affordable(destination):
                self._later(partial(self._deliverer.send_address_news, letter))

    def _send_now(self, letter: AddressLetter) -> None:
        """Where that fails, once more when the request does not wait for it."""
        try:
            self._deliverer.send_address_news(letter)
        except DeliveryFailed:
            self._later(partial(self._deliverer.send_address_news, letter))

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
                self._send_to_all(user, destination, now, None, self._deliverer.send_wrong_codes)

        self._later(job)

    def _send_to_all(
        self,
        user: Profile,
        about: Destination,
        happened_at: datetime,
        caller: Caller | None,
        send: Callable[[NoticeLetter], None],
    ) -> None:
        """One job for each letter: what one inbox refuses, the other still gets."""
        with autocommit(self._engine).connect() as connection:
            own = proven_by(connection, user.id)
        for one in of_channel(own, "email") or of_channel(own, "sms")[:1]:
            if is_reachable(self._settings, one.destination) and self._is_affordable(one.destination):
                letter = NoticeLetter(one.destination, happened_at, caller, user.locale, about)
                self._later(partial(send, letter))

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

    def _is_affordable(self, destination: Destination) -> bool:
        """Whether a text message may still be paid for (OTP-19)."""
        if destination.channel == "email":
            return True
        with self._engine.begin() as connection:
            return self._limits.try_spend_costs(connection, destination, utcnow())

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
