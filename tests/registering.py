"""How tests register clients: what is good in a registration, and what a bad one is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from auth_portal.oidc.registration import Registration, RegistrationRefused

RETURN = ("https://app.example/cb",)
PNG = b"\x89PNG\r\n\x1a\n and pixels"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">%s</svg>'


def jwk(key: Any, *, private: bool = False, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key if private else key.public_key(), as_dict=True), **more}


EC_KEY, RSA_KEY = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 2_048)
KEYS = json.dumps({"keys": [jwk(EC_KEY, kid="one"), jwk(RSA_KEY, kid="two", use="sig", alg="RS256")]}).encode()


def columns(**wanted: Any) -> dict[str, Any]:
    """The columns of a registration that is good."""
    return Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked().columns


def faults(**wanted: Any) -> tuple[str, ...]:
    """Why a registration is refused."""
    with pytest.raises(RegistrationRefused) as refused:
        Registration(**{"name": "Wiki", "redirect_uris": RETURN, **wanted}).checked()
    return refused.value.faults
