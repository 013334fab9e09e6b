"""Known devices: browsers that a user has signed in with (OTP-17).

A known device has a ledger and send buckets of its own, so that nobody elsewhere can lengthen or delay its codes.
It never replaces a code (OTP-18).
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import Connection, bindparam, insert, select

from auth_portal.db import utcnow
from auth_portal.models import KnownDevice
from auth_portal.prepared import Prepared
from auth_portal.signin.callers import Caller
from auth_portal.signin.keyring import digest

DEVICE_TTL = timedelta(days=400)
"""How long a browser stays known: as long as browsers keep a cookie (RFC 6265bis, 5.5)."""


def remember_device(connection: Connection, user_id: str, caller: Caller) -> str | None:
    """Know this browser from now on; the secret for its cookie, None where it was known already."""
    now = utcnow()
    if caller.devices:
        values = {"user_id": user_id, "hashes": caller.devices, "now": now}
        if connection.execute(_FIND, values).first() is not None:
            return None
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


_FIND = select(KnownDevice.id).where(
    KnownDevice.user_id == bindparam("user_id"),
    KnownDevice.secret_hash.in_(bindparam("hashes", expanding=True)),
    KnownDevice.expires_at > bindparam("now"),
)
_INSERT = Prepared(insert(KnownDevice), tuple(KnownDevice.__table__.columns.keys()))
