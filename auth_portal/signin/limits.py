"""How often codes may be sent: leaky buckets in the database, tested and spent by one statement.

A bucket of n holds n sends at once and empties at n in its window. Tested before anything is looked up and
the same for known and unknown addresses (OTP-22). All nodes share them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from auth_portal.db import CLOCK_SKEW
from auth_portal.errors import TooManyRequests
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.keyring import KeyRing

_HOUR = 3_600
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of one caller: at most ``quota`` at once, emptied in ``window`` seconds."""

    key: str
    name: str
    quota: int
    window: int

    @property
    def increment(self) -> int:
        """What one send fills, in milliseconds of emptying."""
        return self.window * 1000 // self.quota


class SendLimits:
    """Spends a send from every bucket it belongs to, or from none."""

    def __init__(self, settings: Settings, keyring: KeyRing) -> None:
        self._keyring = keyring
        quotas = {
            "inbox-hour": (settings.sends_per_inbox_per_hour, _HOUR),
            "inbox-day": (settings.sends_per_inbox_per_day, _DAY),
            "source-hour": (settings.sends_per_source_per_hour, _HOUR),
        }
        self._quotas = {name: quota for name, quota in quotas.items() if quota[0] > 0}
        self._spend = _spend_statement(len(self._quotas))

    def buckets(self, destination: Destination, network: str) -> list[Bucket]:
        """The buckets of a send, in the one order in which they are locked: no two can wait for each other."""
        subjects = {"inbox": f"{destination.channel}:{destination.value}", "source": network}
        found = [
            Bucket(self._keyring.limit_key(f"{name}:{subjects[name.split('-')[0]]}"), name, quota, window)
            for name, (quota, window) in self._quotas.items()
        ]
        return sorted(found, key=lambda bucket: bucket.key)

    def spend(self, connection: Connection, buckets: list[Bucket], now: datetime) -> None:
        """Spend one send from each bucket. Raises TooManyRequests; the caller's transaction then rolls back."""
        now_ms = _milliseconds(now)
        values: dict[str, str | int] = {"now": now_ms, "future": _milliseconds(now + CLOCK_SKEW)}
        for position, bucket in enumerate(buckets):
            values |= {
                f"key{position}": bucket.key,
                f"until{position}": now_ms + bucket.increment,
                f"window{position}": bucket.window * 1000,
            }
        spent = {row.key for row in connection.execute(self._spend, values)}
        refused = [bucket for bucket in buckets if bucket.key not in spent]
        if refused:
            raise self._refusal(connection, refused, now_ms)

    def refund(self, connection: Connection, buckets: list[Bucket]) -> None:
        """Give a send back that was not delivered."""
        for bucket in buckets:
            connection.execute(_REFUND, {"key": bucket.key, "increment": bucket.increment})

    @staticmethod
    def _refusal(connection: Connection, refused: list[Bucket], now_ms: int) -> TooManyRequests:
        waits = []
        for bucket in refused:
            until = connection.execute(_READ, {"key": bucket.key}).scalar() or now_ms
            milliseconds = until + bucket.increment - now_ms - bucket.window * 1000
            waits.append((max(1, math.ceil(milliseconds / 1000)), bucket))
        wait, bucket = max(waits, key=lambda pair: pair[0])
        return TooManyRequests(retry_after=wait, limit=bucket.name, quota=bucket.quota, window=bucket.window)


def _spend_statement(rows: int) -> TextClause:
    """Fill each bucket by its increment where that does not overflow; returns the keys that were filled.

    A bucket that is fuller than one can be was filled before the clock was set back: it counts as empty.
    Plain SQL, which both databases read alike: SQLAlchemy compiles multi-row inserts anew at each call.
    """
    values = ", ".join(f"(:key{row}, :until{row}, :window{row})" for row in range(rows))
    return text(f"""
        INSERT INTO send_limit (key, spent_until, window_ms) VALUES {values}
        ON CONFLICT (key) DO UPDATE SET
            window_ms = excluded.window_ms,
            spent_until = excluded.spent_until - :now
                + CASE WHEN send_limit.spent_until BETWEEN :now AND :future + excluded.window_ms
                    THEN send_limit.spent_until ELSE :now END
        WHERE send_limit.spent_until + excluded.spent_until - :now <= :now + excluded.window_ms
            OR send_limit.spent_until > :future + excluded.window_ms
        RETURNING key""")  # noqa: S608  made of row numbers only


_READ = text("SELECT spent_until FROM send_limit WHERE key = :key")
_REFUND = text("UPDATE send_limit SET spent_until = spent_until - :increment WHERE key = :key")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
