"""Forged and misplaced tokens: refused at every place that takes one (JWT-01, JWT-02, JWT-03)."""

from __future__ import annotations

import json
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt.algorithms import ECAlgorithm

from tests.drivers import ApiDriver, BrowserDriver
from tests.forging import DEEP, encoded, rewritten
from tests.relying import GOODBYE, RelyingParty, ada, answer_in, shop

__all__ = ["ada", "shop"]

OUR_EC = ec.generate_private_key(ec.SECP256R1())
OUR_RSA = rsa.generate_private_key(65_537, 2_048)


def forgeries(token: str, app: Flask) -> dict[str, str]:
    """What a forger makes of a good token, by name."""
    kid = jwt.get_unverified_header(token)["kid"]
    jwks = app.test_client().get("/.well-known/jwks.json").json["keys"]
    public = next(key for key in jwks if key["kid"] == kid)
    spare = next(key for key in jwks if key["kid"] != kid)
    loaded = jwt.PyJWK(public).key
    pem = loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mine = {**json.loads(ECAlgorithm.to_jwk(OUR_EC.public_key())), "alg": "ES256"}
    elsewhere = "http://127.0.0.1:9/keys"
    bare = token.rpartition(".")[0]
    hs256: Callable[[bytes, str], str] = lambda secret, alg: rewritten(token, secret, alg, alg=alg)  # noqa: E731
    return {
        "none": rewritten(token, alg="none").rpartition(".")[0] + ".",
        "none_in_capitals": rewritten(token, alg="NONE").rpartition(".")[0] + ".",
        "none_signed": rewritten(token, alg="none"),
        "no_alg": rewritten(token, alg=None),
        "hs256_with_the_public_jwk": hs256(json.dumps(public).encode(), "HS256"),
        "hs256_with_the_kid": hs256(kid.encode(), "HS256"),
        "hs256_with_nothing": rewritten(token, alg="HS256").rpartition(".")[0] + "." + encoded(b"\0" * 32),
        "hs512_with_the_der": hs256(pem.replace(b"-----", b""), "HS512"),
        "stranger_es256": rewritten(token, OUR_EC, "ES256", alg="ES256"),
        "stranger_rs256": rewritten(token, OUR_RSA, "RS256", alg="RS256"),
        "stranger_ps256": rewritten(token, OUR_RSA, "PS256", alg="PS256"),
        "stranger_rs512": rewritten(token, OUR_RSA, "RS512", alg="RS512"),
        "other_key_of_ours": rewritten(token, kid=spare["kid"]),
        "unknown_kid": rewritten(token, OUR_EC, "ES256", alg="ES256", kid="mine"),
        "kid_of_a_file": rewritten(token, b"", "HS256", alg="HS256", kid="../../../../dev/null"),
        "kid_of_sql": rewritten(token, kid="x' UNION SELECT 1 --"),
        "kid_is_a_number": rewritten(token, kid=1),
        "kid_is_a_list": rewritten(token, kid=[kid]),
        "kid_with_nul": rewritten(token, kid="\0"),
        "embedded_jwk": rewritten(token, OUR_EC, "ES256", alg="ES256", jwk=mine),
        "embedded_jwk_and_no_kid": rewritten(token, OUR_EC, "ES256", alg="ES256", jwk=mine, kid="x"),
        "jku": rewritten(token, OUR_EC, "ES256", alg="ES256", jku=elsewhere),
        "x5u": rewritten(token, OUR_EC, "ES256", alg="ES256", x5u=elsewhere),
        "x5c": rewritten(token, OUR_EC, "ES256", alg="ES256", x5c=["MIIB"]),
        "unknown_crit": rewritten(token, crit=["exp", "x"], x=1),
        "b64": rewritten(token, crit=["b64"], b64=False),
        "changed_claims": rewritten(token, claims={"scope": "openid account", "sub": "x", "aud": "x"}),
        "no_signature": f"{bare}.",
        "cut_signature": token[:-4],
        "two_parts": bare,
        "four_parts": f"{token}.x",
        "deep_header": f"{encoded(DEEP)}.e30.x",
        "deep_claims": f"{token.split('.')[0]}.{encoded(DEEP)}.x",
        "header_is_a_list": f"{encoded([])}.e30.x",
        "header_is_no_json": f"{encoded('x')}.e30.x",
        "letters": "\u00e9.\u0131.\U0001f600",
        "zeroes": f"{token.split('.')[0]}.{token.split('.')[1]}.{encoded(bytes(64))}",
        "one_byte": ".",
        "dots": "..",
    }


