"""What happens once an inbox has had all its letters: one long code for everybody who asks (OTP-20).

Whoever floods an inbox with requests must not keep its owner out. So those who hold no live code get a challenge of
one shared code, long enough that no ledger has to pay for guesses at it; its letter leaves once in a code's life.
The first who uses it wins, as with any code.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from auth_portal.settings import LONG_CODE_LENGTH, Settings
from auth_portal.signin.challenges import Challenge, Draft
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits


def open_shared(
    connection: Connection, limits: SendLimits, keyring: KeyRing, settings: Settings, draft: Draft
) -> tuple[Challenge, bool]:
    """The challenge of the shared code that lives now, and whether it is the first one: its letter is to be sent.

    The bucket of one that decides this also says when the code began; the seed follows from that.
    """
    subject = f"{draft.destination.channel}:{draft.destination.value}"
    bucket = limits.bucket("shared", subject, 1, int(settings.code_ttl.total_seconds()))
    is_first = limits.try_spend(connection, bucket, draft.now)
    ends = limits.spent_until(connection, bucket) or 0
    challenge = Challenge(
        id=draft.id,
        account=draft.account,
        device_id=None,
        destination=draft.destination,
        caller=draft.caller.key,
        network=draft.caller.network,
        device=draft.caller.device,
        key_id=draft.key_id,
        shared_seed=keyring.limit_key(f"shared:{subject}:{ends}")[:32],
        code_length=LONG_CODE_LENGTH,
        attempts=0,
        foreign_attempts=0,
        attempts_allowed=draft.attempts,
        send_count=1,
        sent_at=draft.now,
        expires_at=datetime.fromtimestamp(ends / 1000, UTC),
        consumed_at=None,
        approved_at=None,
    )
    return challenge, is_first
