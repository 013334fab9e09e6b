"""Proof of work: past the send limit of a source network, at the price of some computing (OTP-40).

Offered only where the limit of a network, not that of an inbox, refuses a code. It is never the only way in: waiting
works as well. Nobody has to recognise, remember or type anything, and no third party takes part. Puzzles have the
format of ALTCHA, version 2, whose libraries make, solve and check them. Nothing is kept of a puzzle that was handed
out: its signature says all. Whoever takes a solution must see to it that its ticket is spent only once.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import Any

import altcha

from auth_portal.db import utcnow
from auth_portal.signin.keyring import KeyRing

LIFETIME = timedelta(minutes=10)
"""How long a puzzle may be solved."""
REMEMBERED = 2 * LIFETIME
"""How long a spent ticket must stay spent: longer than its puzzle lives by the clock of any node."""
MAX_SOLUTION = 1_024
"""Characters that a solution may have; one by the libraries has about 750."""
MAX_TRIES = 1_200
"""Keys that have to be derived at most; half of them on average. In a browser 0.5 s on a desktop, 1.5 s on a phone.

The number that is looked for is drawn here, not left to chance: a hash with so many zeros would make one person in a
hundred wait five times as long.
"""
_ALGORITHM = "PBKDF2/SHA-256"  # the slow hash that every browser brings along, as fast as it is on the server
_COST = 5_000


class ProofOfWork:
    """Makes puzzles and checks their solutions."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keys = keyring.keys("proof-of-work")

    def issue(self, network: str) -> dict[str, Any]:
        """A puzzle for callers from this source network: an ALTCHA challenge, as it goes over the wire."""
        key = self._keys[0]
        challenge = altcha.create_challenge(
            _ALGORITHM,
            _COST,
            counter=secrets.randbelow(MAX_TRIES),
            expires_at=utcnow() + LIFETIME,
            hmac_secret=_bound_key(key, "puzzle", network),
            hmac_key_secret=_bound_key(key, "solution", network),
        )
        return challenge.to_dict()

    def check(self, solution: str, network: str) -> str | None:
        """The ticket of a solved puzzle of this network; None for anything else, whatever it is.

        ``solution``: base64 of the JSON object with ``challenge`` and ``solution``. The ticket is the puzzle's: all
        its solutions, however they are spelled, have the same. Costs a few keyed hashes, no derivation.
        """
        if len(solution) > MAX_SOLUTION:
            return None
        try:
            payload = altcha.Payload.from_base64(solution)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not any(_is_solved(payload, key, network) for key in self._keys):
            return None
        return payload.challenge.parameters.nonce


def _is_solved(payload: altcha.Payload, key: bytes, network: str) -> bool:
    return altcha.verify_solution(
        payload,
        _bound_key(key, "puzzle", network),
        hmac_key_secret=_bound_key(key, "solution", network),
    ).verified


def _bound_key(key: bytes, purpose: str, network: str) -> bytes:
    """The key of one network: under it a puzzle of another one was never signed."""
    return hmac.digest(key, f"{purpose}:{network}".encode(), "sha256")
