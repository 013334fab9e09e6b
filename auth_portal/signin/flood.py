"""What happens once an inbox has had all its letters: one long code for everybody who asks (OTP-20).

Whoever floods an inbox with requests must not keep its owner out. So those who hold no live code get a challenge of
one shared code, long enough that no ledger has to pay for guesses at it; its letter leaves once in a code's life.
The first who uses it wins, as with any code; then, and once it was stopped, the next who asks gets another one.
Those who sign in share one, those who prove one more address another: a letter says what its code is for (OTP-31).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from auth_portal.settings import LONG_CODE_LENGTH
from auth_portal.signin import challenge_sql as sql
from auth_portal.signin.addresses import Destination, inbox_of
from auth_portal.signin.buckets import Bucket
from auth_portal.signin.challenges import Challenge, Draft
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.limits import SendLimits

_ALIAS_LETTERS = 5
"""Letters an hour to aliases of a flooded inbox that have no user: more would be a way around the inbox's limit."""


def open_shared(connection: Connection, keyring: KeyRing, draft: Draft) -> tuple[Challenge, bool]:
    """A challenge of the shared code that lives now, and whether it is the first one: its letter is to be sent.

    The caller holds the lock of the account's ledger, so no two are the first.
    """
    given = {
        "given_destination": draft.destination.value,
        "given_channel": draft.destination.channel,
        "now": draft.now,
        "keys": keyring.code_key_ids,
        "of_session": draft.caller.is_session,
    }
    living = connection.execute(sql.LIVING_SHARED, given).first()
    challenge = Challenge(
        id=draft.id,
        account=draft.account,
        device_id=None,
        destination=draft.destination,
        caller=draft.caller.key,
        network=draft.caller.network,
        device=draft.caller.device,
        key_id=living.key_id if living else draft.key_id,
        shared_seed=living.id if living else draft.id,
        code_length=LONG_CODE_LENGTH,
        attempts=0,
        attempts_allowed=draft.attempts,
        send_count=1,
        sent_at=draft.now,
        expires_at=living.expires_at if living else draft.expires_at,
        consumed_at=None,
        approved_at=None,
    )
    connection.execute(sql.OPEN_SHARED, _row(challenge, draft))
    return challenge, living is None


def _row(challenge: Challenge, draft: Draft) -> dict[str, Any]:
    row = asdict(challenge) | {
        "channel": draft.destination.channel,
        "destination": draft.destination.value,
        "seed": challenge.shared_seed,
        "foreign_attempts": 0,
        "foreign_allowed": draft.foreign_attempts,
        "created_at": draft.now,
    }
    del row["shared_seed"]
    return row


def alias_bucket(limits: SendLimits, destination: Destination) -> Bucket | None:
    """What limits the letters to aliases of one flooded inbox that have no user; None where it is no alias."""
    inbox = inbox_of(destination)
    if inbox == destination.value:
        return None
    return limits.bucket("aliases-hour", f"{destination.channel}:{inbox}", _ALIAS_LETTERS, 3_600)
