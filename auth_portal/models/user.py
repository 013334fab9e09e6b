"""People, the addresses they proved, and registrations that are not complete yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class User(Model):
    """A person. ``id`` is the subject (``sub``): random, opaque, never reused (JWT-12)."""

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    locale: Mapped[str] = mapped_column(String(35))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    terms_accepted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    suspended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Identifier(Model):
    """A proven address or number. The primary key is what keeps two people from sharing one.

    The index has all that ``min(value)`` of a person's addresses needs: with ``user_id`` alone SQLite reads the
    primary key from its beginning until one of that person comes by.
    """

    __tablename__ = "identifier"
    __table_args__ = (Index(None, "user_id", "channel", "value"),)

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(254), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    verified_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Registration(Model):
    """A proven address whose person has no user yet. ``secret_hash`` is set where a browser holds it."""

    __tablename__ = "registration"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    destination: Mapped[str] = mapped_column(String(254))
    secret_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
