"""People, the addresses and numbers they proved, what changed about these, and registrations in progress."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime

_IS_LEAVING = "erase_at IS NOT NULL"
_IS_OPEN = "completed_at IS NULL"


class User(Model):
    """A person. ``id`` is the subject (``sub``): random, opaque, never reused (JWT-12).

    ``fields`` are the values of the portal's own registration fields. ``updated_at``: when what apps are told of the
    person last changed. ``erase_at``: the person asked for deletion, and can take that back until then (PRIV-02).
    """

    __tablename__ = "user"
    __table_args__ = (Index(None, "erase_at", sqlite_where=text(_IS_LEAVING), postgresql_where=text(_IS_LEAVING)),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    locale: Mapped[str] = mapped_column(String(35))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    terms_accepted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    terms_version: Mapped[str] = mapped_column(String(64), server_default="")
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    suspended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    erase_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fields: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))


class Identifier(Model):
    """A proven address or number. The primary key is what keeps two people from sharing one.

    ``rank`` 0 is the main one of its channel, 1 the second. Its index is what keeps a person from having more of
    them, however many are added at once (OTP-36), and what finds the main one.
    """

    __tablename__ = "identifier"
    __table_args__ = (Index("ix_identifier_rank", "user_id", "channel", "rank", unique=True),)

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(254), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    rank: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    verified_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Registration(Model):
    """A proven address whose person has no user yet: one row, from however many devices it was proven.

    ``secret_hash`` is the SHA-256 of the secret by which browsers open it, the same one for all of them.
    ``proven_at``: when the address was last proven. ``draft``: what was good in a form that had a fault, until the
    registration is complete.
    """

    __tablename__ = "registration"
    __table_args__ = (
        Index(None, "expires_at"),
        Index(
            "ix_registration_open",
            "channel",
            "destination",
            unique=True,
            sqlite_where=text(_IS_OPEN),
            postgresql_where=text(_IS_OPEN),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    destination: Mapped[str] = mapped_column(String(254))
    secret_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    proven_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    draft: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))


class IdentifierChange(Model):
    """A main address or number that was replaced or removed, and can be restored until ``undo_until`` (OTP-31).

    Until then ``former`` is nobody else's to take. ``current``: what took its place, None where nothing did.
    """

    __tablename__ = "identifier_change"
    __table_args__ = (Index(None, "user_id"), Index(None, "channel", "former"), Index(None, "undo_until"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(8))
    former: Mapped[str] = mapped_column(String(254))
    current: Mapped[str | None] = mapped_column(String(254))
    former_verified_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    undo_until: Mapped[datetime] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ErasedUser(Model):
    """That a subject existed and was erased: the SHA-256 of its id, so that it is never given again (PRIV-02)."""

    __tablename__ = "erased_user"

    subject_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(UTCDateTime)
