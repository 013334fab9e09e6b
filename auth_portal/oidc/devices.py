"""Devices without a keyboard: they show a short code, and their person answers in a browser elsewhere (RFC 8628)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import AccessDeniedError
from authlib.oauth2.rfc8628 import AuthorizationPendingError, ExpiredTokenError, SlowDownError
from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.models import DeviceCode as Row
from auth_portal.oidc.clients import Client
from auth_portal.signin.endings import lock_live
from auth_portal.signin.keyring import digest
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.sessions import LiveSession

DEVICE_CODE_TTL = timedelta(minutes=10)
INTERVAL_S = 5
"""How long a device waits between two polls; five more each time it is hasty (3.5)."""
_MAX_INTERVAL_S = 60
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants, so that no word comes out; 8 of 20 are 34 bits (6.1)."""
_LENGTH = 8
_MAX_CODE = 128
_WRONG_CODES = 10
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A device that waits. ``state``: pending, approved, denied or used."""

    device_hash: str
    client_id: str
    scope: str
    state: str
    user_id: str | None
    authenticated_at: datetime | None
    interval_s: int
    polled_at: datetime | None
    created_at: datetime
    expires_at: datetime
    parameters: Mapping[str, Any]

    @property
    def channel(self) -> str:
        """What the code came by that its person signed in with, once that is known."""
        return str(self.parameters.get("channel", "email"))


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Both codes of a device; each is told once."""

    device_code: str
    user_code: str


def plain_user_code(typed: str) -> str:
    """The letters of a user code; case and separators do not matter (6.1). Empty where it can be none."""
    plain = "".join(letter for letter in typed[:64].upper() if letter.isalpha())
    return plain if len(plain) == _LENGTH else ""


def spell_user_code(plain: str) -> str:
    """A user code in two groups, as the device shows it."""
    return f"{plain[:4]}-{plain[4:]}"


