"""What happened to accounts, for their people and for operators; and seals that show whether something is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime

_IS_UNSEALED = "seal_id IS NULL"


class Event(Model):
    """One thing that happened: what, who, whose account, from where, by which client, with which outcome (OPS-02).

    Never holds a code, a token, an address or a number. No foreign keys: an event outlives what it tells of.
    ``actor``: ``person``, ``operator`` or ``portal``. ``network`` is a /24 or /48 (PRIV-05). ``digest`` and
    ``seal_id`` are set when it is sealed; ``erased_at``: its person was erased, and so was what told of them, of
    which the second half of ``digest`` stays.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "user_id", "happened_at"),
        Index(None, "happened_at"),
        Index(
            "ix_event_unsealed", "happened_at", sqlite_where=text(_IS_UNSEALED), postgresql_where=text(_IS_UNSEALED)
        ),
        Index(None, "seal_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    kind: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str | None] = mapped_column(String(32))
    session_id: Mapped[str | None] = mapped_column(String(32))
    client_id: Mapped[str | None] = mapped_column(String(64))
    network: Mapped[str] = mapped_column(String(48))
    device: Mapped[str] = mapped_column(String(80))
    facts: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    digest: Mapped[str | None] = mapped_column(String(64))
    seal_id: Mapped[int | None] = mapped_column(Integer)
    erased_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class EventSeal(Model):
    """A closed range of events: how many there were, and a keyed digest over them and the seal before.

    ``pruned_at``: the range and all before it were past their time and deleted as a whole. Only the last such seal is
    kept: the chain begins with it, and ``pruned_digest`` proves that it was the portal who deleted.
    """

    __tablename__ = "event_seal"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key_id: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    event_count: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    pruned_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    pruned_digest: Mapped[str | None] = mapped_column(String(64))


class SealKey(Model):
    """A key of seals, encrypted with a key outside the database. Unlike one that is derived from ``SECRET_KEY`` it
    outlives that, so that a year of events can be verified."""

    __tablename__ = "seal_key"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
