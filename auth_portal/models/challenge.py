"""Codes that wait for their answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class Challenge(Model):
    """One code for one destination, asked for by one caller. The code itself is nowhere: it is derived.

    A caller (``browser:…`` or ``network:…``) has one row for a destination; asking again uses the row again,
    with a new ``id`` once the old code is dead. ``id`` is the random 128-bit value the code is derived from.
    """

    __tablename__ = "challenge"
    __table_args__ = (
        UniqueConstraint("channel", "destination", "caller"),
        Index(None, "caller"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    destination: Mapped[str] = mapped_column(String(254))
    caller: Mapped[str] = mapped_column(String(80))
    key_id: Mapped[str] = mapped_column(String(16))
    code_length: Mapped[int] = mapped_column(SmallInteger)
    attempts: Mapped[int] = mapped_column(SmallInteger)
    attempts_allowed: Mapped[int] = mapped_column(SmallInteger)
    foreign_attempts: Mapped[int] = mapped_column(SmallInteger)
    send_count: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    consumed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
