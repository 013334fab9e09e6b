"""How much of a send limit is spent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_portal.db import Model


class SendLimit(Model):
    """One leaky bucket. ``key`` is a keyed hash, so an address that nobody proved is never stored here.

    The row whose key is an account is no bucket: who opens a challenge writes it first, so that one account's
    challenges are opened one after the other and none misses what another has reserved (OTP-12).

    ``spent_until`` (ms since the epoch) is the time at which the bucket will be empty again; a whole number
    because the database itself does the arithmetic, in the one statement that tests and spends.
    ``window_ms`` is the time in which a full bucket empties.
    """

    __tablename__ = "send_limit"
    __table_args__ = (Index(None, "spent_until"),)

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    spent_until: Mapped[int] = mapped_column(BigInteger)
    window_ms: Mapped[int] = mapped_column(BigInteger)
