"""New people: from a proven address to a user.

Nothing of a user exists before the address is proven and the form is complete (pre-hijack rule). An address has one
open registration, wherever it is proven, and that is completed once: from the device that is first.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, case, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.db import AnyRow, autocommit, upsert, utcnow
from auth_portal.errors import AlreadyRegistered, Unauthenticated
from auth_portal.models import Registration, User
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.claims import claim, hold_challenges
from auth_portal.signin.events import Actor, record
from auth_portal.signin.fields import Value, kept_values
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.limits import account_key, lock_ledger
from auth_portal.signin.notices import NoticeService
from auth_portal.signin.sessions import OpenedSession, SessionService
from auth_portal.signin.texts import parse_line
from auth_portal.signin.users import Profile

NAME_LENGTH = 100
_MAX_SECRET = 128


@dataclass(frozen=True, slots=True)
class PendingRegistration:
    """A proven address that waits for the form. ``secret`` is the value of the browser's cookie.

    ``draft``: what was typed in the form before, as ``keep_draft`` was given it.
    """

    id: str
    destination: Destination
    expires_at: datetime
    secret: str | None = None
    draft: Mapping[str, Any] | None = None

    @property
    def hint(self) -> str:
        """Enough of the address or number for its owner to know it by."""
        value = self.destination.value
        name, at, domain = value.rpartition("@")
        return f"{name[:1]}…@{domain}" if at else f"…{value[-2:]}"


def parse_name(text: str, field: str) -> str:
    """A name as stored, see ``parse_line``. Raises InvalidInput."""
    return parse_line(text, field, NAME_LENGTH)


class RegistrationService:
    """Starts registrations for proven addresses, finds and completes them."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        sessions: SessionService,
        notices: NoticeService,
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._autocommit = autocommit(engine)
        self._ttl = settings.registration_ttl
        self._is_closed = settings.signup == "closed"
        self._terms_version = settings.terms_version
        self._sessions = sessions
        self._notices = notices

    def start(self, connection: Connection, destination: Destination, caller: Caller) -> PendingRegistration:
        """Note in the caller's transaction that this address was proven; a browser gets a secret for it.

        Was it proven before, on whatever device, that registration goes on, and ends when it would have ended.
        """
        now = utcnow()
        new_id = secrets.token_hex(16)
        row = {
            "id": new_id,
            "channel": destination.channel,
            "destination": destination.value,
            "secret_hash": digest(self._keyring.registration_secrets(new_id)[0]),
            "created_at": now,
            "expires_at": now + self._ttl,
            "proven_at": now,
            "completed_at": None,
            "draft": None,
        }
        begun = upsert(connection.dialect.name)(Registration).values(row)
        is_live = Registration.expires_at > now
        going_on = {name: case((is_live, getattr(Registration, name)), else_=begun.excluded[name]) for name in _LASTS}
        going_on["proven_at"] = begun.excluded.proven_at
        open_one = begun.on_conflict_do_update(
            index_elements=["channel", "destination"], index_where=Registration.completed_at.is_(None), set_=going_on
        )
        columns = (Registration.id, Registration.secret_hash, Registration.expires_at)
        found = connection.execute(open_one.returning(*columns)).one()
        secret = self._secret(connection, found) if caller.is_browser else None
        return PendingRegistration(found.id, destination, found.expires_at, secret)

    def _secret(self, connection: Connection, found: AnyRow) -> str:
        """The secret that opens a registration."""
        derived = self._keyring.registration_secrets(found.id)
        for secret in derived:
            if digest(secret) == found.secret_hash:
                return secret
        # Its key is honoured no more; the browser that had a secret by it must prove the address again, too.
        changed = update(Registration).where(Registration.id == found.id).values(secret_hash=digest(derived[0]))
        connection.execute(changed)
        return derived[0]

    def find_by_secrets(
        self, secrets: Sequence[str], registration_id: str | None = None, *, is_open: bool = True
    ) -> PendingRegistration | None:
        """Of the registrations that a browser's secrets are for, the one with this id, or the newest.

        Not ``is_open``: of those that were completed, on whatever device. While sign-up is closed none is open.
        """
        secrets = [secret for secret in secrets if 0 < len(secret) <= _MAX_SECRET]
        hashes = [digest(secret) for secret in secrets]
        if not hashes or (is_open and self._is_closed):
            return None
        with self._autocommit.connect() as connection:
            rows = connection.execute(_BY_SECRETS, {"hashes": hashes, "now": utcnow()}).all()
        for row in rows:
            if registration_id in (None, row.id) and (row.completed_at is None) is is_open:
                destination = Destination(row.channel, row.destination)
                secret = secrets[hashes.index(row.secret_hash)]
                return PendingRegistration(row.id, destination, row.expires_at, secret, row.draft)
        return None

    def keep_draft(self, registration_id: str, draft: Mapping[str, Any]) -> None:
        """Keep what was good in a form that had a fault: it is there again in whichever browser goes on."""
        with self._autocommit.connect() as connection:
            values = {"given_id": registration_id, "kept": dict(draft), "now": utcnow()}
            connection.execute(_KEEP_DRAFT, values)

    def complete(
        self,
        registration_id: str,
        *,
        first_name: str,
        last_name: str,
        locale: str,
        caller: Caller,
        fields: Mapping[str, Value | None] | None = None,
    ) -> OpenedSession:
        """Make the user and sign in; a welcome follows. Names are what ``parse_name`` gave, ``fields`` what
        ``parse_fields`` did.

        Raises Unauthenticated for an unknown or expired registration and while sign-up is closed, AlreadyRegistered
        where it was completed or the address has a user by now.
        """
        if self._is_closed:
            raise Unauthenticated
        person = {
            "id": secrets.token_hex(16),
            "first_name": first_name,
            "last_name": last_name,
            "locale": locale,
            "created_at": utcnow(),
            "terms_version": self._terms_version,
            "fields": kept_values(None, fields or {}),
        }
        try:
            with self._engine.begin() as connection:
                opened = self._open(connection, registration_id, person, caller)
        except IntegrityError as error:
            raise AlreadyRegistered from error
        self._notices.welcome(opened.user, caller)
        return opened

    def _open(
        self, connection: Connection, registration_id: str, person: dict[str, Any], caller: Caller
    ) -> OpenedSession:
        now = person["created_at"]
        former = self._hold_ledger(connection, registration_id, now)
        proof = connection.execute(_COMPLETE, {"given_id": registration_id, "now": now}).first()
        if proof is None:
            raise self._refusal(connection, registration_id)
        profile = _make_user(connection, proof, person, former)
        record(connection, "registered", Actor.of(caller), profile.id, facts={"channel": proof.channel})
        # A form that was completed hours after the code is no fresh sign-in (SES-15).
        proven_at = proof.proven_at or proof.created_at
        return self._sessions.open_session(connection, profile, caller, proof.channel, proven_at=proven_at)

    def _hold_ledger(self, connection: Connection, registration_id: str, now: datetime) -> str:
        """Wait for whoever guesses at the address; the name of its ledger.

        Before the registration: who types a code holds that, and needs the registration next.
        """
        found = connection.execute(_DESTINATION, {"given_id": registration_id}).first()
        if found is None:
            raise Unauthenticated
        former = account_key(self._keyring, Destination(found.channel, found.destination))
        lock_ledger(connection, former, now)
        hold_challenges(connection, former)
        return former

    @staticmethod
    def _refusal(connection: Connection, registration_id: str) -> Unauthenticated | AlreadyRegistered:
        completed_at = connection.execute(_COMPLETED_AT, {"given_id": registration_id}).scalar()
        return AlreadyRegistered() if completed_at else Unauthenticated()


