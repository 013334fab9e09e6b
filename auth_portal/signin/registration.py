"""New people: from a proven address to a user.

Nothing of a user exists before the address is proven and the form is complete (pre-hijack rule). A
registration is completed once; whoever registers an address first has it.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.errors import AlreadyRegistered, InvalidInput, Unauthenticated
from auth_portal.models import Registration, User
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.claims import claim
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.limits import account_key, lock_ledger
from auth_portal.signin.sessions import OpenedSession, SessionService
from auth_portal.signin.users import Profile

NAME_LENGTH = 100
_BIDI_CONTROLS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MAX_SECRET = 128


@dataclass(frozen=True, slots=True)
class PendingRegistration:
    """A proven address that waits for the form. ``secret`` is the value of the browser's cookie."""

    id: str
    destination: Destination
    expires_at: datetime
    secret: str | None = None


def parse_name(text: str, field: str) -> str:
    """A name as stored: trimmed, 1 to NAME_LENGTH characters, some of them visible. Raises InvalidInput."""
    text = text.strip()
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in text):
        raise InvalidInput(**{field: "missing"})
    if len(text) > NAME_LENGTH:
        raise InvalidInput(**{field: "too_long"})
    if not is_printable(text):
        raise InvalidInput(**{field: "not_printable"})
    return text


def is_printable(text: str) -> bool:
    """Whether a text may be shown and mailed: nothing that controls, breaks lines or turns the reading direction.

    The joiners of category Cf stay: Persian names and emoji need them.
    """
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") or character in _BIDI_CONTROLS
        for character in text
    )


class RegistrationService:
    """Starts registrations for proven addresses, finds and completes them."""

    def __init__(self, engine: Engine, settings: Settings, keyring: KeyRing, sessions: SessionService) -> None:
        self._engine = engine
        self._keyring = keyring
        self._autocommit = autocommit(engine)
        self._ttl = settings.registration_ttl
        self._sessions = sessions

    def start(self, connection: Connection, destination: Destination, caller: Caller) -> PendingRegistration:
        """Note in the caller's transaction that this address was proven; a browser gets a secret for it."""
        now = utcnow()
        secret = secrets.token_urlsafe(32) if caller.is_browser else None
        pending = PendingRegistration(secrets.token_hex(16), destination, now + self._ttl, secret)
        row = {
            "id": pending.id,
            "channel": destination.channel,
            "destination": destination.value,
            "secret_hash": digest(secret) if secret else None,
            "created_at": now,
            "expires_at": pending.expires_at,
            "completed_at": None,
        }
        connection.execute(insert(Registration), row)
        return pending

    def find_by_secrets(
        self, secrets: Sequence[str], registration_id: str | None = None
    ) -> PendingRegistration | None:
        """Of the registrations that a browser's secrets still open, the one with this id, or the newest."""
        secrets = [secret for secret in secrets if 0 < len(secret) <= _MAX_SECRET]
        hashes = [digest(secret) for secret in secrets]
        if not hashes:
            return None
        with self._autocommit.connect() as connection:
            rows = connection.execute(_BY_SECRETS, {"hashes": hashes, "now": utcnow()}).all()
        for row in rows:
            if registration_id in (None, row.id):
                destination = Destination(row.channel, row.destination)
                secret = secrets[hashes.index(row.secret_hash)]
                return PendingRegistration(row.id, destination, row.expires_at, secret)
        return None

    def complete(
        self, registration_id: str, *, first_name: str, last_name: str, locale: str, caller: Caller
    ) -> OpenedSession:
        """Make the user and sign in. Names are what ``parse_name`` gave.

        Raises Unauthenticated for an unknown or expired registration, AlreadyRegistered where it was
        completed or the address has a user by now.
        """
        now = utcnow()
        user_id = secrets.token_hex(16)
        try:
            with self._engine.begin() as connection:
                proof = connection.execute(_COMPLETE, {"given_id": registration_id, "now": now}).first()
                if proof is None:
                    raise self._refusal(connection, registration_id)
                destination = Destination(proof.channel, proof.destination)
                former = account_key(self._keyring, destination)
                lock_ledger(connection, former, now)
                user = {"id": user_id, "first_name": first_name, "last_name": last_name, "locale": locale}
                dates = {"created_at": now, "terms_accepted_at": now}
                connection.execute(insert(User), user | dates)
                claim(connection, destination, user_id, former, rank=0, verified_at=proof.created_at)
                profile = _profile(proof, user_id, first_name, last_name, locale, now)
                record(connection, "registered", Actor.of(caller), user_id, facts={"channel": proof.channel})
                return self._sessions.open_session(connection, profile, caller, proof.channel)
        except IntegrityError as error:
            raise AlreadyRegistered from error

    @staticmethod
    def _refusal(connection: Connection, registration_id: str) -> Unauthenticated | AlreadyRegistered:
        completed_at = connection.execute(_COMPLETED_AT, {"given_id": registration_id}).scalar()
        return AlreadyRegistered() if completed_at else Unauthenticated()


def _profile(proof: AnyRow, user_id: str, first_name: str, last_name: str, locale: str, now: datetime) -> Profile:
    is_email = proof.channel == "email"
    email, phone = (proof.destination, None) if is_email else (None, proof.destination)
    return Profile(user_id, first_name, last_name, locale, now, email=email, phone=phone)


_BY_SECRETS = (
    select(
        Registration.id,
        Registration.channel,
        Registration.destination,
        Registration.expires_at,
        Registration.secret_hash,
    )
    .where(
        Registration.secret_hash.in_(bindparam("hashes", expanding=True)),
        Registration.completed_at.is_(None),
        Registration.expires_at > bindparam("now"),
    )
    .order_by(Registration.created_at.desc())
)
_COMPLETE = (
    update(Registration)
    .where(
        Registration.id == bindparam("given_id"),
        Registration.completed_at.is_(None),
        Registration.expires_at > bindparam("now"),
    )
    .values(completed_at=bindparam("now"))
    .returning(Registration.channel, Registration.destination, Registration.created_at)
)
_COMPLETED_AT = select(Registration.completed_at).where(Registration.id == bindparam("given_id"))
