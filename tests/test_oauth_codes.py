"""Codes and refresh tokens in wrong hands or used wrongly, and grants that there are not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, GOODBYE, RelyingParty, answer_in, new_verifier, s256
from tests.support.smtp import MailSink

VERIFIER = "v" * 43
S256 = {"code_challenge": s256(VERIFIER), "code_challenge_method": "S256"}
OFFLINE = {"scope": "openid profile offline_access"}


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A confidential, trusted app that may call an API."""
    return RelyingParty(app, resources=["https://api.example", "https://api2.example"])


@pytest.fixture
def ada(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Somebody who is signed in."""
    person = BrowserDriver(app, outbox)
    person.register(ADA)
    return person


def outcome(answer: TestResponse) -> tuple[int, str | None]:
    """Status and error."""
    return answer.status_code, answer.json.get("error")


BAD_GRANT = (400, "invalid_grant")

CHALLENGES: dict[str, dict[str, Any]] = {
    "none": {"code_challenge": None, "code_challenge_method": None},
    "plain": {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    "no_method": {"code_challenge": s256(VERIFIER), "code_challenge_method": None},
    "method_only": {"code_challenge": None, "code_challenge_method": "S256"},
    "lower_case_method": {**S256, "code_challenge_method": "s256"},
    "unknown_method": {**S256, "code_challenge_method": "S512"},
    "short": {**S256, "code_challenge": "a" * 42},
    "long": {**S256, "code_challenge": "a" * 44},
    "padded": {**S256, "code_challenge": s256(VERIFIER)[:-1] + "="},
    "line_break": {**S256, "code_challenge": s256(VERIFIER) + "\n"},
    "letters": {**S256, "code_challenge": "\u0131" * 43},
    "empty": {**S256, "code_challenge": ""},
}


@pytest.mark.parametrize("case", CHALLENGES)
def test_there_is_no_way_around_a_code_challenge(case: str, app: Flask, ada: BrowserDriver) -> None:
    """OP-06: for clients that must send one; nor is a wrong one passed over for the others."""
    for is_needed, method in ((True, "none"), (True, None), (False, None)):
        client = RelyingParty(app, auth_method=method, require_pkce=is_needed)
        answer = answer_in(ada.get(client.address(**CHALLENGES[case])))
        if case == "none" and not is_needed:
            assert "code" in answer
        else:
            assert (answer["error"], "code" in answer) == ("invalid_request", False)
        given = {name: value for name, value in CHALLENGES[case].items() if value is not None}
        form = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK, **given}
        pushed = client.post("/oauth/par", form | ({} if client.secret else {"client_id": client.id}))
        assert pushed.status_code == (201 if case == "none" and not is_needed else 400)


VERIFIERS: dict[str, str | None] = {
    "missing": None,
    "empty": "",
    "wrong": "w" * 43,
    "short": "v" * 42,
    "long": "v" * 129,
    "the_challenge": s256(VERIFIER),
    "line_break": VERIFIER + "\n",
    "blank": f" {VERIFIER}",
    "forbidden_letter": "v" * 42 + "+",
    "other_letters": "\u0131" * 43,
    "nul": VERIFIER[:-1] + "\0",
}


@pytest.mark.parametrize("case", VERIFIERS)
def test_a_code_with_a_challenge_needs_its_verifier(
    case: str, app: Flask, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-06."""
    for client in (shop, RelyingParty(app, auth_method="none", require_pkce=True)):
        code = client.code_for(ada, **S256)
        assert outcome(client.exchange(code, code_verifier=VERIFIERS[case])) == BAD_GRANT
        assert outcome(client.exchange(code, code_verifier=VERIFIER)) == (200, None), "a failure used the code up"


def test_a_verifier_without_a_challenge_is_a_downgrade(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-06 (RFC 9700, 4.8)."""
    assert outcome(shop.exchange(shop.code_for(ada), code_verifier=new_verifier())) == BAD_GRANT


WRONG_CODES: dict[str, dict[str, str]] = {
    "no_redirect_uri": {"redirect_uri": ""},
    "other_redirect_uri": {"redirect_uri": "https://shop.example/second"},
    "goodbye": {"redirect_uri": GOODBYE},
    "slash": {"redirect_uri": f"{CALLBACK}/"},
    "case": {"redirect_uri": CALLBACK.upper()},
    "query": {"redirect_uri": f"{CALLBACK}?a=b"},
    "unknown_code": {"code": "x" * 43},
    "no_code": {"code": ""},
    "long_code": {"code": "x" * 10_000},
    "nul_in_the_code": {"code": "x\0"},
}


@pytest.mark.parametrize("case", WRONG_CODES)
def test_a_wrong_code_or_redirect_uri_exchanges_nothing(case: str, app: Flask, ada: BrowserDriver) -> None:
    """OP-08."""
    client = RelyingParty(app, redirect_uris=[CALLBACK, "https://shop.example/second"])
    code = client.code_for(ada)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK} | WRONG_CODES[case]
    status, error = outcome(client.post("/oauth/token", fields))
    assert (status, error) in (BAD_GRANT, (400, "invalid_request"))
    assert client.exchange(code).status_code == 200


def test_no_client_uses_anothers_code_or_token(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-08, REF-01, OP-43: nor does an attempt harm its owner."""
    others = [RelyingParty(app), RelyingParty(app, auth_method="none")]
    code = shop.code_for(ada, **OFFLINE)
    for other in others:
        assert outcome(other.exchange(code)) == BAD_GRANT
    tokens = shop.exchange(code).json
    for other in others:
        assert outcome(other.exchange(code)) == BAD_GRANT, "another client's replay"
        assert outcome(other.refresh(tokens["refresh_token"])) == BAD_GRANT
        for name in ("refresh_token", "access_token"):
            public = {} if other.secret else {"client_id": other.id}
            assert other.post("/oauth/revoke", {"token": tokens[name], **public}).status_code == 200
    assert others[1].post("/oauth/introspect", {"token": "t", "client_id": others[1].id}).status_code == 401
    assert shop.userinfo(tokens["access_token"]).status_code == 200
    assert shop.refresh(tokens["refresh_token"]).status_code == 200


def test_revoking_a_former_refresh_token_ends_what_followed_it(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-43: an app that signs out while it refreshes has only the former one."""
    first = shop.sign_in(ada, **OFFLINE)
    second = shop.refresh(first["refresh_token"]).json
    assert shop.post("/oauth/introspect", {"token": first["refresh_token"]}).json == {"active": False}
    assert shop.post("/oauth/revoke", {"token": first["refresh_token"]}).status_code == 200
    assert shop.userinfo(second["access_token"]).status_code == 401
    assert outcome(shop.refresh(second["refresh_token"])) == BAD_GRANT


def test_no_refresh_widens_what_was_granted(shop: RelyingParty, ada: BrowserDriver) -> None:
    """REF-06, JWT-05: neither the scope nor the APIs; and asking for it costs nothing."""
    tokens = shop.sign_in(ada, **OFFLINE, resource="https://api.example")
    for scope in ("openid email", "account", "openid profile offline_access email", "x", "openid\0"):
        assert outcome(shop.refresh(tokens["refresh_token"], scope=scope)) == (400, "invalid_scope")
    for resource in ("https://api2.example", "https://evil.example", "x", "https://api.example/"):
        assert outcome(shop.refresh(tokens["refresh_token"], resource=resource)) == (400, "invalid_target")
    narrowed = shop.refresh(tokens["refresh_token"], scope="openid").json
    assert narrowed["scope"] == "openid"
    assert shop.refresh(narrowed["refresh_token"]).json["scope"] == OFFLINE["scope"]


def test_an_api_that_the_client_may_not_call_is_refused(shop: RelyingParty, ada: BrowserDriver) -> None:
    """RFC 8707, 2."""
    for resource in ("https://evil.example", "https://api.example/x", "x", "https://api.example#f"):
        assert answer_in(ada.get(shop.address(resource=resource)))["error"] == "invalid_target"
        grant = {"grant_type": "client_credentials", "resource": resource}
        assert outcome(shop.post("/oauth/token", grant)) == (400, "invalid_target")
    code = shop.code_for(ada, resource="https://api.example")
    assert outcome(shop.exchange(code, resource="https://api2.example")) == (400, "invalid_target")


GRANTS = {
    "password": {"username": "ada@example.com", "password": "x"},
    "implicit": {},
    "urn:ietf:params:oauth:grant-type:jwt-bearer": {"assertion": "x"},
    "urn:ietf:params:oauth:grant-type:token-exchange": {"subject_token": "x"},
    "AUTHORIZATION_CODE": {"code": "x"},
    "authorization_code ": {"code": "x"},
    "\u0131": {},
}


@pytest.mark.parametrize("grant", GRANTS)
def test_other_grants_do_not_exist(grant: str, shop: RelyingParty) -> None:
    """OP-04."""
    answer = shop.post("/oauth/token", {"grant_type": grant, **GRANTS[grant]})
    assert outcome(answer) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "kind", ["token", "id_token", "code token", "code id_token", "none", "CODE", "code code", "x"]
)
def test_other_response_types_do_not_exist(kind: str, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-04."""
    answer = answer_in(ada.get(shop.address(response_type=kind)))
    assert answer["error"] == "unsupported_response_type"
    assert {"code", "access_token", "id_token"} & set(answer) == set()
