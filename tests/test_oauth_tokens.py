"""The token endpoint: who may ask for tokens, how, and what the tokens say (OP-31 … OP-38, RFC 8707)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from jwt.algorithms import ECAlgorithm

from auth_portal.oidc.clients import SECRET_OVERLAP
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, basic, new_verifier, s256
from tests.support.receiver import Receiver, Reply

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ORDERS, FILES = "https://orders.example/v1", "https://files.example"


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def own(client: RelyingParty, auth: dict[str, str] | None = None, **fields: Any) -> tuple[int, dict[str, Any]]:
    """A client asks for a token of its own: status and body."""
    answer = client.post("/oauth/token", {"grant_type": "client_credentials", **fields}, **(auth or {}))
    return answer.status_code, dict(answer.json)


def assertion(client: RelyingParty, key: Any, kid: str) -> dict[str, str]:
    """The fields of private_key_jwt."""
    now = int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": client.issuer, "exp": now + 60, "jti": new_verifier()}
    signed = jwt.encode(claims, key, "ES256", headers={"kid": kid})
    return {"client_assertion_type": ASSERTION, "client_assertion": signed}


@pytest.mark.parametrize(
    ("registered", "works"),
    [
        (None, {"basic", "post"}),
        ("client_secret_basic", {"basic"}),
        ("client_secret_post", {"post"}),
    ],
)
def test_a_secret_comes_in_the_ways_that_were_registered(app: Flask, registered: str | None, works: set[str]) -> None:
    """OP-31."""
    client = RelyingParty(app, auth_method=registered)
    in_body = {"client_id": client.id, "client_secret": client.secret}
    assert (own(client)[0] == 200) == ("basic" in works)
    assert (own(client, {"Accept": "*/*"}, **in_body)[0] == 200) == ("post" in works)


def test_a_secret_in_basic_is_form_encoded_first(app: Flask) -> None:
    """OP-31: every character as %XX is the same secret."""
    client = RelyingParty(app)
    coded = "".join(f"%{ord(letter):02X}" for letter in client.secret or "")
    pair = base64.b64encode(f"{quote(client.id)}:{coded}".encode()).decode()
    assert own(client, {"Authorization": f"Basic {pair}"})[0] == 200


def test_a_rotated_secret_works_beside_the_new_one_for_a_while(app: Flask, clock: time_machine.Traveller) -> None:
    """OP-34."""
    client = RelyingParty(app)
    new = services_of(app).clients.rotate_secret(client.id)
    assert new is not None
    assert own(client)[0] == 200
    assert own(client, basic(client.id, new))[0] == 200
    clock.shift(SECRET_OVERLAP)
    assert own(client)[0] == 401
    assert own(client, basic(client.id, new))[0] == 200


def test_a_client_publishes_its_keys_at_an_address(app: Flask, ada: BrowserDriver) -> None:
    """OP-33: a key that is changed there is good at once, the former one no more."""
    former, newer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    sets = [
        {"keys": [{**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid}]}
        for key, kid in ((former, "a"), (newer, "b"))
    ]
    replies = [Reply(body=json.dumps(keys).encode()) for keys in (sets[0], sets[1])]
    with Receiver(*replies) as receiver:
        client = RelyingParty(app, auth_method="private_key_jwt", jwks_uri=f"{receiver.url}/jwks")
        anonymous = {"Accept": "*/*"}
        assert own(client, anonymous, **assertion(client, former, "a"))[0] == 200
        assert own(client, anonymous, **assertion(client, newer, "b"))[0] == 200
        assert own(client, anonymous, **assertion(client, former, "a"))[1]["error"] == "invalid_client"
        code = client.code_for(ada)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        assert client.post("/oauth/token", form | assertion(client, newer, "b"), **anonymous).status_code == 200
        receiver.replies[:] = [Reply(500)]
        assert own(client, anonymous, **assertion(client, newer, "b"))[0] == 401


def test_a_public_client_exchanges_its_code_with_a_verifier(app: Flask, ada: BrowserDriver) -> None:
    client = RelyingParty(app, auth_method="none", require_pkce=True)
    verifier = new_verifier()
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    assert client.exchange(client.code_for(ada, **challenge)).json["error"] == "invalid_grant"
    code = client.code_for(ada, **challenge)
    assert client.exchange(code, code_verifier=new_verifier()).json["error"] == "invalid_grant"
    tokens = client.exchange(client.code_for(ada, **challenge), code_verifier=verifier)
    assert tokens.status_code == 200
    assert tokens.headers["Cache-Control"] == "no-store"


def test_a_client_of_its_own_gets_its_own_scopes(app: Flask) -> None:
    """RFC 6749, 4.4: nothing that speaks of a person, and nothing to go on with."""
    client = RelyingParty(app, scopes=["openid", "email", "offline_access", "orders:read", "orders:write"])
    status, body = own(client)
    assert (status, body["scope"], body["token_type"]) == (200, "orders:read orders:write", "Bearer")
    assert not {"refresh_token", "id_token"} & body.keys()
    claims = client.claims(body["access_token"], client.issuer)
    assert (claims["sub"], claims["client_id"]) == (client.id, client.id)
    assert not {"sid", "auth_time", "grant_id"} & claims.keys()
    assert own(client, scope="orders:read unknown")[1]["scope"] == "orders:read"
    assert own(client, scope="openid email")[1]["error"] == "invalid_scope"
    assert client.userinfo(body["access_token"]).status_code == 403


def test_only_confidential_clients_that_registered_it_act_for_themselves(app: Flask) -> None:
    """OP-38."""
    public = RelyingParty(app, auth_method="none")
    assert own(public, client_id=public.id)[1]["error"] == "invalid_client"
    assert own(RelyingParty(app, grant_types=["authorization_code"]))[1]["error"] == "unauthorized_client"


def test_a_client_uses_only_the_grants_that_it_registered(app: Flask, ada: BrowserDriver) -> None:
    """OP-38."""
    machine = RelyingParty(app, grant_types=["client_credentials"])
    assert answer_in(ada.get(machine.address()))["error"] == "unauthorized_client"
    assert machine.exchange("x").json["error"] == "unauthorized_client"
    assert machine.refresh("x").json["error"] == "unauthorized_client"


def test_a_token_lives_as_long_as_its_client_says(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    client, usual = RelyingParty(app, access_token_ttl=120), RelyingParty(app)
    tokens, others = client.sign_in(ada), usual.sign_in(ada)
    claims = client.claims(tokens["access_token"], client.issuer)
    assert (tokens["expires_in"], claims["exp"] - claims["iat"]) == (120, 120)
    assert others["expires_in"] > 120
    clock.shift(119)
    assert client.userinfo(tokens["access_token"]).status_code == 200
    clock.shift(8)
    assert client.userinfo(tokens["access_token"]).status_code == 401
    assert usual.userinfo(others["access_token"]).status_code == 200


def test_a_refresh_token_lives_as_long_as_its_client_says(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """REF-05: from the sign-in on, however often it is exchanged."""
    client = RelyingParty(app, refresh_token_ttl=3_600)
    token = client.sign_in(ada, scope="openid offline_access")["refresh_token"]
    for _ in range(2):
        clock.shift(1_700)
        token = client.refresh(token).json["refresh_token"]
    clock.shift(200)
    assert client.refresh(token).json["error"] == "invalid_grant"


def test_an_access_token_names_its_resources(app: Flask, ada: BrowserDriver) -> None:
    """RFC 8707: those of the request, narrowed at each exchange; beside them userinfo, where openid is asked."""
    client = RelyingParty(app, resources=[ORDERS, FILES], scopes=["openid", "offline_access", "read"])

    def audience(tokens: Any) -> Any:
        return jwt.decode(tokens["access_token"], options={"verify_signature": False})["aud"]

    both = {"resource": ORDERS, "scope": "openid offline_access read"}
    address = client.address(**both) + "&resource=" + quote(FILES, safe="")
    tokens = client.exchange(answer_in(ada.get(address))["code"]).json
    assert audience(tokens) == [ORDERS, FILES, client.issuer]
    assert client.userinfo(tokens["access_token"]).status_code == 200
    narrowed = client.refresh(tokens["refresh_token"], resource=FILES).json
    assert audience(narrowed) == [FILES, client.issuer]
    assert audience(client.refresh(narrowed["refresh_token"]).json) == [ORDERS, FILES, client.issuer]
    plain = client.exchange(client.code_for(ada, scope="read", resource=ORDERS)).json
    assert audience(plain) == ORDERS
    assert client.userinfo(plain["access_token"]).status_code == 401
    code = client.code_for(ada, scope="read", resource=ORDERS)
    assert client.exchange(code, resource=FILES).json["error"] == "invalid_target"
    assert own(client, resource=FILES)[0] == 200
    assert own(client, resource="https://foreign.example")[1]["error"] == "invalid_target"
    foreign = answer_in(ada.get(client.address(resource="https://foreign.example")))
    assert foreign["error"] == "invalid_target"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_an_id_token_says_who_when_and_how(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller, algorithm: str
) -> None:
    """OP-37, OP-29: signed as the client wants it; no name and no address in it."""
    client = RelyingParty(app, id_token_algorithm=algorithm)
    clock.shift(90)
    tokens = client.sign_in(ada, acr_values="urn:something:high")
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == algorithm
    claims = client.claims(tokens["id_token"])
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (client.issuer, client.id, "nonce-of-the-app")
    assert (claims["acr"], claims["amr"]) == ("urn:auth-portal:acr:code", ["otp"])
    assert claims["iat"] - claims["auth_time"] == 90
    assert claims.keys() == {
        "iss", "sub", "aud", "iat", "exp", "auth_time", "sid", "acr", "amr", "at_hash", "nonce",
    }  # fmt: skip


def test_without_openid_there_is_no_id_token(app: Flask, ada: BrowserDriver) -> None:
    """OP-13: plain OAuth."""
    client = RelyingParty(app)
    tokens = client.sign_in(ada, scope="email")
    assert "id_token" not in tokens
    assert client.userinfo(tokens["access_token"]).status_code == 403
