"""How often codes may be sent: leaky buckets in the database, tested and spent by one statement.

A bucket of n holds n sends at once and empties at n in its window. Tested before anything is decided about the
person, and the same for known and unknown addresses (OTP-19, OTP-22). All nodes share them. A known device has
buckets of its own, so that floods from elsewhere do not reach it (OTP-17). A proof of work passes whatever is full
and not the inbox's, once (OTP-40). What text messages cost is limited for everybody alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import Connection

from auth_portal.errors import TooManyRequests
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination, inbox_of
from auth_portal.signin.buckets import (
    OF_PROOF,
    PROOF,
    PROOFS,
    SITE,
    Bucket,
    milliseconds,
    own_values_of,
    refusing,
    takes_proof,
    values_of,
)
from auth_portal.signin.keyring import KeyRing, digest
from auth_portal.signin.limits_sql import LEDGER, LOCK_LEDGER, READ, REFUND, SPEND_ONE, spend_statement
from auth_portal.signin.phones import range_of
from auth_portal.signin.proof_of_work import REMEMBERED

log = structlog.get_logger("limits")

_HOUR = 3_600
_DAY = 86_400
_SMS_RANGE, _SMS_SITE = "sms-range-hour", "sms-site-day"
_SMS_BURST = 4
"""What part of a day's text messages may leave at once. In any 24 hours leave what was there and what came back: that
is all of them, if the rest of the day brings three times as much."""
SITE_PARTS = 16
"""Rows that share the site's limit, so that sends to different addresses seldom wait for each other."""
_ALARM_EVERY = timedelta(minutes=1)
MOST_DEVICES = 4
"""Known-device secrets that one request is asked for: as many people as share a browser."""


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
            SITE: (math.ceil(site / SITE_PARTS), _HOUR),
            _SMS_RANGE: (settings.sms_per_range_per_hour, _HOUR),
            _SMS_SITE: _ceiling(settings.sms_per_site_per_day),
        }
        self._quotas = {kind: quota for kind, quota in quotas.items() if quota[0] > 0}
        self._spend = {
            (rows, knows): spend_statement(rows, _OWN_DEVICE if knows else None)
            for rows in range(len(self._quotas) + len(OF_PROOF) + 1)
            for knows in (False, True)
        }
        self._alarms = {
            SITE: _Alarm("site_limit_reached", site, _HOUR),
            _SMS_RANGE: _Alarm("sms_range_limit_reached", settings.sms_per_range_per_hour, _HOUR),
            _SMS_SITE: _Alarm("sms_limit_reached", settings.sms_per_site_per_day, _DAY),
        }

    def buckets(self, destination: Destination, network: str, ticket: str | None = None) -> list[Bucket]:
        """The buckets of a send, in the one order in which they are locked: no two can wait for each other.

        ``ticket``: of a proof of work, which is good for one send. By proofs a source gets its quota once more.
        """
        found = [
            Bucket(self._keyring.limit_key(f"{kind}:{self._subject(kind, destination, network)}"), kind, *quota)
            for kind, quota in self._quotas.items()
            if destination.channel == "sms" or kind not in (_SMS_RANGE, _SMS_SITE)
        ]
        if ticket is not None:
            # Without a key of ours, for a ticket is a random number: it stays spent when SECRET_KEY changes.
            found.append(Bucket(digest(f"proof:{ticket}"), PROOF, 1, int(REMEMBERED.total_seconds())))
            found.append(self.bucket(PROOFS, network, *self._quotas.get("source-hour", (1, _HOUR))))
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
        values = values_of(buckets, now) | {
            "account": nobody,
            "channel": destination.channel,
            "destination": destination.value,
        }
        if devices:
            values |= own_values_of(buckets, now) | device_values(devices) | {"moment": now}
        rows = self._spend[len(buckets), bool(devices)].run(connection, values)
        written: list[tuple[str, str]] = [(row.kind, row.key) for row in rows]
        kinds = {kind for kind, _key in written}
        device, account = next(
            (kind, key) for kind, key in written if kind not in self._quotas and kind not in OF_PROOF
        )
        if device != LEDGER:
            buckets = [bucket.of_device(device) for bucket in buckets if not bucket.is_site]
        full = [bucket for bucket in buckets if bucket.kind not in kinds]
        for alarm in [self._alarms[bucket.kind] for bucket in full if bucket.kind in self._alarms]:
            alarm.ring(now)
        return Spent(
            account=account,
            is_known=account != nobody,
            filled=[bucket for bucket in buckets if bucket.kind in kinds],
            full=refusing(full, has_ticket=PROOF in kinds),
        )

    def _subject(self, kind: str, destination: Destination, network: str) -> str:
        """Whom a limit of this kind is about."""
        if kind == SITE:
            return str(int(account_key(self._keyring, destination), 16) % SITE_PARTS)
        if kind in (_SMS_RANGE, _SMS_SITE):
            return range_of(destination.value) if kind == _SMS_RANGE else ""
        return network if kind == "source-hour" else f"{destination.channel}:{inbox_of(destination)}"

    @staticmethod
    def try_spend(connection: Connection, bucket: Bucket, now: datetime) -> bool:
        """Fill one bucket alone; false where it is full."""
        return SPEND_ONE.run(connection, values_of([bucket], now)).first() is not None

    def try_spend_costs(self, connection: Connection, destination: Destination, now: datetime) -> bool:
        """Fill what a letter that nobody asked for costs; false where that is too much. Mail costs nothing."""
        return all(self.try_spend(connection, bucket, now) for bucket in self.costs(destination))

    def spend_each(self, connection: Connection, buckets: Iterable[Bucket], now: datetime) -> None:
        """Fill buckets, each alone. Raises TooManyRequests, upon which the caller's transaction must roll back."""
        for bucket in buckets:
            if not self.try_spend(connection, bucket, now):
                wait = self._wait(connection, bucket, now)
                raise TooManyRequests(retry_after=wait, limit=bucket.kind, quota=bucket.quota, window=bucket.window)

    def costs(self, destination: Destination) -> list[Bucket]:
        """The buckets of what a letter there costs, whoever asks; none for mail."""
        return [bucket for bucket in self.buckets(destination, "") if bucket.is_cost]

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
            takes_proof=takes_proof([bucket for _wait, bucket in waits]),
        )

    def _wait(self, connection: Connection, bucket: Bucket, now: datetime) -> int:
        """Whole seconds until a full bucket has room for one send."""
        until = self.spent_until(connection, bucket) or milliseconds(now)
        wait_ms = until + bucket.increment - milliseconds(now) - bucket.window * 1000
        return max(1, math.ceil(wait_ms / 1000))