class DeviceCodes:
    """Issues device codes, lets people answer them, and exchanges each once."""

    def __init__(self, engine: Engine, limits: SendLimits) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._limits = limits

    def issue(self, client: Client, scope: str, asked_by: Mapping[str, str]) -> NewDevice:
        """Codes for a device of this client. ``asked_by``: device and network as told to the person (5.4)."""
        now = utcnow()
        new = NewDevice(secrets.token_urlsafe(32), "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))
        row = {
            "device_hash": digest(new.device_code),
            "user_code_hash": digest(new.user_code),
            "client_id": client.id,
            "scope": scope,
            "parameters": dict(asked_by),
            "state": "pending",
            "interval_s": INTERVAL_S,
            "created_at": now,
            "expires_at": now + DEVICE_CODE_TTL,
        }
        with self._autocommit.connect() as connection:
            connection.execute(insert(Row), row)
        return NewDevice(new.device_code, spell_user_code(new.user_code))

    def find(self, device_code: str) -> WaitingDevice | None:
        """The device with this code, over or not."""
        if not 0 < len(device_code) <= _MAX_CODE:
            return None
        return self._first(_BY_DEVICE, {"hash": digest(device_code)})

    def find_waiting(self, user_code: str) -> WaitingDevice | None:
        """The device that waits for this user code, however it was typed."""
        plain = plain_user_code(user_code)
        return self._first(_WAITING, {"hash": digest(plain), "now": utcnow()}) if plain else None

    def guess(self, user_code: str, user_id: str, network: str) -> WaitingDevice | None:
        """The device that waits for a code which a person typed; wrong ones are bounded for person and network.

        The guess is spent before it is looked at, so that many at once are no more, and given back if it was right
        (OP-64). Raises TooManyRequests.
        """
        subjects = (f"user:{user_id}", f"network:{network}")
        buckets = [self._limits.bucket("device-codes", subject, _WRONG_CODES, _HOUR_S) for subject in subjects]
        # Always in one order, so that no two wait for each other.
        buckets.sort(key=lambda bucket: bucket.key)
        now = utcnow()
        with self._engine.begin() as connection:
            full = [bucket for bucket in buckets if not self._limits.try_spend(connection, bucket, now)]
            refusal = self._limits.refusal(connection, full, now, None)
            if refusal is not None:
                raise refusal
        found = self.find_waiting(user_code)
        if found is not None:
            with self._engine.begin() as connection:
                self._limits.refund(connection, buckets)
        return found

    def answer(self, device: WaitingDevice, session: LiveSession, *, is_approved: bool) -> bool:
        """Note what the person said, once; false where it was answered before, or it or the session is over."""
        values = {
            "given_hash": device.device_hash,
            "answer": "approved" if is_approved else "denied",
            "user_id": session.user.id,
            "proven_at": session.authenticated_at,
            # Nobody else writes them: what was read is what is there.
            "told": {**device.parameters, "channel": session.channel},
            "now": utcnow(),
        }
        with self._engine.begin() as connection:
            # What ends the session waits for this, and finds the device that was let in.
            is_live = lock_live(connection, session.id, utcnow())
            return is_live and connection.execute(_ANSWER, values).rowcount == 1

    def check_poll(self, device: WaitingDevice) -> None:
        """Raise what the device is to be told; nothing where it may have its tokens now (3.5)."""
        now = utcnow()
        if device.expires_at <= now or device.state == "used":
            raise ExpiredTokenError()
        if device.state == "denied":
            raise AccessDeniedError()
        if device.state == "approved":
            return
        is_hasty = device.polled_at is not None and now < device.polled_at + timedelta(seconds=device.interval_s)
        interval = min(device.interval_s + (INTERVAL_S if is_hasty else 0), _MAX_INTERVAL_S)
        with self._autocommit.connect() as connection:
            connection.execute(_POLLED, {"given_hash": device.device_hash, "now": now, "interval": interval})
        raise SlowDownError() if is_hasty else AuthorizationPendingError()

    def exchange(self, device: WaitingDevice, redeem: Callable[[Connection], str | None]) -> tuple[bool, str | None]:
        """Use the approval up and do what it is for, in one transaction; false where another poll was first."""
        values = {"given_hash": device.device_hash, "now": utcnow()}
        with self._engine.begin() as connection:
            is_first = connection.execute(_USE, values).rowcount == 1
            return is_first, redeem(connection) if is_first else None

    def _first(self, statement: Any, values: dict[str, Any]) -> WaitingDevice | None:
        with self._autocommit.connect() as connection:
            row = connection.execute(statement, values).first()
        return _device(row) if row else None


def _device(row: AnyRow) -> WaitingDevice:
    return WaitingDevice(*row)


_COLUMNS = (
    Row.device_hash,
    Row.client_id,
    Row.scope,
    Row.state,
    Row.user_id,
    Row.authenticated_at,
    Row.interval_s,
    Row.polled_at,
    Row.created_at,
    Row.expires_at,
    Row.parameters,
)
_BY_DEVICE = select(*_COLUMNS).where(Row.device_hash == bindparam("hash"))
_WAITING = select(*_COLUMNS).where(
    Row.user_code_hash == bindparam("hash"), Row.state == "pending", Row.expires_at > bindparam("now")
)
_GIVEN = Row.device_hash == bindparam("given_hash")
_ANSWER = (
    update(Row)
    .where(_GIVEN, Row.state == "pending", Row.expires_at > bindparam("now"))
    .values(
        state=bindparam("answer"),
        user_id=bindparam("user_id"),
        authenticated_at=bindparam("proven_at"),
        parameters=bindparam("told"),
    )
)
_POLLED = update(Row).where(_GIVEN).values(polled_at=bindparam("now"), interval_s=bindparam("interval"))
_USE = update(Row).where(_GIVEN, Row.state == "approved", Row.expires_at > bindparam("now")).values(state="used")
