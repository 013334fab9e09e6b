"""How often codes may be sent: leaky buckets in the database, tested and spent by one statement.

A bucket of n holds n sends at once and empties at n in its window. Tested before anything is decided about the
person, and the same for known and unknown addresses (OTP-19, OTP-22). All nodes share them. A known device has
buckets of its own, so that floods from elsewhere do not reach it (OTP-17). A proof of work passes whatever is full
and not the inbox's, once (OTP-40).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import Connection

from auth_portal.db import CLOCK_SKEW
from auth_portal.errors import TooManyRequests
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination, inbox_of
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.limits_sql import LEDGER, LOCK_LEDGER, READ, REFUND, SPEND_ONE, spend_statement
from auth_portal.signin.proof_of_work import REMEMBERED

log = structlog.get_logger("limits")

_HOUR = 3_600
_DAY = 86_400
_SITE = "site-hour"
_PROOF, _PROOFS = "proof", "proofs-hour"
_OF_PROOF = (_PROOF, _PROOFS)
SITE_PARTS = 16
"""Rows that share the site's limit, so that sends to different addresses seldom wait for each other."""
_ALARM_EVERY = timedelta(minutes=1)
MOST_DEVICES = 4
"""Known-device secrets that one request is asked for: as many people as share a browser."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of one caller: at most ``quota`` at once, emptied in ``window`` seconds."""

    key: str
    kind: str
    quota: int
    window: int

    @property
    def increment(self) -> int:
        """What one send fills, in milliseconds of emptying."""
        return self.window * 1000 // self.quota

    @property
    def is_inbox(self) -> bool:
        """Whether it limits one inbox. No proof passes it: beyond it, all who ask share a code (OTP-20)."""
        return self.kind.startswith("inbox-")

    @property
    def is_site(self) -> bool:
        """Whether it is a part of the whole site's limit."""
        return self.kind == _SITE

    def of_device(self, device: str) -> Bucket:
        """What a known device has in its place; a ticket is the same whoever holds it."""
        return self if self.kind == _PROOF else replace(self, key=f"{self.kind}:{device}")


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of spending: whose ledger was locked, the buckets that were filled, and those that refuse.

    ``account`` is the destination's user, or the keyed hash it is given while there is none, and it is not known.
    """

    account: str
    is_known: bool
    filled: list[Bucket]
    full: list[Bucket]


class SendLimits:
    """The buckets of a send, and what fills, empties and reads them."""

    def __init__(self, settings: Settings, keyring: KeyRing) -> None:
        self._keyring = keyring
        # Without a limit for each source somebody measures, or tries the portal out: nothing limits the site either.
        site = settings.sends_per_site_per_hour if settings.sends_per_source_per_hour else 0
        quotas = {
            "inbox-hour": (settings.sends_per_inbox_per_hour, _HOUR),
            "inbox-day": (settings.sends_per_inbox_per_day, _DAY),
            "source-hour": (settings.sends_per_source_per_hour, _HOUR),
            _SITE: (math.ceil(site / SITE_PARTS), _HOUR),
        }
        self._quotas = {kind: quota for kind, quota in quotas.items() if quota[0] > 0}
        self._spend = {
            (rows, knows): spend_statement(rows, _OWN_DEVICE if knows else None)
            for rows in range(len(self._quotas) + len(_OF_PROOF) + 1)
            for knows in (False, True)
        }
        self._alarm = _SiteAlarm(site)

    def buckets(self, destination: Destination, network: str, ticket: str | None = None) -> list[Bucket]:
        """The buckets of a send, in the one order in which they are locked: no two can wait for each other.

        ``ticket``: of a proof of work, which is good for one send. By proofs a source gets its quota once more.
        """
        found = [
            Bucket(self._keyring.limit_key(f"{kind}:{self._subject(kind, destination, network)}"), kind, *quota)
            for kind, quota in self._quotas.items()
        ]
        if ticket is not None:
            # Without a key of ours, for a ticket is a random number: it stays spent when SECRET_KEY changes.
            found.append(Bucket(digest(f"proof:{ticket}"), _PROOF, 1, int(REMEMBERED.total_seconds())))
            found.append(self.bucket(_PROOFS, network, *self._quotas.get("source-hour", (1, _HOUR))))
        return sorted(found, key=lambda bucket: bucket.key)

    def bucket(self, kind: str, subject: str, quota: int, window: int) -> Bucket:
        """A bucket for something else that must not happen too often."""
        return Bucket(self._keyring.limit_key(f"{kind}:{subject}"), kind, quota, window)

    def spend(
        self,
        connection: Connection,
        destination: Destination,
        devices: Sequence[str],
        buckets: Sequence[Bucket],
        now: datetime,
    ) -> Spent:
        """Lock the destination's ledger, and fill each bucket by one send where that does not overflow.

        ``devices``: hashes of the known-device secrets that the caller holds; where one is this destination's, its
        own buckets are filled instead, and nothing of the site's. A ticket that is spent by this passes all that is
        full but the inbox's, as long as the source has proofs left; one that was spent before is none. The caller's
        transaction must roll back what it does not want.
        """
        nobody = account_key(self._keyring, destination)
        values = _values(buckets, now) | {
            "account": nobody,
            "channel": destination.channel,
            "destination": destination.value,
        }
        if devices:
            values |= _own_values(buckets, now) | device_values(devices) | {"moment": now}
        rows = self._spend[len(buckets), bool(devices)].run(connection, values)
        written: list[tuple[str, str]] = [(row.kind, row.key) for row in rows]
        kinds = {kind for kind, _key in written}
        device, account = next(
            (kind, key) for kind, key in written if kind not in self._quotas and kind not in _OF_PROOF
        )
        if device != LEDGER:
            buckets = [bucket.of_device(device) for bucket in buckets if not bucket.is_site]
        full = [bucket for bucket in buckets if bucket.kind not in kinds]
        if any(bucket.is_site for bucket in full):
            self._alarm.ring(now)
        return Spent(
            account=account,
            is_known=account != nobody,
            filled=[bucket for bucket in buckets if bucket.kind in kinds],
            full=_refusing(full, has_ticket=_PROOF in kinds),
        )

    def _subject(self, kind: str, destination: Destination, network: str) -> str:
        """Whom a limit of this kind is about."""
        if kind == _SITE:
            return str(int(account_key(self._keyring, destination), 16) % SITE_PARTS)
        return network if kind == "source-hour" else f"{destination.channel}:{inbox_of(destination)}"

    @staticmethod
    def try_spend(connection: Connection, bucket: Bucket, now: datetime) -> bool:
        """Fill one bucket alone; false where it is full."""
        return SPEND_ONE.run(connection, _values([bucket], now)).first() is not None

    @staticmethod
    def refund(connection: Connection, buckets: Iterable[Bucket]) -> None:
        """Give a send back that was not delivered."""
        for bucket in buckets:
            connection.execute(REFUND, {"key": bucket.key, "increment": bucket.increment})

    @staticmethod
    def spent_until(connection: Connection, bucket: Bucket) -> int | None:
        """When a bucket will be empty, in milliseconds since the epoch."""
        found: int | None = connection.execute(READ, {"key": bucket.key}).scalar()
        return found

    def refusal(
        self, connection: Connection, full: Iterable[Bucket], now: datetime, code_left: int | None
    ) -> TooManyRequests | None:
        """What full buckets mean to a caller; None where it may share the inbox's long code (OTP-20).

        A full source or site refuses everybody without a proof of work (OTP-40). A full inbox refuses only who holds
        a code: once that is over, in ``code_left`` seconds, there will be a shared one. The longest wait is told.
        """
        waits = []
        for bucket in full:
            wait = self._wait(connection, bucket, now)
            if not bucket.is_inbox:
                waits.append((wait, bucket))
            elif code_left is not None:
                waits.append((min(wait, code_left), bucket))
        if not waits:
            return None
        wait, bucket = max(waits, key=lambda pair: pair[0])
        return TooManyRequests(
            retry_after=wait,
            limit=bucket.kind,
            quota=bucket.quota,
            window=bucket.window,
            takes_proof=not any(bucket.is_inbox or bucket.kind == _PROOFS for _wait, bucket in waits),
        )

    def _wait(self, connection: Connection, bucket: Bucket, now: datetime) -> int:
        """Whole seconds until a full bucket has room for one send."""
        until = self.spent_until(connection, bucket) or milliseconds(now)
        wait_ms = until + bucket.increment - milliseconds(now) - bucket.window * 1000
        return max(1, math.ceil(wait_ms / 1000))


class _SiteAlarm:
    """Says in the log that the site's limit is reached; once in a while, however often it is (OPS-04)."""

    def __init__(self, quota: int) -> None:
        self._quota = quota
        self._rang_at: datetime | None = None
        self._lock = Lock()

    def ring(self, now: datetime) -> None:
        """One line, unless this process wrote one within the last minute."""
        with self._lock:
            # A clock that was set back must not silence it.
            if self._rang_at is not None and timedelta(0) <= now - self._rang_at < _ALARM_EVERY:
                return
            self._rang_at = now
        log.warning("site_limit_reached", quota=self._quota, window=_HOUR)


