"""How a client may prove that it is the one: methods that are safe, PKCE, and public keys of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.registering import EC_KEY, KEYS, RSA_KEY, columns, faults, jwk


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"grant_types": ("password",)}, "unknown grant 'password'"),
        ({"grant_types": ("implicit",)}, "unknown grant 'implicit'"),
        ({"grant_types": ("authorization_code",), "redirect_uris": ()}, "needs a redirect URI"),
        ({"grant_types": ("client_credentials",), "auth_method": "none"}, "public client may not"),
        ({"grant_types": ("refresh_token", "client_credentials")}, "needs authorization_code or device_code"),
        ({"auth_method": "client_secret_jwt"}, "the authentication method must be one of"),
        ({"auth_method": "none", "require_pkce": False}, "without PKCE"),
        ({"auth_method": "private_key_jwt"}, "either keys or the URI"),
        (
            {"auth_method": "private_key_jwt", "jwks": KEYS, "jwks_uri": "https://a.example/keys"},
            "either keys or the URI",
        ),
        ({"jwks": KEYS}, "either keys or the URI"),
        ({"auth_method": "private_key_jwt", "jwks_uri": "http://a.example/keys"}, "must be https"),
        ({"id_token_algorithm": "none"}, "RS256, ES256"),
        ({"id_token_algorithm": "HS256"}, "RS256, ES256"),
    ],
)
def test_a_way_that_is_not_safe_or_cannot_work_is_refused(wanted: dict[str, Any], reason: str) -> None:
    """OP-04, OP-06, OP-31, OP-38."""
    assert any(reason in fault for fault in faults(**wanted))


def test_only_a_confidential_client_is_exempted_from_pkce() -> None:
    """OP-06, D5."""
    assert columns()["require_pkce"] is True
    assert columns(require_pkce=False)["require_pkce"] is False


def test_the_public_keys_of_a_client_are_kept_without_anything_else() -> None:
    """OP-33."""
    key = jwk(EC_KEY, kid="one", use="sig", x5u="https://evil.example/")
    for given in (json.dumps({"keys": [key]}).encode(), {"keys": [key]}):
        kept = columns(auth_method="private_key_jwt", jwks=given)["jwks"]
        assert [sorted(each) for each in kept["keys"]] == [["crv", "kid", "kty", "use", "x", "y"]]
    assert len(columns(auth_method="private_key_jwt", jwks=KEYS)["jwks"]["keys"]) == 2


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (jwk(EC_KEY, private=True), "private"),
        (jwk(RSA_KEY, private=True), "private"),
        ({"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode()}, "symmetric"),
        ({"kty": "oct"}, "no RSA key"),
        (jwk(rsa.generate_private_key(65_537, 1_024)), "no RSA key of 2048 bits"),
        (jwk(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (jwk(EC_KEY, use="enc"), "for signatures"),
        ({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}, "P-256"),
        ({"kty": ["RSA"]}, "no RSA key"),
        ({}, "no RSA key"),
        ("text", "only the public part"),
    ],
)
def test_a_key_that_is_no_strong_public_key_is_refused(key: Any, reason: str) -> None:
    """OP-33, JWT-09."""
    (fault,) = faults(auth_method="private_key_jwt", jwks=json.dumps({"keys": [jwk(EC_KEY), key]}).encode())
    assert reason in fault
    assert "key 2" in fault


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"[]", b"{}", b'{"keys": []}', b'{"keys": 1}', b"\xff", b"[" * 60_000, KEYS + b" " * 70_000],
    ids=range(9),
)
def test_a_file_that_holds_no_keys_is_refused(content: bytes) -> None:
    assert any("key" in fault for fault in faults(auth_method="private_key_jwt", jwks=content))


@pytest.mark.parametrize("key", [jwk(EC_KEY), jwk(RSA_KEY)])
def test_a_strong_public_key_is_accepted(key: dict[str, Any]) -> None:
    """OP-33."""
    assert columns(auth_method="private_key_jwt", jwks={"keys": [key]})["jwks"]["keys"] == [
        {name: value for name, value in key.items() if name != "key_ops"}
    ]
