"""What the discovery document says of how clients prove who they are is true: each way that there is, tried (OP-49).

One database is enough: that the ways work was tested on both elsewhere, here only that they are told as they are.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.oidcc import DOCUMENT, ISSUER, PostingParty, Suite, check_refused, standing_suite
from tests.relying import RelyingParty
from tests.support.smtp import MailSink

OTHER_METHODS = ("client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth")
OTHER_ALGORITHMS = ("none", "HS256", "HS512", "RS384", "RS512", "ES384", "PS512", "EdDSA")
_PATHS = {"token": "/oauth/token", "revocation": "/oauth/revoke", "introspection": "/oauth/introspect"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}


@pytest.fixture(scope="module")
def suite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Suite]:
    """A portal for all tests of this module."""
    with standing_suite(sqlite_template, tmp_path_factory.mktemp("clients"), sink) as standing:
        yield standing


@cache
def key_for(algorithm: str) -> Any:
    """A key that signs by this algorithm."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("HS"):
        return secrets.token_bytes(64)
    return None if algorithm == "none" else rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def jwk_for(algorithm: str) -> dict[str, Any]:
    """What verifies it. A secret is here, too: not that it is missing must be what refuses it."""
    key = key_for("RS256" if algorithm == "none" else algorithm)
    public = key if isinstance(key, bytes) else key.public_key()
    maker = get_default_algorithms()["RS256" if algorithm == "none" else algorithm]
    return {**json.loads(maker.to_jwk(public)), "kid": "1"}


def assertion(client_id: str, algorithm: str, key: Any) -> dict[str, str]:
    """The fields by which a client proves who it is with a JWT of its own (RFC 7523, 2.2)."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": ISSUER, "iat": now, "exp": now + 60}
    signed = jwt.encode({**claims, "jti": secrets.token_hex(8)}, key, algorithm, headers={"kid": "1"})
    return {"client_assertion_type": _ASSERTION, "client_assertion": signed, "client_id": client_id}


def is_known_by_method(suite: Suite, endpoint: str, method: str) -> bool:
    """Whether a client is known at an endpoint that authenticates by a method."""
    if method == "private_key_jwt":
        return is_known_by_signature(suite, endpoint, "RS256")
    if method in ("client_secret_basic", "client_secret_post"):
        kind = PostingParty if method == "client_secret_post" else RelyingParty
        return is_known(endpoint, kind(suite.app, auth_method=method), {})
    if method == "none":
        public = RelyingParty(suite.app, auth_method="none", require_pkce=True)
        return is_known(endpoint, public, {"client_id": public.id})
    party = RelyingParty(suite.app)
    fields = {"client_id": party.id}
    if method == "client_secret_jwt":
        fields = assertion(party.id, "HS256", party.secret)
    return is_known(endpoint, party, fields, **{"X-Client-Cert": "of the client"})


def is_known_by_signature(suite: Suite, endpoint: str, algorithm: str) -> bool:
    """Whether a client is known at an endpoint that signs its assertion by an algorithm."""
    party = RelyingParty(suite.app, auth_method="private_key_jwt", jwks={"keys": [jwk_for(algorithm)]})
    return is_known(endpoint, party, assertion(party.id, algorithm, key_for(algorithm)), Accept="application/json")


def is_known(endpoint: str, party: RelyingParty, fields: dict[str, str], **headers: str) -> bool:
    """Whether the endpoint takes the client for whom it says it is, asked about a token that nobody has."""
    unknown = {"token": "unknown", "grant_type": "refresh_token", "refresh_token": "unknown"}
    answer = party.post(_PATHS[endpoint], {**unknown, **fields}, **headers)
    if answer.status_code == 200 or answer.json["error"] == "invalid_grant":
        return True
    check_refused(answer, "invalid_client", 401)
    return False


CASES = [
    (endpoint, way, value)
    for endpoint in _PATHS
    for way, others in (("methods", ("none", *OTHER_METHODS)), ("signing_alg_values", OTHER_ALGORITHMS))
    for value in dict.fromkeys([*DOCUMENT[f"{endpoint}_endpoint_auth_{way}_supported"], *others])
]


@pytest.mark.parametrize(("endpoint", "way", "value"), CASES)
def test_what_is_listed_works_and_nothing_else(suite: Suite, endpoint: str, way: str, value: str) -> None:
    is_listed = value in DOCUMENT[f"{endpoint}_endpoint_auth_{way}_supported"]
    check = is_known_by_method if way == "methods" else is_known_by_signature
    assert check(suite, endpoint, value) is is_listed
