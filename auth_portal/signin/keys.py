"""The keys that sign tokens: made, shared by all nodes through the database, rotated without downtime.

There is one key for each algorithm: ES256 signs what our own endpoints read, RS256 what every client can verify.
A rotation publishes the next keys at once and signs with them only after ``PUBLISH_LEAD``, when every node
and every verifier that honours our cache header has seen them. The former keys stay published until the last token
they may have signed is over (JWT-10).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.db import UNAVAILABLE, autocommit, utcnow
from auth_portal.errors import KeysUnreadable
from auth_portal.models import SigningKey
from auth_portal.signin.events import OPERATOR, record
from auth_portal.signin.keyring import KeyRing

JWKS_MAX_AGE = timedelta(minutes=5)
"""How long a verifier may keep our key set without asking again."""
PUBLISH_LEAD = JWKS_MAX_AGE + timedelta(minutes=1)
"""How long a new key is published before it signs: the above, and the nodes' own reload."""
Algorithm = Literal["ES256", "RS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "RS256")
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_RSA_BITS = 2048
_RELOAD_AFTER_S = 30.0
_RELOAD_UNKNOWN_AFTER_S = 1.0
_MOST_COLLISIONS = 5
_LEEWAY = timedelta(minutes=1)
_KID = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key that our secrets decrypt, ready for use. ``signs_until`` is when a younger one takes over."""

    generation: int
    kid: str
    algorithm: Algorithm
    private: PrivateKey
    active_from: datetime
    signs_until: datetime | None
    retires_at: datetime | None
    created_at: datetime

    @property
    def public(self) -> PublicKey:
        """The part that verifies."""
        return self.private.public_key()

    def state(self, now: datetime) -> str:
        """``next`` (published, not signing yet), ``active`` or ``retiring`` (published, signs no more)."""
        if self.active_from > now:
            return "next"
        return "active" if self.signs_until is None or self.signs_until > now else "retiring"


class SigningKeys:
    """The key set of this process, read again from the database every half minute."""

    def __init__(self, engine: Engine, keyring: KeyRing, longest_token_ttl: timedelta, hint_ttl: timedelta) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._keyring = keyring
        self._longest_token_ttl = longest_token_ttl
        self._hint_ttl = hint_ttl
        self._lock = threading.Lock()
        self._keys: list[Key] = []
        self._read_at = float("-inf")

    def current(self, algorithm: Algorithm = "ES256") -> Key:
        """The key to sign with; the first call of an installation makes it."""
        now = utcnow()
        active = [key for key in self._fresh() if key.active_from <= now and key.algorithm == algorithm]
        if not active:
            self.ensure(algorithm)
            active = [key for key in self._fresh() if key.algorithm == algorithm]
        return active[-1]

    def find(self, kid: str) -> Key | None:
        """The published key of this id; one we do not know makes us look again, at most once a second."""
        for key in self._fresh():
            if key.kid == kid:
                return key
        return next((key for key in self._fresh(_RELOAD_UNKNOWN_AFTER_S) if key.kid == kid), None)

    def find_former(self, kid: str) -> Key | None:
        """A key that is published no more, but signed ID tokens of sessions that may still live.

        Only for those that come back as hints: whom it concerns is asked anyway, or lives in this browser.
        """
        if not _KID.fullmatch(kid):
            return None
        with self._autocommit.connect() as connection:
            row = connection.execute(_FORMER, {"kid": kid, "since": utcnow() - self._hint_ttl}).first()
        return self._load(row, None) if row is not None else None

    def published(self) -> list[Key]:
        """All keys that tokens in circulation may be signed with, the oldest first, as the database has them."""
        known = {key.algorithm for key in self._fresh(0.0)}
        for algorithm in ALGORITHMS:
            if algorithm not in known:
                self.ensure(algorithm)
        return self._fresh()

    def ensure(self, algorithm: Algorithm = "ES256") -> None:
        """Make the first key of an algorithm if there is none. Of several nodes that do so at once one wins."""
        for _attempt in range(_MOST_COLLISIONS):
            with self._autocommit.connect() as connection, suppress(IntegrityError):
                # In this order: whoever is between our two looks takes the number that we are about to take.
                last = int(connection.execute(_LAST).scalar() or 0)
                if connection.execute(_FIRST, {"algorithm": algorithm}).first() is None:
                    self._create(connection, last + 1, utcnow(), algorithm)
                break
        self._fresh(0.0)

    def rotate(self, *, at_once: bool = False, drop_former: bool = False) -> list[Key]:
        """Publish the next keys, retire the present ones in time, drop those that are over.

        ``at_once`` signs with the new keys immediately, although a verifier that keeps our key set may refuse
        their tokens for up to JWKS_MAX_AGE. ``drop_former`` does so and forgets all other keys: their tokens
        are refused from then on (JWT-11). Also encrypts all keys under the current secret.
        """
        try:
            newest = self._replace(at_once=at_once or drop_former, drop_former=drop_former)
        except IntegrityError:  # somebody else rotates at this moment and has our generation
            newest = self._replace(at_once=at_once or drop_former, drop_former=drop_former)
        return [key for key in self._fresh(0.0) if key.generation in newest]

    def _replace(self, *, at_once: bool, drop_former: bool) -> set[int]:
        now = utcnow()
        active_from = now if at_once else now + PUBLISH_LEAD
        with self._engine.begin() as connection:
            first = int(connection.execute(_LAST).scalar() or 0) + 1
            if drop_former:
                connection.execute(delete(SigningKey))
            elif at_once:
                connection.execute(delete(SigningKey).where(SigningKey.active_from > now))
            retires_at = active_from + self._longest_token_ttl + _LEEWAY
            connection.execute(_RETIRE, {"retires": retires_at, "starts": active_from})
            connection.execute(delete(SigningKey).where(SigningKey.retires_at <= now - self._hint_ttl))
            self._reencrypt(connection)
            for generation, algorithm in enumerate(ALGORITHMS, start=first):
                self._create(connection, generation, active_from, algorithm)
            record(connection, "keys_rotated", OPERATOR, None, facts={"at_once": at_once, "leaked": drop_former})
        return set(range(first, first + len(ALGORITHMS)))

    def _create(self, connection: Connection, generation: int, active_from: datetime, algorithm: Algorithm) -> None:
        private: PrivateKey
        if algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        else:
            private = rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        connection.execute(
            insert(SigningKey).values(
                generation=generation,
                kid=thumbprint(private.public_key()),
                algorithm=algorithm,
                private_key=self._keyring.encrypt(der),
                created_at=utcnow(),
                active_from=active_from,
                retires_at=None,
            )
        )

    def _reencrypt(self, connection: Connection) -> None:
        for row in connection.execute(select(SigningKey.generation, SigningKey.private_key)).all():
            plain = self._keyring.decrypt(row.private_key)
            if plain is not None:
                statement = update(SigningKey).where(SigningKey.generation == row.generation)
                connection.execute(statement.values(private_key=self._keyring.encrypt(plain)))

    def _fresh(self, max_age_s: float = _RELOAD_AFTER_S) -> list[Key]:
        if time.monotonic() - self._read_at < max_age_s:
            return self._keys
        with self._lock:
            if time.monotonic() - self._read_at >= max_age_s:
                try:
                    self._keys = self._read()
                    self._read_at = time.monotonic()
                except UNAVAILABLE:
                    if not self._keys:
                        raise
            return self._keys

    def _read(self) -> list[Key]:
        with self._autocommit.connect() as connection:
            rows = connection.execute(_ALL, {"now": utcnow()}).all()
        keys = []
        for position, row in enumerate(rows):
            younger = next((later for later in rows[position + 1 :] if later.algorithm == row.algorithm), None)
            keys.append(self._load(row, younger.active_from if younger is not None else None))
        if rows and not any(keys):
            raise KeysUnreadable
        return [key for key in keys if key is not None]

    def _load(self, row: Any, signs_until: datetime | None) -> Key | None:
        plain = self._keyring.decrypt(row.private_key)
        if plain is None:
            return None
        private = load_der_private_key(plain, password=None)
        if row.algorithm not in ALGORITHMS or not isinstance(private, PrivateKey):
            return None
        dates = (row.active_from, signs_until, row.retires_at, row.created_at)
        return Key(row.generation, row.kid, row.algorithm, private, *dates)


_LAST = select(SigningKey.generation).order_by(SigningKey.generation.desc()).limit(1)
_FIRST = select(SigningKey.generation).where(SigningKey.algorithm == bindparam("algorithm")).limit(1)
_ALL = (
    select(SigningKey)
    .where(SigningKey.retires_at.is_(None) | (SigningKey.retires_at > bindparam("now")))
    .order_by(SigningKey.active_from, SigningKey.generation)
)
_FORMER = select(SigningKey).where(SigningKey.kid == bindparam("kid"), SigningKey.retires_at > bindparam("since"))
_RETIRE = (
    update(SigningKey)
    .where(SigningKey.retires_at.is_(None), SigningKey.active_from <= bindparam("starts"))
    .values(retires_at=bindparam("retires"))
)


def public_jwk(public: PublicKey) -> dict[str, str]:
    """The public key as a JWK with the members that RFC 7638 hashes."""
    if isinstance(public, rsa.RSAPublicKey):
        rsa_numbers = public.public_numbers()
        length = (rsa_numbers.n.bit_length() + 7) // 8
        return {"e": _base64url(rsa_numbers.e, 3), "kty": "RSA", "n": _base64url(rsa_numbers.n, length)}
    numbers = public.public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": _base64url(numbers.x, 32), "y": _base64url(numbers.y, 32)}


def thumbprint(public: PublicKey) -> str:
    """RFC 7638: SHA-256 of the required members in lexical order, no white space."""
    canonical = json.dumps(public_jwk(public), separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def _base64url(number: int, length: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(length)).rstrip(b"=").decode()