def _ceiling(a_day: int) -> tuple[int, int]:
    """How many at once, and in how many seconds these come back, so that no 24 hours have more than ``a_day``."""
    at_once = max(1, a_day // _SMS_BURST) if a_day else 0
    return at_once, math.ceil(_DAY * at_once / max(1, a_day - at_once))


class _Alarm:
    """Says in the log that a limit of many people is reached; once in a while, however often it is (OPS-04)."""

    def __init__(self, event: str, quota: int, window: int) -> None:
        self._event = event
        self._facts = {"quota": quota, "window": window}
        self._rang_at: datetime | None = None
        self._lock = Lock()

    def ring(self, now: datetime) -> None:
        """One line, unless this process wrote one within the last minute."""
        with self._lock:
            # A clock that was set back must not silence it.
            if self._rang_at is not None and timedelta(0) <= now - self._rang_at < _ALARM_EVERY:
                return
            self._rang_at = now
        log.warning(self._event, **self._facts)


def lock_ledger(connection: Connection, account: str, now: datetime) -> None:
    """Have an account's ledger to oneself until the end of the transaction, as whoever opens a challenge has."""
    connection.execute(LOCK_LEDGER, {"account": account, "now": milliseconds(now)})


def account_key(keyring: KeyRing, destination: Destination) -> str:
    """The keyed hash that stands for a destination without a user: unknown people have ledgers too (OTP-22)."""
    return keyring.limit_key(f"ledger:{destination.channel}:{destination.value}")


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
