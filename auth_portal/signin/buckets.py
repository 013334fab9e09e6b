"""The buckets of send limits: what each is about, what passes a full one, and how statements are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth_portal.db import CLOCK_SKEW

SITE = "site-hour"
PROOF, PROOFS = "proof", "proofs-hour"
OF_PROOF = (PROOF, PROOFS)
_INBOX, _COST = "inbox-", "sms-"


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
        return self.kind.startswith(_INBOX)

    @property
    def is_site(self) -> bool:
        """Whether it is a part of the whole site's limit."""
        return self.kind == SITE

    @property
    def is_cost(self) -> bool:
        """Whether it limits what text messages cost: the same for whoever asks, and nothing passes it (OTP-19)."""
        return self.kind.startswith(_COST)

    def of_device(self, device: str) -> Bucket:
        """What a known device has in its place; a ticket is the same whoever holds it, and so is a price."""
        return self if self.kind == PROOF or self.is_cost else replace(self, key=f"{self.kind}:{device}")


def refusing(full: Sequence[Bucket], *, has_ticket: bool) -> list[Bucket]:
    """Which of the full buckets refuse a send: what a ticket cannot pass, and the proofs where that is why."""
    firm = [bucket for bucket in full if bucket.is_inbox or bucket.is_cost]
    passable = [bucket for bucket in full if bucket not in firm and bucket.kind not in OF_PROOF]
    proofs = [bucket for bucket in full if bucket.kind == PROOFS]
    if not has_ticket:
        return firm + passable
    return firm + (passable + proofs if passable and proofs else [])


def takes_proof(refused: Sequence[Bucket]) -> bool:
    """Whether a proof of work would pass all that refused a send."""
    return not any(bucket.is_inbox or bucket.is_cost or bucket.kind == PROOFS for bucket in refused)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as buckets count."""
    return int(moment.timestamp() * 1000)


def values_of(buckets: Sequence[Bucket], now: datetime) -> dict[str, object]:
    """The parameters of a statement that fills these buckets."""
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


def own_values_of(buckets: Sequence[Bucket], now: datetime) -> dict[str, object]:
    """What is filled where a known device asks: its own buckets; of the site's nothing; ticket and costs as ever."""
    values: dict[str, object] = {}
    for row, bucket in enumerate(buckets):
        is_own = bucket.kind != PROOF and not bucket.is_cost
        values[f"own{row}"] = bucket.kind if is_own else None
        values[f"own_until{row}"] = milliseconds(now) + (0 if bucket.is_site else bucket.increment)
    return values
