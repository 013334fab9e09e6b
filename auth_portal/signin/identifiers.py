"""The addresses and numbers of a person: proving one more, which is the main one, giving one up (OTP-31, OTP-36).

All that changes them has the person's ledger to itself until its commit, and stands only while the session that asked
lives: so an undo, which ends all sessions, leaves nothing that could still follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import (
    AddressesFull,
    AlreadyRegistered,
    CodeRefused,
    InvalidInput,
    LastAddress,
    NotFound,
    PortalError,
    Unauthenticated,
)
from auth_portal.settings import Settings
from auth_portal.signin import identifier_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller, session_caller
from auth_portal.signin.challenges import Challenge
from auth_portal.signin.changes import Change, note_change, open_changes, undo_link_of
from auth_portal.signin.claims import claim
from auth_portal.signin.endings import lock_live
from auth_portal.signin.events import Actor, EventKind, record
from auth_portal.signin.guesses import GuessService
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits, account_key, lock_ledger
from auth_portal.signin.notices import AddressNews, NewsKind, NoticeService
from auth_portal.signin.otp import OtpService, SentCode
from auth_portal.signin.proven import Proven, is_reachable, of_channel, proven_by
from auth_portal.signin.sessions import LiveSession

MOST_OF_A_CHANNEL = 2
_CHANGES_A_DAY = 10
"""Each of them is told to all that the person has."""
_DAY_S = 86_400
_FIELDS = {"email": "email", "sms": "phoneNumber"}


class IdentifierService:
    """What a person does with their addresses and numbers. Whoever calls it has seen to a recent sign-in (SES-15)."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        limits: SendLimits,
        otp: OtpService,
        guesses: GuessService,
        notices: NoticeService,
    ) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._settings = settings
        self._keyring = keyring
        self._limits = limits
        self._otp = otp
        self._guesses = guesses
        self._notices = notices

    def of_user(self, user_id: str) -> list[Proven]:
        """All that a person has proven, the main one of each channel before the second."""
        with self._autocommit.connect() as connection:
            return proven_by(connection, user_id)

    def open_changes(self, user_id: str) -> list[Change]:
        """What of it can still be undone, the newest first."""
        with self._autocommit.connect() as connection:
            return open_changes(connection, user_id)

    def start(self, session: LiveSession, caller: Caller, destination: Destination, locale: str) -> SentCode:
        """Send a code to an address or number that the person wants to add.

        The same whether it is somebody else's: that is told after a right code only (OTP-21). Raises InvalidInput for
        what is the person's own, and what ``OtpService.send_code`` raises.
        """
        self._check_new(self.of_user(session.user.id), destination)
        return self._otp.send_code(destination, session_caller(session.id, caller), locale)

    def find_challenge(
        self, session: LiveSession, caller: Caller, challenge_id: str | None = None
    ) -> Challenge | None:
        """What this session waits for: this challenge of its own, or its newest one."""
        return self._otp.find_challenge(session_caller(session.id, caller), challenge_id)

    def finish(
        self,
        session: LiveSession,
        caller: Caller,
        destination: Destination,
        code: str,
        challenge_id: str | None = None,
        *,
        keep_former: bool = False,
    ) -> None:
        """Add what a right code proves: in place of the main one of its channel, or with ``keep_former`` beside it.

        Only a code that this very session asked for counts. Raises CodeRefused, InvalidInput, AlreadyRegistered for
        what is another person's (the code is used up then), AddressesFull, TooManyRequests.
        """
        self._check_room(self.of_user(session.user.id), destination, keep_former=keep_former)
        guess = self._guesses.guess(destination, code, session_caller(session.id, caller), challenge_id)
        with self._alone(session, account_key(self._keyring, destination)) as connection:
            if not guess.consume(connection):
                raise CodeRefused
            outcome = self._try_to_add(connection, session, caller, destination, keep_former=keep_former)
        if isinstance(outcome, PortalError):
            raise outcome
        self._notices.tell_addresses(session.user, outcome, caller)

    def choose_main(self, session: LiveSession, caller: Caller, destination: Destination) -> None:
        """Make the second one the main one. Raises NotFound for what is not the person's, TooManyRequests."""
        with self._alone(session) as connection:
            own = proven_by(connection, session.user.id)
            if self._find(own, destination).is_main:
                return
            former = next(one for one in of_channel(own, destination.channel) if one.is_main)
            # By way of a rank that nothing has: no two may have the same, not even within a statement.
            for one, rank in ((former.destination, 2), (destination, 0), (former.destination, 1)):
                connection.execute(sql.SET_RANK, _given(session, one) | {"new_rank": rank})
            change_id = note_change(connection, session.user.id, former, destination.value)
            self._record(connection, "main_address_chosen", session, caller, destination.channel)
            news = self._news(connection, session, "main_changed", former.destination, destination, change_id)
        self._notices.tell_addresses(session.user, news, caller)

    def remove(self, session: LiveSession, caller: Caller, destination: Destination) -> None:
        """Give up an address or number; a second one becomes the main one in its place.

        Raises NotFound for what is not the person's, LastAddress where nothing that codes go to would be left,
        TooManyRequests.
        """
        with self._alone(session) as connection:
            own = proven_by(connection, session.user.id)
            removed = self._find(own, destination)
            left = [one for one in own if one != removed]
            if not any(is_reachable(self._settings, one.destination) for one in left):
                raise LastAddress
            connection.execute(sql.REMOVE, _given(session, destination))
            connection.execute(sql.PROMOTE, _given(session, destination))
            others = of_channel(left, destination.channel)
            current = others[0].destination if others and removed.is_main else None
            change_id = self._note_removal(connection, session, removed, current, left)
            self._record(connection, "address_removed", session, caller, destination.channel)
            kind: NewsKind = "main_changed" if current else "removed"
            news = self._news(connection, session, kind, destination, current, change_id)
        self._notices.tell_addresses(session.user, news, caller)

    @contextmanager
    def _alone(self, session: LiveSession, *accounts: str) -> Iterator[Connection]:
        """A transaction that has the person's ledger, and these, to itself; the session lives until it ends."""
        now = utcnow()
        with self._engine.begin() as connection:
            for account in sorted((session.user.id, *accounts)):
                lock_ledger(connection, account, now)
            # Before the session, as whoever suspends the person does: neither waits for the other forever.
            connection.execute(sql.LOCK_USER, {"given_user": session.user.id})
            if not lock_live(connection, session.id, now):
                raise Unauthenticated
            bucket = self._limits.bucket("address-changes", session.user.id, _CHANGES_A_DAY, _DAY_S)
            self._limits.spend_each(connection, [bucket], now)
            yield connection

    def _try_to_add(
        self, connection: Connection, session: LiveSession, caller: Caller, new: Destination, *, keep_former: bool
    ) -> AddressNews | PortalError:
        """A refusal is returned, not raised: the code stays used up."""
        try:
            with connection.begin_nested():
                return self._add(connection, session, caller, new, keep_former=keep_former)
        except (AddressesFull, AlreadyRegistered, InvalidInput) as refusal:
            return refusal

    def _add(
        self, connection: Connection, session: LiveSession, caller: Caller, new: Destination, *, keep_former: bool
    ) -> AddressNews:
        own = proven_by(connection, session.user.id)
        self._check_room(own, new, keep_former=keep_former)
        others = of_channel(own, new.channel)
        former = others[0] if others and not keep_former else None
        if former is not None:
            connection.execute(sql.REMOVE, _given(session, former.destination))
        rank = 1 if others and keep_former else 0
        account = account_key(self._keyring, new)
        claim(connection, new, session.user.id, account, rank=rank, verified_at=utcnow())
        if former is None:
            self._record(connection, "address_added", session, caller, new.channel)
            return self._news(connection, session, "added", None, new, "")
        change_id = note_change(connection, session.user.id, former, new.value)
        self._record(connection, "address_changed", session, caller, new.channel)
        return self._news(connection, session, "main_changed", former.destination, new, change_id)

    def _note_removal(
        self,
        connection: Connection,
        session: LiveSession,
        removed: Proven,
        current: Destination | None,
        left: list[Proven],
    ) -> str:
        """The id of the change that can be undone; empty for a second one, and for one that came later than what is
        left where nothing takes its place. Or nobody could get rid of a stranger's, who undoes each removal.
        """
        older = [one for one in left if one.verified_at < removed.verified_at]
        has_older = any(is_reachable(self._settings, one.destination) for one in older)
        if removed.is_main and (current is not None or not has_older):
            return note_change(connection, session.user.id, removed, current.value if current else None)
        # Was it the main one until lately, that can still be undone, and its owner is told so again.
        changes = open_changes(connection, session.user.id)
        return next((change.id for change in changes if change.destination == removed.destination), "")

    def _news(
        self,
        connection: Connection,
        session: LiveSession,
        kind: NewsKind,
        former: Destination | None,
        current: Destination | None,
        change_id: str,
    ) -> AddressNews:
        """What is to be told, and to whom: all that is the person's now, and what was until now.

        Who can undo it must hear of it. Where a text message to them costs too much, nothing is changed: raises
        TooManyRequests (OTP-19).
        """
        if former is not None and change_id and is_reachable(self._settings, former):
            self._limits.spend_each(connection, self._limits.costs(former), utcnow())
        told = [one.destination for one in proven_by(connection, session.user.id)]
        if former is not None and former not in told:
            told.append(former)
        undo = undo_link_of(self._settings, self._keyring, change_id) if change_id else ""
        channel = (former or current or told[0]).channel
        return AddressNews(
            kind, channel, former.value if former else None, current.value if current else None, tuple(told), undo
        )

    @staticmethod
    def _record(connection: Connection, kind: EventKind, session: LiveSession, caller: Caller, channel: str) -> None:
        connection.execute(sql.TOUCH, {"given_user": session.user.id, "now": utcnow()})
        facts = {"channel": channel}
        record(connection, kind, Actor.of(caller), session.user.id, session_id=session.id, facts=facts)

    @staticmethod
    def _find(own: list[Proven], destination: Destination) -> Proven:
        for one in own:
            if one.destination == destination:
                return one
        raise NotFound

    @staticmethod
    def _check_new(own: list[Proven], destination: Destination) -> None:
        if any(one.destination == destination for one in own):
            raise InvalidInput(**{_FIELDS[destination.channel]: "already_yours"})

    def _check_room(self, own: list[Proven], new: Destination, *, keep_former: bool) -> None:
        self._check_new(own, new)
        if keep_former and len(of_channel(own, new.channel)) >= MOST_OF_A_CHANNEL:
            raise AddressesFull


def _given(session: LiveSession, destination: Destination) -> dict[str, str]:
    return {
        "given_user": session.user.id,
        "given_channel": destination.channel,
        "given_value": destination.value,
    }
