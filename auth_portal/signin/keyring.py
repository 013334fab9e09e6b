"""Keys that are derived from ``SECRET_KEY``, one for each purpose, and how they rotate.

A secret is never used twice for different things: each purpose gets a key of its own by HKDF (RFC 5869).
The current secret makes; the fallbacks are still honoured (OPS-15).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIGNING_KEYS, SEAL_KEYS = "signing-keys-at-rest", "seal-keys-at-rest"
"""What is encrypted for the database: one is never taken for the other."""


def digest(secret: str) -> str:
    """SHA-256 of a random secret of at least 128 bits, as stored. Such secrets need no key (OTP-24)."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """Derives keys by purpose from the secrets, the current one first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._codes = {self._key_id(key): key for key in reversed(self.keys("codes"))}
        self._refresh = self.keys("refresh-tokens")
        self._registrations = self.keys("registrations")
        self._limits = self.keys("limits")[0]
        self.links = self.keys("links")
        """Sign the links of letters; the first one makes them."""
        self._at_rest = {
            purpose: MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self.keys(purpose)])
            for purpose in (SIGNING_KEYS, SEAL_KEYS)
        }
        self.code_key_id = self._key_id(self.keys("codes")[0])
        """Names the key that new codes are derived with."""

    @property
    def code_key_ids(self) -> list[str]:
        """The ids of all code keys that are honoured."""
        return list(self._codes)

    def keys(self, purpose: str) -> list[bytes]:
        """The 256-bit keys of a purpose, the current one first."""
        return [self._derive(secret, purpose) for secret in self._secrets]

    def code_digest(self, key_id: str, message: bytes) -> bytes | None:
        """HMAC-SHA256 under the code key with this id; None once that key is no longer honoured.

        The id says which key made a code, so that a guess is compared with one code only, however many
        keys are honoured (OTP-07).
        """
        key = self._codes.get(key_id)
        return hmac.digest(key, message, "sha256") if key else None

    def limit_key(self, name: str) -> str:
        """The keyed hash under which a limit is kept (OTP-22, PRIV-06)."""
        return hmac.digest(self._limits, name.encode(), "sha256").hex()

    def refresh_successors(self, token: str) -> list[str]:
        """What may follow a refresh token, by the current key first.

        Derived, so that a client that lost our answer gets the same successor again without our storing it.
        """
        return [_secret(key, token) for key in self._refresh]

    def registration_secrets(self, registration_id: str) -> list[str]:
        """The secret that opens a registration, by the current key first.

        Derived, so that whoever proves the address on another device is given the same one without our storing it.
        """
        return [_secret(key, registration_id) for key in self._registrations]

    def encrypt(self, plain: bytes, purpose: str = SIGNING_KEYS) -> bytes:
        """Encrypt for the database, under the current key."""
        return self._at_rest[purpose].encrypt(plain)

    def decrypt(self, cipher: bytes, purpose: str = SIGNING_KEYS) -> bytes | None:
        """Decrypt under any honoured key; None where none fits."""
        try:
            return self._at_rest[purpose].decrypt(cipher)
        except InvalidToken:
            return None

    @staticmethod
    def _derive(secret: bytes, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=f"auth-portal {purpose} 1".encode()).derive(secret)

    @staticmethod
    def _key_id(key: bytes) -> str:
        return hashlib.sha256(b"id" + key).hexdigest()[:16]


def _secret(key: bytes, name: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, name.encode(), "sha256")).rstrip(b"=").decode()
