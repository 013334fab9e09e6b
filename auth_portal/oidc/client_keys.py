"""The keys with which a client signs, as an operator gives them."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

MAX_ITEMS = 50
"""The most entries of any list of a client."""
FILE_SIZE = 65_536
"""The most bytes of a file that an operator gives."""
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_KEY_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")


def public_keys(jwks: Any) -> list[dict[str, Any]]:
    """The public keys of a file or a JWK set, only their public members. Raises ValueError."""
    try:
        keys = (json.loads(jwks) if isinstance(jwks, bytes) else jwks)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        keys = None
    if (
        not isinstance(keys, list)
        or not 0 < len(keys) <= MAX_ITEMS
        or (isinstance(jwks, bytes) and len(jwks) > FILE_SIZE)
    ):
        raise ValueError(
            f'the keys must be JSON {{"keys": [...]}} with 1 to {MAX_ITEMS} keys, at most {FILE_SIZE} bytes'
        )
    for position, key in enumerate(keys, start=1):
        if not isinstance(key, dict) or _PRIVATE_MEMBERS & key.keys():
            raise ValueError(f"key {position} is private or symmetric: give only the public part")
        if not _is_usable(key):
            raise ValueError(f"key {position} is no RSA key of 2048 bits or more for signatures, nor one on P-256")
    return [{name: key[name] for name in _KEY_MEMBERS if name in key} for key in keys]


def _is_usable(key: dict[str, Any]) -> bool:
    if key.get("use", "sig") != "sig" or not all(isinstance(key.get(name, ""), str) for name in _KEY_MEMBERS):
        return False
    try:
        public = PyJWK(key).key
    except (PyJWTError, ValueError, TypeError, LookupError):
        return False
    if isinstance(public, RSAPublicKey):
        return public.key_size >= 2_048
    return isinstance(public, EllipticCurvePublicKey) and public.curve.name == "secp256r1"