def test_no_forged_access_token_opens_anything(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, api: ApiDriver
) -> None:
    """JWT-01, JWT-02: at userinfo, in its body, at the API and for who asks about it."""
    good = shop.sign_in(ada)["access_token"]
    own = api.at("203.0.113.5").register("grace@example.com")["accessToken"]
    for name, forged in forgeries(good, app).items():
        told = shop.post("/oauth/introspect", {"token": forged})
        assert (told.status_code, told.json) == (200, {"active": False}), name
        assert shop.post("/oauth/revoke", {"token": forged}).status_code == 200, name
        assert shop.post("/oauth/userinfo", {"access_token": forged}, Accept="*/*").status_code == 401, name
        if forged.isascii():
            refused = shop.userinfo(forged)
            assert (refused.status_code, refused.json) == (401, {"error": "invalid_token"}), name
    for name, forged in forgeries(own, app).items():
        if forged.isascii():
            assert api.call("GET", "me", token=forged).status_code == 401, name
    assert shop.userinfo(good).status_code == 200
    assert api.call("GET", "me", token=own).status_code == 200


def test_no_forged_hint_is_believed(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-17, OP-52: neither where a sign-in begins nor where one ends."""
    good = shop.sign_in(ada)["id_token"]
    for name, forged in forgeries(good, app).items():
        refused = answer_in(ada.get(shop.address(prompt="none", id_token_hint=forged)))
        assert refused["error"] == "invalid_request", name
        back = {"client_id": shop.id, "post_logout_redirect_uri": GOODBYE}
        query = {"id_token_hint": forged, **back}
        asked = ada.client.get("/oauth/logout", query_string=query)
        assert "shop.example" not in (asked.location or ""), name
    assert ada.get("/account").status_code == 200, "a forged hint signed somebody out"
    assert "code" in answer_in(ada.get(shop.address(prompt="none", id_token_hint=good)))


def test_a_token_is_good_only_where_it_belongs(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, api: ApiDriver
) -> None:
    """JWT-03, JWT-05: every kind of token at every wrong place."""
    offline = {"scope": "openid offline_access"}
    tokens = shop.sign_in(ada, **offline)
    other = RelyingParty(app)
    api = api.at("203.0.113.6")
    own = api.register("grace@example.com")
    registration = api.at("203.0.113.7").proven("new@example.com")["registrationToken"]
    client_own = shop.post("/oauth/token", {"grant_type": "client_credentials"}).json["access_token"]
    code = shop.code_for(ada)
    assert shop.userinfo(tokens["access_token"]).status_code == 200

    wrong = (tokens["id_token"], tokens["refresh_token"], own["refreshToken"], registration, code, shop.secret)
    for token in wrong:
        assert shop.userinfo(token).status_code == 401
        assert api.call("GET", "me", token=token).status_code == 401
    for token in (own["accessToken"], client_own):
        refused = shop.userinfo(token)
        assert (refused.status_code, refused.json["error"]) == (403, "insufficient_scope")
    for token in (tokens["access_token"], client_own):
        assert api.call("GET", "me", token=token).status_code == 403
    complete = {"firstName": "A", "lastName": "B", "acceptTerms": True}
    for token in (tokens["access_token"], tokens["id_token"], own["accessToken"]):
        assert api.post("complete-registration", complete, token=token).status_code == 401
        assert api.post("refresh-token", {"refreshToken": token}).status_code in (400, 401)
        assert shop.refresh(token).json["error"] == "invalid_grant"
        assert shop.exchange(token).json["error"] == "invalid_grant"
    for token in (own["refreshToken"], registration, code, tokens["access_token"]):
        assert shop.refresh(token).json["error"] == "invalid_grant"
    assert api.post("refresh-token", {"refreshToken": tokens["refresh_token"]}).status_code == 401
    for token in (tokens["access_token"], own["accessToken"], registration, tokens["refresh_token"], code):
        refused_hint = answer_in(ada.get(shop.address(prompt="none", id_token_hint=token)))
        assert refused_hint["error"] == "invalid_request"
    foreign = answer_in(ada.get(other.address(prompt="none", id_token_hint=tokens["id_token"])))
    assert foreign["error"] == "invalid_request", "another client's hint"
    for token in (tokens["id_token"], registration, code, own["refreshToken"]):
        assert shop.post("/oauth/introspect", {"token": token}).json == {"active": False}
    assert other.post("/oauth/introspect", {"token": tokens["access_token"]}).json == {"active": False}
    assert shop.refresh(tokens["refresh_token"]).status_code == 200, "a use at a wrong place cost a token"
