"""Sign-ins for clients while they are under way: requests, codes, device codes, and the news of sign-outs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class PendingRequest(Model):
    """A request of a client that waits for a person: to be authorized, or to be signed out (OP-30).

    ``browser_hash`` binds it to the browser that brought it; a pushed request has none until it is first shown.
    ``challenge_id`` and ``registration_id`` say by which code or registration its person was signing in, so that a
    closed tab leads back. ``chosen_at`` and ``consented_at``: the person chose the account, gave consent, for this
    very request.
    """

    __tablename__ = "pending_request"
    __table_args__ = (Index(None, "challenge_id"), Index(None, "registration_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    client_id: Mapped[str | None] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"))
    push_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str | None] = mapped_column(String(64))
    parameters: Mapped[Any] = mapped_column(JSON)
    challenge_id: Mapped[str | None] = mapped_column(String(32))
    registration_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    chosen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    consented_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class AuthorizationCode(Model):
    """A code that a client exchanges once; only its SHA-256 is kept (OP-08).

    ``grant_id`` is the session that its redemption opens, so that a second redemption can end it (OP-09).
    """

    __tablename__ = "authorization_code"
    __table_args__ = (Index(None, "expires_at"), Index(None, "user_id"))

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    session_id: Mapped[str] = mapped_column(String(32))
    grant_id: Mapped[str] = mapped_column(String(32))
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    parameters: Mapped[Any] = mapped_column(JSON)
    authenticated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    consumed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class DeviceCode(Model):
    """A device that waits for its person to type the user code elsewhere (RFC 8628).

    ``state``: ``pending``, ``approved``, ``denied`` or ``used``. ``interval_s`` grows with each hasty poll.
    """

    __tablename__ = "device_code"
    __table_args__ = (Index(None, "expires_at"), Index(None, "user_id"))

    device_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(Text)
    parameters: Mapped[Any] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(8))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    authenticated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    interval_s: Mapped[int] = mapped_column(SmallInteger)
    polled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class LogoutNotice(Model):
    """A client that is still to be told that a session ended: the outbox of back-channel logout (OP-55).

    Written in the transaction that ends the session, deleted once the client took it or ``tries`` are used up.
    """

    __tablename__ = "logout_notice"
    __table_args__ = (Index(None, "due_at"),)

    session_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(SmallInteger)