def _make_user(connection: Connection, proof: AnyRow, person: dict[str, Any], former: str) -> Profile:
    profile = _profile(proof, person)
    connection.execute(insert(User), {**person, "terms_accepted_at": profile.created_at})
    destination = Destination(proof.channel, proof.destination)
    claim(connection, destination, profile.id, former, rank=0, verified_at=proof.created_at)
    return profile


def _profile(proof: AnyRow, person: dict[str, Any]) -> Profile:
    is_email = proof.channel == "email"
    email, phone = (proof.destination, None) if is_email else (None, proof.destination)
    return Profile(**person, email=email, phone=phone)


_LASTS = ("id", "secret_hash", "created_at", "expires_at", "draft")
"""What a registration keeps until it is over, however often its address is proven."""
_IS_LIVE = (Registration.completed_at.is_(None), Registration.expires_at > bindparam("now"))
_BY_SECRETS = (
    select(
        Registration.id,
        Registration.channel,
        Registration.destination,
        Registration.expires_at,
        Registration.completed_at,
        Registration.secret_hash,
        Registration.draft,
    )
    .where(
        Registration.secret_hash.in_(bindparam("hashes", expanding=True)), Registration.expires_at > bindparam("now")
    )
    .order_by(Registration.created_at.desc())
)
_KEEP_DRAFT = (
    update(Registration).where(Registration.id == bindparam("given_id"), *_IS_LIVE).values(draft=bindparam("kept"))
)
_COMPLETE = (
    update(Registration)
    .where(Registration.id == bindparam("given_id"), *_IS_LIVE)
    .values(completed_at=bindparam("now"), draft=null())
    .returning(Registration.channel, Registration.destination, Registration.created_at, Registration.proven_at)
)
_DESTINATION = select(Registration.channel, Registration.destination).where(Registration.id == bindparam("given_id"))
_COMPLETED_AT = select(Registration.completed_at).where(Registration.id == bindparam("given_id"))
