"""Codes that were sent: those that wait for their answer, and the history that the guess budget is counted from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime
from auth_portal.settings import LONG_CODE_LENGTH

IN_LEDGER = f"(consumed_at IS NULL OR attempts > 0 OR foreign_attempts > 0) AND code_length < {LONG_CODE_LENGTH}"
"""What an account's ledger counts. Long codes, of which a flood makes as many as it likes, are not even read.

A query must repeat the words of a partial index to be answered from it.
"""
IS_FIRST = "seed = id"
"""The first of the challenges that share a code."""
_IS_USED = "consumed_at IS NOT NULL"
_IS_UNANSWERED = "consumed_at IS NULL"
IS_FAILED = "(attempts > 0 OR foreign_attempts > 0) AND device_id IS NULL"
"""What the site's ledger counts. Not written as a sum, of which PostgreSQL would not know how rare it is."""


def _partial(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Challenge(Model):
    """One code for one destination, asked for by one caller. The code itself is nowhere: it is derived.

    A row is never used again for another code, for it is also the code's entry in the ledger (section 9.6): it holds
    all guesses that may be made while it lives, afterwards those that were made; once its code was right, only those
    that were not its user's.
    ``attempts`` are its holder's own, ``foreign_attempts`` those of other networks at an API challenge; each have a
    number of their own that is ``…_allowed``, so that strangers never use up the holder's. ``loose_attempts``: how
    many of the own ones came without the handle, so perhaps from a neighbour in the same network.

    ``account`` is whose ledger that is: the user's id, or a keyed hash of the destination while it has no user.
    ``device_id`` is set where a known device's own ledger pays instead. ``seed`` is what the code is derived from,
    where that is not ``id``: challenges with one seed share a code. It is the id of the first of them, which alone
    says whether the code is used or over (OTP-20).
    ``network`` and ``device`` tell the person who asked. ``approved_at``: the letter's link was confirmed elsewhere,
    so the waiting browser may go on (OTP-37).
    """

    __tablename__ = "challenge"
    __table_args__ = (
        Index("ix_challenge_ledger", "account", **_partial(IN_LEDGER)),
        Index("ix_challenge_used", "account", "consumed_at", **_partial(_IS_USED)),
        Index(None, "destination", "caller", "sent_at"),
        Index(None, "destination", "expires_at"),
        Index(None, "caller", "sent_at"),
        Index(None, "expires_at"),
        Index(None, "seed", "caller", **_partial("seed IS NOT NULL")),
        Index("ix_challenge_shared", "destination", **_partial(IS_FIRST)),
        Index("ix_challenge_unanswered", "code_length", "expires_at", **_partial(_IS_UNANSWERED)),
        Index("ix_challenge_failed", "code_length", "expires_at", **_partial(IS_FAILED)),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    device_id: Mapped[str | None] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(8))
    destination: Mapped[str] = mapped_column(String(254))
    caller: Mapped[str] = mapped_column(String(80))
    network: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(16))
    seed: Mapped[str | None] = mapped_column(String(32))
    code_length: Mapped[int] = mapped_column(SmallInteger)
    attempts: Mapped[int] = mapped_column(SmallInteger)
    attempts_allowed: Mapped[int] = mapped_column(SmallInteger)
    loose_attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    foreign_attempts: Mapped[int] = mapped_column(SmallInteger)
    foreign_allowed: Mapped[int] = mapped_column(SmallInteger)
    send_count: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    consumed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    guessed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
