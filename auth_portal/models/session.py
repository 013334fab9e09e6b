"""Signed-in browsers, API devices and clients, and the refresh tokens of the latter two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime

_IS_GRANT = "parent_id IS NOT NULL"
_IS_OPEN = "ended_at IS NULL AND parent_id IS NULL"


class Session(Model):
    """One signed-in browser or API device, or a grant: what one of them opened for a client.

    ``id`` is public (the ``sid`` claim) and opens nothing. A browser, and a site behind forward-auth, proves itself
    by a secret of which ``secret_hash`` is the SHA-256; an API device and a client by their tokens.
    A grant has the browser's session as ``parent_id`` (a device's grant: itself), ends with it unless it
    ``is_offline``, and keeps what was granted: ``scope``, and ``parameters`` for later tokens.
    ``network`` is where somebody signed in from, /24 or /48 at most (PRIV-05); ``channel`` what the code came by.
    """

    __tablename__ = "session"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "expires_at"),
        # What somebody is signed in with: few of all the sessions that they had.
        Index(
            "ix_session_open", "user_id", "last_seen_at", sqlite_where=text(_IS_OPEN), postgresql_where=text(_IS_OPEN)
        ),
        # Most sessions open no grants; a full index would be passed over for being all NULL.
        Index(None, "parent_id", sqlite_where=text(_IS_GRANT), postgresql_where=text(_IS_GRANT)),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    secret_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    client_id: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(80))
    network: Mapped[str] = mapped_column(String(48), server_default="")
    channel: Mapped[str] = mapped_column(String(8), server_default="email")
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    authenticated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    parent_id: Mapped[str | None] = mapped_column(String(32))
    scope: Mapped[str | None] = mapped_column(Text)
    parameters: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    is_offline: Mapped[bool] = mapped_column(server_default=false())


class RefreshToken(Model):
    """One link of a session's chain of refresh tokens; only the SHA-256 of the token is kept."""

    __tablename__ = "refresh_token"
    __table_args__ = (Index(None, "session_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
