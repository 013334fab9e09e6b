"""The Basic OP and Form Post OP plans of the OpenID Foundation: clients, tokens and claims (CONF-02).

Each test bears the name of a module and checks what that checks; ``basic`` and ``formpost`` in its id are the plans.
What modules ask of the sign-in is in ``test_oidcc_flows``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import jwt
import pytest
import time_machine
from flask import Flask

from auth_portal.oidc.registration import Registration, RegistrationRefused
from auth_portal.settings import LOCALES
from tests.oidcc import (
    ISSUER,
    RUNS,
    TOKENS,
    Suite,
    check_id_token,
    check_refused,
    check_token_answer,
    check_userinfo,
    entropy,
)
from tests.relying import CALLBACK, RelyingParty, new_verifier, s256
from tests.support.smtp import MailSink

PROFILE = {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}
EMAIL = {"email": "ada@example.com", "email_verified": True}


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> str:
    """A plan and its database."""
    return str(request.param)


@pytest.fixture
def database_url(run: str, new_database: Callable[[str], str]) -> str:
    """The database of the run."""
    return new_database(run.partition("-")[2])


@pytest.fixture
def suite(run: str, make_app: Callable[..., Flask], outbox: MailSink) -> Suite:
    """A run of the Basic plan, and one of the Form Post plan."""
    return Suite(make_app(public_url=ISSUER), outbox, run)


def unsigned(claims: dict[str, object]) -> str:
    """A request object that nobody signed."""
    return jwt.encode(claims, key=None, algorithm="none")


def test_oidcc_server(suite: Suite) -> None:
    """The whole flow, for the first client and for the second; nobody signs in twice."""
    first = suite.tokens()
    assert suite.userinfo(first) == {"sub": first["claims"]["sub"]}
    second = suite.tokens(suite.second)
    assert suite.userinfo(second, suite.second) == {"sub": first["claims"]["sub"]}
    assert suite.sign_ins == 1
    assert second["access_token"] != first["access_token"]


def test_oidcc_idtoken_signature(suite: Suite) -> None:
    """RS256 by default, with the ``kid`` of a published RSA key of at least 2048 bits."""
    tokens = suite.tokens()
    header = jwt.get_unverified_header(tokens["id_token"])
    assert header["alg"] == "RS256"
    published = suite.app.test_client().get("/.well-known/jwks.json").json["keys"]
    (key,) = [key for key in published if key["kid"] == header["kid"]]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    modulus = base64.urlsafe_b64decode(key["n"] + "==")
    assert len(modulus) * 8 >= 2048


def test_oidcc_idtoken_unsigned(suite: Suite) -> None:
    """``none`` is not offered, so the suite skips this; an unsigned ID token of ours does not exist or count."""
    tokens = suite.tokens()
    assert "none" not in suite.metadata["id_token_signing_alg_values_supported"]
    with pytest.raises(RegistrationRefused, match="algorithm"):
        Registration(name="App", redirect_uris=(CALLBACK,), id_token_algorithm="none").checked()
    forged = jwt.encode(tokens["claims"], key=None, algorithm="none")
    assert suite.error(suite.send(prompt="none", id_token_hint=forged)) == "invalid_request"


def test_oidcc_userinfo_get(suite: Suite) -> None:
    """GET with the token in the header."""
    tokens = suite.tokens()
    answer = suite.app.test_client().get(
        "/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    check_userinfo(answer, tokens["claims"]["sub"])


def test_oidcc_userinfo_post_header(suite: Suite) -> None:
    """POST with the token in the header."""
    tokens = suite.tokens()
    answer = suite.app.test_client().post(
        "/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    check_userinfo(answer, tokens["claims"]["sub"])


def test_oidcc_userinfo_post_body(suite: Suite) -> None:
    """POST with the token in the body."""
    tokens = suite.tokens()
    answer = suite.app.test_client().post("/oauth/userinfo", data={"access_token": tokens["access_token"]})
    check_userinfo(answer, tokens["claims"]["sub"])


def check_scope(suite: Suite, scope: str, expected: dict[str, object], others: set[str]) -> None:
    """The claims of a scope come from userinfo, of the right types, and are not in the ID token."""
    tokens = suite.tokens(scope=scope)
    assert not set(tokens["claims"]) & {*expected, *others}
    claims = suite.userinfo(tokens)
    assert claims.items() >= expected.items()
    assert set(claims) - set(expected) <= {"sub", *others}
    assert claims.get("locale", "en") in LOCALES
    assert type(claims.get("updated_at", 0)) is int


def test_oidcc_scope_profile(suite: Suite) -> None:
    """``profile``."""
    check_scope(suite, "openid profile", {**PROFILE}, {"locale", "updated_at"})


def test_oidcc_scope_email(suite: Suite) -> None:
    """``email``; ``email_verified`` is a boolean."""
    check_scope(suite, "openid email", {**EMAIL}, set())


def test_oidcc_scope_address(suite: Suite) -> None:
    """``address`` is not offered: the request goes well, and the answer says that it was not granted."""
    assert "address" not in suite.metadata["scopes_supported"]
    tokens = suite.tokens(scope="openid address")
    assert tokens["scope"] == "openid"
    assert set(suite.userinfo(tokens)) == {"sub"}


def test_oidcc_scope_phone(suite: Suite) -> None:
    """``phone``: somebody without a number has no claim of it, rather than an empty one (Core 5.3.2)."""
    check_scope(suite, "openid phone", {}, set())


def test_oidcc_scope_all(suite: Suite) -> None:
    """All scopes at once."""
    check_scope(suite, "openid profile email address phone", {**PROFILE, **EMAIL}, {"locale", "updated_at"})


def test_oidcc_alternate_happy_flow(suite: Suite) -> None:
    """Scopes and parameters in the opposite order."""
    path, _, query = suite.request(scope="phone address email profile openid").partition("?")
    reversed_request = f"{path}?{'&'.join(reversed(query.split('&')))}"
    fields = suite.callback(suite.sign_in(suite.person.get(reversed_request)))
    tokens = check_token_answer(suite.first.exchange(fields["code"]))
    claims = check_id_token(suite.first, tokens, suite.sent["nonce"])
    assert suite.userinfo({**tokens, "claims": claims}).items() >= {**PROFILE, **EMAIL}.items()


def test_oidcc_claims_essential(suite: Suite) -> None:
    """``name`` as an essential claim of userinfo is there without the scope, and stays out of the ID token."""
    assert suite.metadata["claims_parameter_supported"] is True
    tokens = suite.tokens(claims=json.dumps({"userinfo": {"name": {"essential": True}}}))
    assert suite.userinfo(tokens) == {"sub": tokens["claims"]["sub"], "name": "Ada Lovelace"}


def test_oidcc_server_client_secret_post(suite: Suite) -> None:
    """The whole flow with the secret in the body; a client may not leave the way that it registered."""
    tokens = suite.tokens(suite.posting)
    suite.userinfo(tokens, suite.posting)
    form = {"grant_type": "authorization_code", "code": suite.code(suite.posting), "redirect_uri": CALLBACK}
    check_refused(suite.posting.post("/oauth/token", form, **suite.posting.auth), "invalid_client", 401)


def check_used_code(suite: Suite, wait: Callable[[], None]) -> None:
    """A code that is exchanged again after ``wait`` is refused, and what it had opened is over (OP-09)."""
    code = suite.code()
    tokens = check_token_answer(suite.first.exchange(code))
    claims = check_id_token(suite.first, tokens, suite.sent["nonce"])
    check_userinfo(suite.first.userinfo(tokens["access_token"]), claims["sub"])
    wait()
    check_refused(suite.first.exchange(code), "invalid_grant")
    assert suite.first.userinfo(tokens["access_token"]).status_code == 401


def test_oidcc_codereuse(suite: Suite) -> None:
    """At once."""
    check_used_code(suite, lambda: None)


def test_oidcc_codereuse_30seconds(suite: Suite, clock: time_machine.Traveller) -> None:
    """After half a minute."""
    check_used_code(suite, lambda: clock.shift(30))


def consented_code(suite: Suite, party: RelyingParty) -> str:
    """A code after the person answered the consent that the client asks for."""
    scope = "openid offline_access"
    answer = suite.send(party, scope=scope, prompt="consent")
    if answer.location.startswith("/login"):
        answer = suite.sign_in(answer)
    assert answer.location.startswith("/oauth/consent/")
    suite.person.follow(answer)
    assert suite.person.heading == f"Allow {party.client.name}?"
    answer = suite.person.post(answer.location, {"answer": "allow"})
    return suite.callback(suite.person.follow(answer))["code"]


def test_oidcc_refresh_token(suite: Suite) -> None:
    """Refreshing works, rotates, keeps the person, and is bound to the client, in both directions."""
    tokens = check_token_answer(suite.first.exchange(consented_code(suite, suite.first)))
    assert set(tokens) == TOKENS | {"refresh_token"}
    claims = check_id_token(suite.first, tokens, suite.sent["nonce"])
    others = check_token_answer(suite.second.exchange(consented_code(suite, suite.second)))
    assert entropy(tokens["refresh_token"]) >= 128

    refreshed = check_token_answer(suite.first.refresh(tokens["refresh_token"]))
    again = check_id_token(suite.first, refreshed, None)
    for name in ("iss", "sub", "aud", "auth_time", "sid"):
        assert again[name] == claims[name]
    assert again["iat"] >= claims["iat"]
    assert refreshed["access_token"] != tokens["access_token"]
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    check_userinfo(suite.first.userinfo(refreshed["access_token"]), claims["sub"])

    check_refused(suite.second.refresh(refreshed["refresh_token"]), "invalid_grant")
    check_refused(suite.first.refresh(others["refresh_token"]), "invalid_grant")
    check_token_answer(suite.first.refresh(refreshed["refresh_token"]))
    check_token_answer(suite.second.refresh(others["refresh_token"]))


def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite) -> None:
    """S256 works for a client that need not use it, and then it must prove it."""
    verifier = new_verifier()
    pkce = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    check_refused(suite.first.exchange(suite.code(**pkce)), "invalid_grant")
    check_refused(suite.first.exchange(suite.code(**pkce), code_verifier=new_verifier()), "invalid_grant")
    tokens = check_token_answer(suite.first.exchange(suite.code(**pkce), code_verifier=verifier))
    claims = check_id_token(suite.first, tokens, suite.sent["nonce"])
    check_userinfo(suite.first.userinfo(tokens["access_token"]), claims["sub"])


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(suite: Suite) -> None:
    """Request objects are refused as announced, never ignored (D9)."""
    assert suite.metadata["request_parameter_supported"] is False
    given = unsigned({"client_id": suite.first.id, "redirect_uri": CALLBACK, "response_type": "code"})
    assert suite.error(suite.send(request=given)) == "request_not_supported"


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(suite: Suite) -> None:
    """So are addresses of request objects, which nobody fetches (D9)."""
    assert suite.metadata["request_uri_parameter_supported"] is False
    answer = suite.send(request_uri="https://127.0.0.1:1/request.jwt")
    assert suite.error(answer) == "request_uri_not_supported"


def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite) -> None:
    """An address in a request object does not stand in for the one outside: an error page, no redirect."""
    given = unsigned({"client_id": suite.first.id, "redirect_uri": CALLBACK, "response_type": "code"})
    for outside in (None, "https://shop.example/other"):
        answer = suite.send(request=given, redirect_uri=outside)
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert suite.person.heading == "That did not work"
