"""Access tokens of the JSON API that somebody forged, or that are none at all."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt.algorithms import ECAlgorithm

from auth_portal.signin.keys import ALGORITHMS, Algorithm, Key
from tests.bearing import CLAIMS, ISSUER, UNAUTHORIZED, me, tokens
from tests.conftest import NOW, services_of
from tests.drivers import ApiDriver, outcome

__all__ = ["tokens"]


def base64url(value: bytes) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass(frozen=True)
class Forged:
    """How a forged token differs from a good one; None leaves a member out."""

    head: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = "ours"
    alg: str = "ES256"

    def token(self, good: str, ours: Key, others: Key) -> str:
        """The forgery. ``others`` is our key of the other algorithm, which signs ID tokens only."""
        head = {**jwt.get_unverified_header(good), **self.head, "alg": self.alg}
        claims = {**jwt.decode(good, options={"verify_signature": False}), **self.claims}
        head, claims = ({name: value for name, value in part.items() if value is not None} for part in (head, claims))
        head = {name: others.kid if value == "theirs" else value for name, value in head.items()}
        key = {"ours": ours.private, "theirs": others.private}.get(self.key) if type(self.key) is str else self.key
        return jwt.encode(claims, key, self.alg, headers=head)


OTHER = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65_537, 2_048)
ELSEWHERE = "http://127.0.0.1:9/keys"
FORGED: dict[str, Forged] = {
    "alg none": Forged(key=None, alg="none"),
    "alg none under the kid of the other algorithm": Forged({"kid": "theirs"}, key=None, alg="none"),
    "RS256 of a foreign key": Forged(key=RSA, alg="RS256"),
    "RS256 of a foreign key under our RS256 kid": Forged({"kid": "theirs"}, key=RSA, alg="RS256"),
    "RS256 of our own key": Forged({"kid": "theirs"}, key="theirs", alg="RS256"),
    "RS256 of our own key under the kid of ES256": Forged(key="theirs", alg="RS256"),
    "PS256 of our own key": Forged({"kid": "theirs"}, key="theirs", alg="PS256"),
    "ES256 under the kid of RS256": Forged({"kid": "theirs"}),
    "a foreign key under our kid": Forged(key=OTHER),
    "an embedded key": Forged({"jwk": json.loads(ECAlgorithm.to_jwk(OTHER.public_key()))}, key=OTHER),
    "a key from elsewhere": Forged({"jku": ELSEWHERE, "x5u": ELSEWHERE}, key=OTHER),
    "an unknown kid": Forged({"kid": "../../etc/passwd"}),
    "no kid": Forged({"kid": None}),
    "an unknown crit": Forged({"crit": ["future"], "future": 1}),
    "typ JWT": Forged({"typ": "JWT"}),
    "typ of a logout token": Forged({"typ": "logout+jwt"}),
    "another issuer": Forged(claims={"iss": "https://evil.example"}),
    "another audience": Forged(claims={"aud": "https://evil.example"}),
    "several audiences": Forged(claims={"aud": [ISSUER, "https://evil.example"]}),
    "no audience at all": Forged(claims={"aud": []}),
    "an audience of a wrong type": Forged(claims={"aud": {ISSUER: ISSUER}}),
    "an unknown grant": Forged(claims={"grant_id": "0" * 32}),
    "neither session nor auth_time": Forged(claims={"sid": None, "auth_time": None}),
    "no scope": Forged(claims={"scope": None}),
    "not valid yet": Forged(claims={"nbf": NOW.timestamp() + 60}),
    "issued in the future": Forged(claims={"iat": NOW.timestamp() + 60}),
    "over": Forged(claims={"exp": NOW.timestamp() - 60}),
    "an exp that is no number": Forged(claims={"exp": "later"}),
    "an unknown session": Forged(claims={"sid": "0" * 32}),
    "a session of a wrong type": Forged(claims={"sid": {"a": 1}}),
    "a huge token": Forged(claims={"pad": "x" * 9_000}),
    **{f"no {name}": Forged(claims={name: None}) for name in CLAIMS},
}


def test_a_forged_token_is_refused(app: Flask, api: ApiDriver, tokens: dict[str, Any]) -> None:
    """JWT-01, JWT-02, JWT-03, JWT-05: each differs from a good one in what its name says only."""
    keys = services_of(app).keys
    good, both = tokens["accessToken"], (keys.current(), keys.current("RS256"))
    assert me(api, Forged().token(good, *both)).status_code == 200
    assert {name: outcome(me(api, forged.token(good, *both))) for name, forged in FORGED.items()} == dict.fromkeys(
        FORGED, UNAUTHORIZED
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("named", ALGORITHMS)
def test_an_hmac_by_our_public_key_is_refused(
    app: Flask, api: ApiDriver, tokens: dict[str, Any], algorithm: Algorithm, named: Algorithm
) -> None:
    """JWT-01: the key confusion of RFC 8725, section 2.1. By hand, since libraries refuse to make one."""
    keys = services_of(app).keys
    secret = keys.current(algorithm).public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {**jwt.get_unverified_header(tokens["accessToken"]), "alg": "HS256", "kid": keys.current(named).kid}
    part = f"{base64url(json.dumps(head).encode())}.{tokens['accessToken'].split('.')[1]}"
    assert outcome(me(api, f"{part}.{base64url(hmac.digest(secret, part.encode(), 'sha256'))}")) == UNAUTHORIZED


def test_what_is_no_token_at_all_is_refused(api: ApiDriver) -> None:
    deep = f"{base64url(b'[' * 2_900)}.e30.AA"
    for token in ("x", "..", "a.b.c", deep, "ş.ş.ş".encode().decode("latin-1"), "e30.e30.", "%00.."):
        refused = me(api, token)
        assert (outcome(refused), refused.json["errors"]) == (UNAUTHORIZED, ["Unauthorized"])
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
