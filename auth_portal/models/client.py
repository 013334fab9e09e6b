"""Apps that send people here to sign in: what an operator registered, and what people allowed them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model, UTCDateTime


class Client(Model):
    """A registered app. ``id`` is the ``client_id``, given by us (OP-71).

    ``secret_hash`` is SHA-256 of a random secret of 256 bits; the ``former_secret_hash`` is good until
    ``former_secret_until`` (OP-34). ``auth_method`` is None where a secret may come by Basic or in the body.
    ``site`` is the origin that forward-auth guards for this client; ``access`` says who may use the app: ``allow``
    (addresses, ``*@domain``; empty is everybody) and ``public_paths`` (prefixes that forward-auth leaves open).
    """

    __tablename__ = "client"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    former_secret_hash: Mapped[str | None] = mapped_column(String(64))
    former_secret_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    auth_method: Mapped[str | None] = mapped_column(String(32))
    jwks: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    jwks_uri: Mapped[str | None] = mapped_column(String(2048))
    redirect_uris: Mapped[Any] = mapped_column(JSON)
    post_logout_redirect_uris: Mapped[Any] = mapped_column(JSON)
    backchannel_logout_uri: Mapped[str | None] = mapped_column(String(2048))
    grant_types: Mapped[Any] = mapped_column(JSON)
    scopes: Mapped[Any] = mapped_column(JSON)
    resources: Mapped[Any] = mapped_column(JSON)
    api_identifier: Mapped[str | None] = mapped_column(String(255), unique=True)
    is_trusted: Mapped[bool]
    require_pkce: Mapped[bool]
    require_pushed: Mapped[bool]
    claims_in_id_token: Mapped[bool] = mapped_column(default=False)
    id_token_algorithm: Mapped[str] = mapped_column(String(10))
    sector: Mapped[str | None] = mapped_column(String(255))
    access_token_ttl: Mapped[int | None] = mapped_column(Integer)
    refresh_token_ttl: Mapped[int | None] = mapped_column(Integer)
    homepage: Mapped[str | None] = mapped_column(String(2048))
    logo: Mapped[bytes | None] = mapped_column(LargeBinary)
    logo_type: Mapped[str | None] = mapped_column(String(32))
    color: Mapped[str | None] = mapped_column(String(7))
    locale: Mapped[str | None] = mapped_column(String(8))
    site: Mapped[str | None] = mapped_column(String(255), unique=True)
    access: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ClientOrigin(Model):
    """An origin from which a client's own pages may call the token endpoints (OP-26)."""

    __tablename__ = "client_origin"
    __table_args__ = (Index(None, "origin"),)

    client_id: Mapped[str] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(255), primary_key=True)


class Consent(Model):
    """What a person allowed a client: the scopes, and since when (OP-22)."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "client_id"),)

    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime] = mapped_column(UTCDateTime)


class PairwiseSubject(Model):
    """The name that one sector's clients know a person by; random, so that no key can ever tie two together."""

    __tablename__ = "pairwise_subject"
    __table_args__ = (Index(None, "user_id"),)

    sector: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(43), unique=True)


class SpentAssertion(Model):
    """The ``jti`` of a client's assertion that was used (OP-33). ``id`` is a digest of client and ``jti``."""

    __tablename__ = "spent_assertion"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
