"""The keys that seal the audit log: made at random, kept in the database under keys that are not in it.

A key derived from ``SECRET_KEY`` would be gone with it a day after a rotation, and with it all proof of a year.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.models import SealKey
from auth_portal.signin.keyring import SEAL_KEYS, KeyRing

_ALL = select(SealKey.id, SealKey.secret).order_by(SealKey.id)
_REWRITE = update(SealKey).where(SealKey.id == bindparam("key_id")).values(secret=bindparam("rewritten"))


class SealKeys:
    """Opens, makes and replaces the keys of seals."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    def opened(self, connection: Connection) -> dict[int, bytes]:
        """Every key that our secrets open, by its id."""
        return {key_id: key for key_id, key in self._read(connection).items() if key is not None}

    def current(self, connection: Connection) -> tuple[int, bytes]:
        """The newest key, with its id; a new one where our secrets do not open it, or there is none.

        Raises IntegrityError where another process makes one at this moment.
        """
        keys = self._read(connection)
        newest = max(keys, default=0)
        key = keys.get(newest)
        return (newest, key) if key is not None else self._make(connection, newest + 1)

    def rotate(self, engine: Engine) -> None:
        """Encrypt all keys under the current secret, and seal with a new one from now on."""
        with engine.begin() as connection:
            for key_id, key in self.opened(connection).items():
                connection.execute(_REWRITE, {"key_id": key_id, "rewritten": self._wrap(key_id, key)})
        with suppress(IntegrityError), engine.begin() as connection:  # somebody else just made the new one
            self._make(connection, max(self._read(connection), default=0) + 1)

    def _read(self, connection: Connection) -> dict[int, bytes | None]:
        return {row.id: self._open(row.id, row.secret) for row in connection.execute(_ALL)}

    def _make(self, connection: Connection, key_id: int) -> tuple[int, bytes]:
        key = secrets.token_bytes(32)
        connection.execute(insert(SealKey), {"id": key_id, "secret": self._wrap(key_id, key)})
        return key_id, key

    def _wrap(self, key_id: int, key: bytes) -> bytes:
        """The id is encrypted along: whoever knows a former key must not be able to make it the newest."""
        return self._keyring.encrypt(_label(key_id) + key, SEAL_KEYS)

    def _open(self, key_id: int, secret: bytes) -> bytes | None:
        plain = self._keyring.decrypt(secret, SEAL_KEYS)
        label = _label(key_id)
        return plain.removeprefix(label) if plain is not None and plain.startswith(label) else None


def _label(key_id: int) -> bytes:
    return f"{key_id}:".encode()
