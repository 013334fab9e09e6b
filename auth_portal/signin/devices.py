"""Known devices: browsers that a user has signed in with (OTP-17).

A known device has a ledger and send buckets of its own, so that nobody elsewhere can lengthen or delay its codes.
It never replaces a code (OTP-18).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, insert

from auth_portal.db import utcnow
from auth_portal.models import KnownDevice
from auth_portal.prepared import Prepared
from auth_portal.signin.keyring import digest

DEVICE_TTL = timedelta(days=400)
"""How long a browser stays known: as long as browsers keep a cookie (RFC 6265bis, 5.5)."""


def remember_device(connection: Connection, user_id: str) -> str:
    """Know a browser from now on; the secret for its cookie."""
    now = utcnow()
    secret = secrets.token_urlsafe(24)
    row = {
        "id": secrets.token_hex(16),
        "user_id": user_id,
        "secret_hash": digest(secret),
        "created_at": now,
        "expires_at": now + DEVICE_TTL,
    }
    _INSERT.run(connection, row)
    return secret


def forget_devices(connection: Connection, user_id: str, kept: Sequence[str]) -> None:
    """Know none of somebody's browsers any more, but for those with the hashes ``kept``."""
    known = delete(KnownDevice).where(KnownDevice.user_id == user_id)
    connection.execute(known.where(KnownDevice.secret_hash.not_in(kept)) if kept else known)


_INSERT = Prepared(insert(KnownDevice), tuple(KnownDevice.__table__.columns.keys()))
