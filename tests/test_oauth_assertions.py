"""Apps that authenticate by a key of their own: each assertion once, from its owner, briefly (OP-33, JWT-01)."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.conftest import services_of
from tests.forging import encoded
from tests.relying import RelyingParty

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OUR_EC = ec.generate_private_key(ec.SECP256R1())
OUR_RSA = rsa.generate_private_key(65_537, 2_048)


class In(int):
    """Seconds from now, where a claim is a time."""


def keyed(app: Flask, *keys: Any, **columns: Any) -> RelyingParty:
    """An app that authenticates with its own keys."""
    jwks = []
    for number, key in enumerate(keys):
        kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        jwks.append({**json.loads(kind.to_jwk(key.public_key())), "kid": f"k{number}"})
    return RelyingParty(app, auth_method="private_key_jwt", jwks={"keys": jwks}, **columns)


def prove(
    client: RelyingParty, key: Any, algorithm: str = "ES256", header: Any = None, path: str = "token", **claims: Any
) -> tuple[int, str | None]:
    """Authenticate by an assertion with these claims; None leaves one out. Status and error."""
    now = int(time.time())
    named = {"iss": client.id, "sub": client.id, "aud": client.issuer, "exp": now + 60, "iat": now}
    wanted = named | {"jti": secrets.token_hex(8)} | claims
    known = {
        name: now + value if isinstance(value, In) else value for name, value in wanted.items() if value is not None
    }
    signed = f"{encoded({'alg': algorithm, 'kid': 'k0'} | (header or {}))}.{encoded(known)}"
    signature = encoded(jwt.get_algorithm_by_name(algorithm).sign(signed.encode(), key)) if key is not None else ""
    return present(client, f"{signed}.{signature}", path)


def present(client: RelyingParty, assertion: str, path: str = "token", **fields: str) -> tuple[int, str | None]:
    """Authenticate by this assertion."""
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
    answer = client.post(f"/oauth/{path}", form | fields, Accept="*/*")
    assert answer.is_json, (answer.status_code, answer.text[:300], assertion[:80])
    return answer.status_code, answer.json.get("error")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_every_announced_algorithm_of_assertions_works(algorithm: str, app: Flask) -> None:
    """OP-33, OP-49."""
    announced = app.test_client().get("/.well-known/openid-configuration").json
    assert algorithm in announced["token_endpoint_auth_signing_alg_values_supported"]
    key = OUR_EC if algorithm == "ES256" else OUR_RSA
    assert prove(keyed(app, key), key, algorithm) == (200, None)


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "wrong_audience": {"aud": "https://other.example"},
    "userinfo_as_audience": {"aud": "http://127.0.0.1:8000/oauth/userinfo"},
    "no_audience": {"aud": None},
    "audience_of_numbers": {"aud": [1, {}]},
    "other_issuer": {"iss": "somebody"},
    "no_issuer": {"iss": None},
    "no_subject": {"sub": None},
    "no_end": {"exp": None},
    "no_id": {"jti": None},
    "empty_id": {"jti": ""},
    "number_as_id": {"jti": 7},
    "half_character_as_id": {"jti": "\ud800"},
    "too_long": {"exp": In(3_600)},
    "over": {"exp": In(-600)},
    "end_beyond_time": {"exp": 10**40},
    "end_before_time": {"exp": -(10**40)},
    "true_as_end": {"exp": True},
    "no_number_as_end": {"exp": float("nan")},
    "endless": {"exp": float("inf")},
    "text_as_end": {"exp": "soon"},
    "issued_in_future": {"iat": In(3_000)},
    "text_as_issue": {"iat": "x"},
    "not_yet": {"nbf": In(3_000)},
    "nul_as_subject": {"sub": "\0", "iss": "\0"},
    "half_character_as_subject": {"sub": "\ud800", "iss": "\ud800"},
    "list_as_subject": {"sub": [], "iss": []},
}


@pytest.mark.parametrize("case", BAD_CLAIMS)
def test_an_assertion_with_wrong_claims_is_refused(case: str, app: Flask) -> None:
    """OP-33."""
    for path in ("token", "introspect", "revoke", "par", "device_authorization"):
        assert prove(keyed(app, OUR_EC), OUR_EC, path=path, **BAD_CLAIMS[case]) == (401, "invalid_client")


def test_an_assertion_that_lives_too_long_is_told_so(app: Flask) -> None:
    """OP-33: libraries whose default is an hour fail, and their people should not have to guess why."""
    client, now = keyed(app, OUR_EC), int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": client.issuer, "exp": now + 3_600, "jti": "a"}
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
    texts = []
    for key in (OUR_EC, ec.generate_private_key(ec.SECP256R1())):
        assertion = jwt.encode(claims, key, "ES256", headers={"kid": "k0"})
        answer = client.post("/oauth/token", form | {"client_assertion": assertion}, Accept="*/*")
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
        texts.append(answer.json["error_description"])
    assert texts == ["An assertion may live for five minutes at most.", "The client could not be authenticated."]


def test_moments_may_have_fractions(app: Flask) -> None:
    """RFC 7519, 2."""
    now = time.time()
    assert prove(keyed(app, OUR_EC), OUR_EC, exp=now + 60.5, iat=now - 0.5, nbf=now - 1.5) == (200, None)


@pytest.mark.parametrize("audience", ["", "/oauth/token", "/oauth/par"])
def test_an_assertion_names_the_portal_or_where_it_is_sent(app: Flask, audience: str) -> None:
    """RFC 9126, 2."""
    client = keyed(app, OUR_EC)
    assert prove(client, OUR_EC, aud=client.issuer + audience) == (200, None)
    assert prove(client, OUR_EC, aud=[client.issuer + audience], path="par") == (400, "invalid_request")


def test_an_assertion_is_good_once_and_for_its_client_only(app: Flask) -> None:
    """OP-33."""
    client, other = keyed(app, OUR_EC), keyed(app, OUR_RSA)
    now = int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": client.issuer, "exp": now + 60, "jti": "once"}
    assertion = jwt.encode(claims, OUR_EC, "ES256", headers={"kid": "k0"})
    assert present(other, assertion, client_id=other.id) == (401, "invalid_client")
    again = jwt.encode(claims | {"jti": "twice"}, OUR_EC, "ES256", headers={"kid": "k0"})
    assert [present(client, again) for _ in range(3)] == [(200, None), *[(401, "invalid_client")] * 2]
    assert present(client, again, "introspect", token="t") == (401, "invalid_client")
    assert prove(client, OUR_RSA, "RS256") == (401, "invalid_client"), "signed by another client's key"
    assert prove(other, OUR_EC) == (401, "invalid_client")
    assert prove(RelyingParty(app), OUR_EC) == (401, "invalid_client"), "a client with a secret"
    assert prove(RelyingParty(app, auth_method="none"), OUR_EC) == (401, "invalid_client")
    fields = {"grant_type": "client_credentials", "client_id": client.id}
    assert client.post("/oauth/token", fields | {"client_secret": "x"}, Accept="*/*").status_code == 401
    assert client.post("/oauth/token", fields | {"client_assertion": assertion}, Accept="*/*").status_code == 401


def test_no_forged_assertion_authenticates(app: Flask) -> None:
    """JWT-01, JWT-02: nor does any break the endpoint."""
    client, both = keyed(app, OUR_RSA), keyed(app, OUR_RSA, OUR_EC)
    pem = OUR_RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).replace(b"-", b"")
    stranger = rsa.generate_private_key(65_537, 2_048)
    mine = json.loads(RSAAlgorithm.to_jwk(stranger.public_key()))
    refused = (401, "invalid_client")
    assert prove(client, None, "none") == refused
    for key in (pem, json.dumps(client.client.jwks["keys"][0]).encode(), b"k0"):
        assert prove(client, key, "HS256") == refused
    for algorithm in ("RS384", "RS512", "PS384", "PS512"):
        assert prove(client, OUR_RSA, algorithm) == refused
    for header in ({}, {"jwk": mine}, {"jku": "http://127.0.0.1:9/"}, {"x5u": "http://127.0.0.1:9/"}, {"x5c": ["x"]}):
        assert prove(client, stranger, "RS256", header) == refused
    odd: list[dict[str, Any]] = [
        *({"kid": kid} for kid in ('x"\u00e9', 1, "k9")),
        *({"alg": alg} for alg in ('"\n\\\u00e9', 1, ["RS256"], None)),
        *({"crit": crit} for crit in (["\u00e9"], 1, ["exp"])),
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
    ]
    for header in odd:
        assert prove(client, OUR_RSA, "RS256", header) == refused, header
    assert prove(both, OUR_EC, "ES256", {"kid": "k0"}) == refused, "the kid of the other key"
    assert prove(both, OUR_EC, "ES256", {"kid": "k1"}) == (200, None)
    deep = encoded("[" * 4_000)
    rs256 = encoded({"alg": "RS256"})
    for text in ("x", "..", ".", f"{deep}.e30.x", f"{rs256}.{deep}.x", f"{rs256}.e30", f"{rs256}.W10.x", "\0.\0.\0"):
        assert present(client, text) == refused, text[:20]
    assert services_of(app).clients.find(client.id) is not None