def _refusing(full: Sequence[Bucket], *, has_ticket: bool) -> list[Bucket]:
    """Which of the full buckets refuse a send: what a ticket cannot pass, and the proofs where that is why."""
    inbox = [bucket for bucket in full if bucket.is_inbox]
    passable = [bucket for bucket in full if not bucket.is_inbox and bucket.kind not in _OF_PROOF]
    proofs = [bucket for bucket in full if bucket.kind == _PROOFS]
    if not has_ticket:
        return inbox + passable
    return inbox + (passable + proofs if passable and proofs else [])


def lock_ledger(connection: Connection, account: str, now: datetime) -> None:
    """Have an account's ledger to oneself until the end of the transaction, as whoever opens a challenge has."""
    connection.execute(LOCK_LEDGER, {"account": account, "now": milliseconds(now)})


def account_key(keyring: KeyRing, destination: Destination) -> str:
    """The keyed hash that stands for a destination without a user: unknown people have ledgers too (OTP-22)."""
    return keyring.limit_key(f"ledger:{destination.channel}:{destination.value}")


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as buckets count."""
    return int(moment.timestamp() * 1000)


def device_values(devices: Sequence[str]) -> dict[str, str | None]:
    """The parameters of ``DEVICE_HASHES``."""
    return {f"device{number}": devices[number] if number < len(devices) else None for number in range(MOST_DEVICES)}


DEVICE_HASHES = ", ".join(f":device{number}" for number in range(MOST_DEVICES))
"""SQL: the hashes of the secrets that a caller holds."""
_OWN_DEVICE = f"""
    SELECT known_device.id FROM known_device JOIN identifier ON identifier.user_id = known_device.user_id
    WHERE identifier.channel = :channel AND identifier.value = :destination
        AND known_device.secret_hash IN ({DEVICE_HASHES}) AND known_device.expires_at > :moment
    LIMIT 1"""  # noqa: S608  made of our own words


def _values(buckets: Sequence[Bucket], now: datetime) -> dict[str, object]:
    now_ms = milliseconds(now)
    values: dict[str, object] = {"now": now_ms, "future": milliseconds(now + CLOCK_SKEW)}
    for row, bucket in enumerate(buckets):
        values |= {
            f"key{row}": bucket.key,
            f"kind{row}": bucket.kind,
            f"until{row}": now_ms + bucket.increment,
            f"window{row}": bucket.window * 1000,
        }
    return values


def _own_values(buckets: Sequence[Bucket], now: datetime) -> dict[str, object]:
    """What is filled where a known device asks: its own buckets; of the site's nothing; the ticket as by anybody."""
    values: dict[str, object] = {}
    for row, bucket in enumerate(buckets):
        values[f"own{row}"] = None if bucket.kind == _PROOF else bucket.kind
        values[f"own_until{row}"] = milliseconds(now) + (0 if bucket.is_site else bucket.increment)
    return values
