"""How often codes may be sent: leaky buckets in the database, tested and spent by one statement.

A bucket of n holds n sends at once and empties at n in its window. Tested before anything is decided about the
person, and the same for known and unknown addresses (OTP-19, OTP-22). All nodes share them. A known device has
buckets of its own, so that floods from elsewhere do not reach it (OTP-17).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from auth_portal.db import CLOCK_SKEW, UTCDateTime
from auth_portal.errors import TooManyRequests
from auth_portal.prepared import Prepared
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.keyring import KeyRing

_HOUR = 3_600
_DAY = 86_400
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


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of spending: whose ledger was locked, and the buckets that were filled and that were full.

    ``account`` is the destination's user, or the keyed hash it was given while there is none.
    """

    account: str
    filled: list[Bucket]
    full: list[Bucket]


class SendLimits:
    """The buckets of a send, and what fills, empties and reads them."""

    def __init__(self, settings: Settings, keyring: KeyRing) -> None:
        self._keyring = keyring
        quotas = {
            "inbox-hour": (settings.sends_per_inbox_per_hour, _HOUR),
            "inbox-day": (settings.sends_per_inbox_per_day, _DAY),
            "source-hour": (settings.sends_per_source_per_hour, _HOUR),
        }
        self._quotas = {kind: quota for kind, quota in quotas.items() if quota[0] > 0}
        self._spend = {
            (rows, knows): _spend_statement(rows, knows_device=knows)
            for rows in range(len(self._quotas) + 2)
            for knows in (False, True)
        }

    def buckets(self, destination: Destination, network: str) -> list[Bucket]:
        """The buckets of a send, in the one order in which they are locked: no two can wait for each other."""
        subjects = {"inbox": f"{destination.channel}:{inbox_of(destination)}", "source": network}
        found = [
            Bucket(self._keyring.limit_key(f"{kind}:{subjects[kind.split('-')[0]]}"), kind, quota, window)
            for kind, (quota, window) in self._quotas.items()
        ]
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
        own buckets are filled instead. The caller's transaction must roll back what it does not want.
        """
        account = account_key(self._keyring, destination)
        values = _values(buckets, now) | {
            "account": account,
            "channel": destination.channel,
            "destination": destination.value,
        }
        if devices:
            values |= device_values(devices) | {"moment": now}
        rows = self._spend[len(buckets), bool(devices)].run(connection, values)
        written: list[tuple[str, str]] = [(row.kind, row.key) for row in rows]
        kinds = {kind for kind, _key in written}
        device, account = next((kind, key) for kind, key in written if kind not in self._quotas and kind != "proof")
        if device != _LEDGER:
            buckets = [
                Bucket(f"{bucket.kind}:{device}", bucket.kind, bucket.quota, bucket.window) for bucket in buckets
            ]
        return Spent(
            account=account,
            filled=[bucket for bucket in buckets if bucket.kind in kinds],
            full=[bucket for bucket in buckets if bucket.kind not in kinds],
        )

    @staticmethod
    def try_spend(connection: Connection, bucket: Bucket, now: datetime) -> bool:
        """Fill one bucket alone; false where it is full."""
        return _SPEND_ONE.run(connection, _values([bucket], now)).first() is not None

    @staticmethod
    def refund(connection: Connection, buckets: Iterable[Bucket]) -> None:
        """Give a send back that was not delivered."""
        for bucket in buckets:
            connection.execute(_REFUND, {"key": bucket.key, "increment": bucket.increment})

    @staticmethod
    def spent_until(connection: Connection, bucket: Bucket) -> int | None:
        """When a bucket will be empty, in milliseconds since the epoch."""
        found: int | None = connection.execute(_READ, {"key": bucket.key}).scalar()
        return found

    def refusal(
        self, connection: Connection, full: Iterable[Bucket], now: datetime, at_most: int | None = None
    ) -> TooManyRequests:
        """The refusal that names the bucket one has to wait for the longest, ``at_most`` so many seconds."""
        now_ms = milliseconds(now)
        waits = []
        for bucket in full:
            until = self.spent_until(connection, bucket) or now_ms
            wait = until + bucket.increment - now_ms - bucket.window * 1000
            waits.append((max(1, math.ceil(wait / 1000)), bucket))
        wait, bucket = max(waits, key=lambda pair: pair[0])
        wait = wait if at_most is None else min(wait, at_most)
        return TooManyRequests(retry_after=wait, limit=bucket.kind, quota=bucket.quota, window=bucket.window)


def account_key(keyring: KeyRing, destination: Destination) -> str:
    """The keyed hash that stands for a destination without a user: unknown people have ledgers too (OTP-22)."""
    return keyring.limit_key(f"ledger:{destination.channel}:{destination.value}")


def inbox_of(destination: Destination) -> str:
    """The mailbox that an address most likely ends in, for limits only: tags are dropped, Gmail's dots too.

    Never used to find a user or to share a code: on some servers ``a+b`` and ``a`` are different people.
    """
    if destination.channel != "email":
        return destination.value
    local, _at, domain = destination.value.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


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
_LEDGER = "ledger"
_NEVER_FULL = 10**12
_INSERT = "INSERT INTO send_limit (key, kind, spent_until, window_ms)"
_FILL = """
    ON CONFLICT (key) DO UPDATE SET
        window_ms = excluded.window_ms,
        spent_until = excluded.spent_until - :now
            + CASE WHEN send_limit.spent_until BETWEEN :now AND :future + excluded.window_ms
                THEN send_limit.spent_until ELSE :now END
    WHERE send_limit.spent_until + excluded.spent_until - :now <= :now + excluded.window_ms
        OR send_limit.spent_until > :future + excluded.window_ms
    RETURNING kind, key"""


def _spend_statement(rows: int, *, knows_device: bool) -> Prepared:
    """Write the ledger's row, then fill each bucket where that does not overflow; returns what was written.

    The kind of the ledger's row says which known device asks. A bucket that is fuller than one can be was filled
    before the clock was set back: it counts as empty. The ledger's row is always first, so that transactions wait for
    each other there and nowhere else.
    """
    user = "SELECT user_id FROM identifier WHERE channel = :channel AND value = :destination"
    device = f"COALESCE(({_OWN_DEVICE}), '{_LEDGER}')" if knows_device else f"'{_LEDGER}'"
    values = [f"(COALESCE(({user}), :account), {device}, :now, {_NEVER_FULL})"]
    for row in range(rows):
        key = f"COALESCE(:kind{row} || ':' || ({_OWN_DEVICE}), :key{row})" if knows_device else f":key{row}"
        values.append(f"({key}, :kind{row}, :until{row}, :window{row})")
    statement = text(f"{_INSERT} VALUES {', '.join(values)} {_FILL}")
    return Prepared(statement.bindparams(bindparam("moment", type_=UTCDateTime)) if knows_device else statement)


_SPEND_ONE = Prepared(text(f"{_INSERT} VALUES (:key0, :kind0, :until0, :window0) {_FILL}"))
_READ = text("SELECT spent_until FROM send_limit WHERE key = :key")
_REFUND = text("UPDATE send_limit SET spent_until = spent_until - :increment WHERE key = :key")


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
