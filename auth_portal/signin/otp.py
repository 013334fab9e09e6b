"""The one-time-code service behind every door: send a code, verify a code.

A challenge is one code for one destination, held by the caller that asked. What must happen once is one
conditional statement: spending a send, opening or re-sending the challenge, taking an attempt, consuming the code.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy import Connection, Engine

from auth_portal.background import Later
from auth_portal.db import autocommit, utcnow
from auth_portal.errors import DeliveryFailed, ResendTooSoon
from auth_portal.settings import Settings
from auth_portal.signin import challenges
from auth_portal.signin.addresses import Destination
from auth_portal.signin.buckets import Bucket
from auth_portal.signin.callers import Caller
from auth_portal.signin.codes import derive_code
from auth_portal.signin.entry import EntryService
from auth_portal.signin.flood import alias_bucket, open_shared
from auth_portal.signin.guesses import GuessService
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits, Spent
from auth_portal.signin.links import link_of, not_me_link_of
from auth_portal.signin.proof_of_work import ProofOfWork
from auth_portal.signin.registration import PendingRegistration
from auth_portal.signin.sessions import OpenedSession
from auth_portal.signin.site_ledger import SiteLedger

_CHALLENGE_ID = re.compile(r"[0-9a-f]{32}")
FOREIGN_ATTEMPTS = 2
"""Guesses that API callers from other networks, without a handle, may have of those that a challenge has."""


@dataclass(frozen=True, slots=True)
class AskingApp:
    """The app that a person signs in to: its name and colour (``#rrggbb``)."""

    name: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class CodeLetter:
    """What a code's letter tells. ``link`` signs in without typing; ``not_me`` stops the code; ``app`` asked.

    ``purpose``: the code signs in, or proves one more address or number of somebody who is signed in (OTP-31).
    """

    destination: Destination
    code: str
    lives_for_s: int
    asked_at: datetime
    caller: Caller
    locale: str
    link: str | None
    not_me: str
    app: AskingApp | None = None
    purpose: Literal["sign_in", "add_address"] = "sign_in"


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


@dataclass(frozen=True, slots=True)
class _Opened:
    """A challenge, the buckets that its letter spent, whose it is, and whether and when a letter leaves."""

    challenge: challenges.Challenge
    buckets: Sequence[Bucket]
    is_known: bool
    has_letter: bool = True
    is_later: bool = False


class _LedgerMoved(Exception):
    """The address got its user, or lost it, while this request waited for the ledger that it had before."""


class OtpService:
    """Sends codes and verifies them; opens what a right code opens."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        limits: SendLimits,
        site: SiteLedger,
        proofs: ProofOfWork,
        guesses: GuessService,
        entry: EntryService,
        deliverer: Deliverer,
        later: Later,
    ) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._settings = settings
        self._keyring = keyring
        self._limits = limits
        self._site = site
        self._proofs = proofs
        self._guesses = guesses
        self._entry = entry
        self._deliverer = deliverer
        self._later = later
        self._statements = challenges.Statements(engine.dialect.name, settings, keyring.code_key_ids)
        self.code_lengths = settings.code_lengths
        """Every length that a code may have."""

    def send_code(
        self,
        destination: Destination,
        caller: Caller,
        locale: str,
        proof: str = "",
        app: AskingApp | None = None,
    ) -> SentCode:
        """Send the caller's code for this destination: a new one, or the one that still lives, again.

        The same for known and unknown destinations (OTP-21). The length follows the guess budget; where a flood
        has used up the inbox's sends, the code is long and shared, and has its letter once (OTP-20). ``proof``: a
        solved puzzle of the caller's network, which passes a full source and a full site once (OTP-40). Raises
        ResendTooSoon, TooManyRequests or DeliveryFailed.
        """
        now = utcnow()
        ticket = self._proofs.check(proof, caller.network) if proof else None
        try:
            opened = self._open(destination, caller, ticket, now)
        except _LedgerMoved:
            opened = self._open(destination, caller, ticket, now)
        challenge = opened.challenge
        code = self._get_code(challenge)
        if opened.has_letter and opened.is_later:
            self._later(lambda: self._deliver(opened, code, caller, locale, app, now))
        elif opened.has_letter:
            self._deliver(opened, code, caller, locale, app, now)
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

        Raises CodeRefused, AccountSuspended, or InvalidInput for a code of another length than the caller's (OTP-28).
        """
        guess = self._guesses.guess(destination, code, caller, challenge_id)
        return self._entry.enter(destination, caller, guess.consume, is_suspicious=guess.is_suspicious)

    def find_challenge(self, caller: Caller, challenge_id: str | None = None) -> challenges.Challenge | None:
        """What a browser waits for: this challenge of its own, or its newest one."""
        if challenge_id is not None and not _CHALLENGE_ID.fullmatch(challenge_id):
            return None
        with self._autocommit.connect() as connection:
            return self._statements.find(connection, caller.key, challenge_id, utcnow())

    def _open(self, destination: Destination, caller: Caller, ticket: str | None, now: datetime) -> _Opened:
        buckets = self._limits.buckets(destination, caller.network, ticket)
        site_spent = self._site.spent_lengths()
        with self._engine.begin() as connection:
            spent = self._limits.spend(connection, destination, caller.devices, buckets, now)
            draft = challenges.Draft(
                id=secrets.token_hex(16),
                destination=destination,
                caller=caller,
                account=spent.account,
                is_known=spent.is_known,
                key_id=self._keyring.code_key_id,
                attempts=self._settings.code_attempts,
                foreign_attempts=FOREIGN_ATTEMPTS if caller.may_guess_elsewhere else 0,
                now=now,
                expires_at=now + self._settings.code_ttl,
                resend_before=now - self._settings.resend_after,
                site_spent=site_spent,
            )
            if spent.full:
                return self._open_in_flood(connection, draft, spent)
            challenge = self._statements.open(connection, draft)
            if challenge is None:
                newest = self._statements.newest(connection, destination, caller.key, now)
                if newest is None or newest.sent_at <= draft.resend_before:
                    raise _LedgerMoved
                raise self._too_soon(newest, now)
        return _Opened(challenge, spent.filled, is_known=spent.is_known)

    def _open_in_flood(self, connection: Connection, draft: challenges.Draft, spent: Spent) -> _Opened:
        """A limit is reached. Where it is only the inbox's, those who hold no code share the next one."""
        newest = self._statements.newest(connection, draft.destination, draft.caller.key, draft.now)
        is_used = newest is not None and newest.consumed_at is not None and draft.caller.is_browser
        if newest is not None and not is_used and draft.resend_before < newest.sent_at <= draft.now:
            raise self._too_soon(newest, draft.now)
        code_left = None
        if newest is not None and newest.is_open(draft.now):
            code_left = math.ceil((newest.expires_at - draft.now).total_seconds())
        refusal = self._limits.refusal(connection, spent.full, draft.now, code_left)
        if refusal is not None:
            raise refusal
        challenge, is_first = open_shared(connection, self._keyring, draft)
        # Somebody can make as many aliases of one mailbox as they like: they bring letters to users, else few.
        alias = alias_bucket(self._limits, draft.destination)
        is_welcome = alias is None or self._limits.try_spend(connection, alias, draft.now) or spent.is_known
        if not (is_first and is_welcome):
            # What fills no inbox fills nothing of the site: one flooded inbox must not close it to others.
            self._limits.refund(connection, [bucket for bucket in spent.filled if bucket.is_site or bucket.is_cost])
        return _Opened(
            challenge,
            spent.filled,
            is_known=spent.is_known,
            has_letter=is_first and is_welcome,
            # Whether an alias has a letter tells whether it has a user: nobody may see how long that takes.
            is_later=alias is not None,
        )

    def _too_soon(self, newest: challenges.Challenge | None, now: datetime) -> ResendTooSoon:
        wait = (newest.sent_at + self._settings.resend_after - now).total_seconds() if newest else 0
        return ResendTooSoon(retry_after=max(1, math.ceil(wait)))

    def _deliver(
        self,
        opened: _Opened,
        code: str,
        caller: Caller,
        locale: str,
        app: AskingApp | None,
        now: datetime,
    ) -> None:
        challenge = opened.challenge
        letter = CodeLetter(
            destination=challenge.destination,
            code=code,
            lives_for_s=math.ceil((challenge.expires_at - now).total_seconds()),
            asked_at=now,
            caller=caller,
            locale=locale,
            link=link_of(self._settings, self._keyring, challenge.seed) if caller.is_browser else None,
            not_me=not_me_link_of(self._settings, self._keyring, challenge.seed),
            app=app,
            purpose="add_address" if caller.is_session else "sign_in",
        )
        try:
            if self._settings.signup == "open" or opened.is_known or caller.is_session:
                self._deliverer.send_code(letter)
            else:
                self._deliverer.send_no_account(letter)
        except Exception as error:
            # Whatever went wrong, nobody took the letter: the person must be able to try again at once.
            self._withdraw(opened, is_paid=isinstance(error, DeliveryFailed) and error.may_have_left)
            raise

    def _withdraw(self, opened: _Opened, *, is_paid: bool) -> None:
        """Take back what was not delivered, not what is paid: a retry is possible, an older code lives on."""
        challenge = opened.challenge
        with self._engine.begin() as connection:
            earlier = challenge.sent_at - self._settings.resend_after
            self._statements.withdraw(connection, challenge, earlier, utcnow())
            self._limits.refund(connection, [bucket for bucket in opened.buckets if not (is_paid and bucket.is_cost)])

    def _get_code(self, challenge: challenges.Challenge) -> str:
        code = derive_code(self._keyring, challenge.key_id, challenge.seed, challenge.code_length)
        if code is None:
            raise RuntimeError("a challenge outlived the key of its code")
        return code
