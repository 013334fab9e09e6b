"""Leaving: a person asks for deletion, has some days to take that back, and is erased then (PRIV-02).

While ``User.erase_at`` is set a right code opens no session; it only shows the way to take it back. What erasing does
is in ``erasure``.

The link that takes it back is open to whoever has the letter or has just typed a code. Its token is the user's id and
the second of erasure, encrypted and authenticated (AES-SIV, RFC 5297): so it tells nobody whose it is, that of an
earlier deletion is worthless, and nothing of it is stored. Opening it has no effect; its page's button has.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import Connection, Engine, or_, select, update

from auth_portal.background import Later
from auth_portal.db import autocommit, utcnow
from auth_portal.errors import NotFound
from auth_portal.models import User
from auth_portal.settings import Settings
from auth_portal.signin import challenge_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.belongings import destinations_of, reachable_of
from auth_portal.signin.endings import end_person
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits, lock_ledger
from auth_portal.signin.proven import is_reachable

_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")


@dataclass(frozen=True, slots=True)
class LeavingLetter:
    """What the letter about a deletion tells. ``erase_at`` and ``link`` are None where it cannot be taken back."""

    destination: Destination
    happened_at: datetime
    locale: str
    erase_at: datetime | None
    link: str | None
    caller: None = None


@dataclass(frozen=True, slots=True)
class Restorable:
    """What the page of a link has to say: whether there is something to take back, and until when."""

    state: Literal["ask", "over", "dead"]
    erase_at: datetime | None = None


class LeavingDeliverer(Protocol):
    """Who takes the letter out. Returns once it was accepted, or raises DeliveryFailed."""

    def send_account_deleted(self, letter: LeavingLetter) -> None:
        """Tell of a deletion."""


def restore_token(keyring: KeyRing, user_id: str, erase_at: datetime) -> str:
    """What the link holds that takes this deletion back."""
    about = bytes.fromhex(user_id) + int(erase_at.timestamp()).to_bytes(4)
    return base64.urlsafe_b64encode(AESSIV(keyring.keys("restore-links")[0]).encrypt(about, None)).decode()


def _read(keyring: KeyRing, token: str) -> tuple[str, datetime] | None:
    """Whom a token is about, and until when; None for what is no token of ours."""
    if not _TOKEN.fullmatch(token):
        return None
    sealed = base64.urlsafe_b64decode(token)
    for key in keyring.keys("restore-links"):
        try:
            about = AESSIV(key).decrypt(sealed, None)
        except InvalidTag:
            continue
        return about[:-4].hex(), datetime.fromtimestamp(int.from_bytes(about[-4:]), UTC)
    return None


class LeavingService:
    """Notes that somebody wants to be deleted, tells them, and takes it back."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        limits: SendLimits,
        deliverer: LeavingDeliverer,
        later: Later,
    ) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._settings = settings
        self.grace = settings.deletion_grace
        self._keyring = keyring
        self._limits = limits
        self._deliverer = deliverer
        self._later = later

    def request(self, user_id: str, actor: Actor, *, at_once: bool = False) -> datetime:
        """Sign the person out everywhere and have the account erased at the moment that is given back (SES-10).

        A second request changes nothing, unless it is ``at_once``. A letter goes to every address that is the
        person's, or was until lately: whoever took the account over must not be able to delete it unnoticed
        (OTP-31, PRIV-03). Raises NotFound.
        """
        now = utcnow()
        erase_at = (now if at_once else now + self.grace).replace(microsecond=0)
        with self._engine.begin() as connection:
            locale = close_account(connection, user_id, erase_at, actor)
            if locale is None:
                return self._pending_until(connection, user_id)
            told = [one for one in reachable_of(connection, user_id, now) if is_reachable(self._settings, one)]
        link = f"{self._settings.public_url}/account/restore/{restore_token(self._keyring, user_id, erase_at)}"
        for destination in told:
            self._tell(LeavingLetter(destination, now, locale, *(None, None) if at_once else (erase_at, link)))
        return erase_at

    def find(self, token: str) -> Restorable:
        """What a link would do. Changes nothing."""
        read = _read(self._keyring, token)
        if read is None:
            return Restorable("dead")
        user_id, erase_at = read
        with self._autocommit.connect() as connection:
            found = connection.execute(select(User.erase_at).where(User.id == user_id)).scalar()
        if found != erase_at:
            return Restorable("dead")
        return Restorable("ask" if erase_at > utcnow() else "over", erase_at)

    def restore(self, token: str, actor: Actor) -> bool:
        """Take the deletion back, once; the person may sign in again. A suspended one stays suspended."""
        read = _read(self._keyring, token)
        if read is None:
            return False
        user_id, erase_at = read
        with self._engine.begin() as connection:
            return undo_deletion(connection, user_id, actor, erase_at)

    def restore_user(self, user_id: str, actor: Actor) -> bool:
        """Take back whatever deletion somebody asked for; false where there is none or it is over."""
        with self._engine.begin() as connection:
            return undo_deletion(connection, user_id, actor)

    def _tell(self, letter: LeavingLetter) -> None:
        def job() -> None:
            if letter.destination.channel == "sms":
                # It counts, and leaves beyond the limit too: it has the link (OTP-19).
                with self._engine.begin() as connection:
                    self._limits.try_spend_costs(connection, letter.destination, utcnow())
            self._deliverer.send_account_deleted(letter)

        self._later(job)

    @staticmethod
    def _pending_until(connection: Connection, user_id: str) -> datetime:
        erase_at: datetime | None = connection.execute(select(User.erase_at).where(User.id == user_id)).scalar()
        if erase_at is None:
            raise NotFound
        return erase_at


def close_account(connection: Connection, user_id: str, erase_at: datetime, actor: Actor) -> str | None:
    """End in the caller's transaction all there is, and have the person erased at that moment, in whole seconds.

    The person's language; None where there is no such person, or the account is erased as early anyway.
    """
    now = utcnow()
    lock_ledger(connection, user_id, now)
    # First: whoever is signing in holds a code, so this waits for them, and their session is there to be ended.
    for destination in destinations_of(connection, user_id):
        values = {"given_channel": destination.channel, "given_destination": destination.value, "now": now}
        connection.execute(sql.KILL, values)
    sooner = or_(User.erase_at.is_(None), User.erase_at > erase_at)
    closed = update(User).where(User.id == user_id, sooner).values(erase_at=erase_at).returning(User.locale)
    locale: str | None = connection.execute(closed).scalar()
    if locale is not None:
        end_person(connection, user_id, now)
        record(connection, "deletion_requested", actor, user_id)
    return locale


def undo_deletion(connection: Connection, user_id: str, actor: Actor, erase_at: datetime | None = None) -> bool:
    """Take this very deletion back in the caller's transaction, or whichever there is; false where it is over."""
    now = utcnow()
    which = User.erase_at == erase_at if erase_at is not None else User.erase_at.is_not(None)
    undone = update(User).where(User.id == user_id, which, User.erase_at > now).values(erase_at=None)
    if connection.execute(undone).rowcount == 0:
        return False
    # Whatever slipped in when the deletion was asked for must not come to life.
    end_person(connection, user_id, now)
    record(connection, "deletion_undone", actor, user_id)
    return True
