"""The keys that sign tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class SigningKey(Model):
    """One signing key, shared by every node; the private part is encrypted with a key outside the database.

    ``generation`` is unique, so that of two nodes that make a key at once one wins. ``kid`` is the RFC 7638
    thumbprint. Signs from ``active_from`` until a younger one does; is published until ``retires_at``.
    """

    __tablename__ = "signing_key"

    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kid: Mapped[str] = mapped_column(String(43), unique=True)
    algorithm: Mapped[str] = mapped_column(String(10))
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    active_from: Mapped[datetime] = mapped_column(UTCDateTime)
    retires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
