"""Browsers that somebody has signed in with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class KnownDevice(Model):
    """A browser that one user signed in with (OTP-17): attackers elsewhere cannot lengthen or delay its codes.

    It never replaces a code (OTP-18). ``secret_hash`` is the SHA-256 of a random secret in the browser's cookie.
    """

    __tablename__ = "known_device"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
