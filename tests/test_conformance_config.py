"""The module of the Config OP plan, and that the document tells only the truth (4.6.1, OP-46 … OP-50)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from babel import Locale
from flask import Flask

from tests.conformance import CONFIG_MODULES, modules_in
from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.relying import ADA, DEVICE_GRANT, RelyingParty, answer_in, new_verifier, s256

ISSUER = "https://login.example.com"
WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


@pytest.fixture
def production(make_app: Made) -> Flask:
    """A portal as it is reached in production."""
    return make_app(public_url=ISSUER)


def document(app: Flask, path: str = WELL_KNOWN[0], **headers: str) -> dict[str, Any]:
    """The discovery document."""
    answer = app.test_client().get(path, headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return dict(answer.json)


def test_oidcc_discovery_endpoint_verification(production: Flask) -> None:
    found = document(production)
    assert found["issuer"] == ISSUER
    parts = urlsplit(found["issuer"])
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")
    endpoints = [value for name, value in found.items() if name.endswith(("_endpoint", "jwks_uri"))]
    assert len(endpoints) >= 9
    assert all(endpoint.startswith("https://") for endpoint in endpoints)
    assert {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} <= set(found)
    assert found["response_types_supported"] == ["code"]
    assert set(found["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert "openid" in found["scopes_supported"]
    assert all(re.fullmatch(r"[!#-\[\]-~]+", scope) for scope in found["scopes_supported"])
    assert {"sub", "iss"} <= set(found["claims_supported"])
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["request_parameter_supported"] is False
    assert found["request_uri_parameter_supported"] is False
    for tag in found["ui_locales_supported"]:
        assert str(Locale.parse(tag, sep="-")).replace("_", "-") == tag, "canonical case"
    lists = [value for name, value in found.items() if name.endswith(("_supported",)) and isinstance(value, list)]
    assert all(value and len(set(value)) == len(value) for value in lists)


def test_oidcc_discovery_endpoint_verification_of_the_keys(production: Flask) -> None:
    keys = production.test_client().get(urlsplit(document(production)["jwks_uri"]).path).json["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "ES256"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)


def test_both_documents_agree(production: Flask) -> None:
    """OP-46."""
    assert document(production, WELL_KNOWN[0]) == document(production, WELL_KNOWN[1])


def test_an_issuer_with_a_path_has_its_document_where_rfc_8414_puts_it(make_app: Made) -> None:
    """OP-46."""
    app = make_app(public_url="https://example.com/login")
    assert document(app, "/.well-known/oauth-authorization-server/login")["issuer"] == "https://example.com/login"
    answer = app.test_client().get("/.well-known/oauth-authorization-server/other")
    assert answer.status_code == 404


def test_the_issuer_is_not_read_from_a_request(production: Flask) -> None:
    """OP-47."""
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    assert document(production, **forged) == document(production)


def test_anybody_may_read_it(production: Flask) -> None:
    """OP-26: without credentials."""
    answer = production.test_client().get(WELL_KNOWN[0], headers={"Origin": "https://anywhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_every_prompt_and_mode_that_is_listed_works_and_no_other(app: Flask, browser: BrowserDriver) -> None:
    """OP-49."""
    found, rp = document(app), RelyingParty(app)
    browser.register(ADA)
    for prompt in [*found["prompt_values_supported"], "create"]:
        answer = browser.get(rp.address(prompt=prompt))
        refused = not answer.location.startswith("/") and "error=invalid_request" in answer.location
        assert refused == (prompt not in found["prompt_values_supported"]), prompt
    for mode in [*found["response_modes_supported"], "fragment", "web_message"]:
        answer = browser.get(rp.address(response_mode=mode))
        is_given = "code=" in (answer.location or "") or 'name="code"' in answer.text
        assert is_given == (mode in found["response_modes_supported"]), mode


@pytest.mark.parametrize("response_type", ["token", "id_token", "code id_token", "code token", "none"])
def test_response_types_that_are_not_listed_are_refused(
    app: Flask, browser: BrowserDriver, response_type: str
) -> None:
    """OP-04."""
    browser.register(ADA)
    answer = answer_in(browser.get(RelyingParty(app).address(response_type=response_type)))
    assert answer["error"] == "unsupported_response_type"


def test_every_grant_that_is_listed_is_known_and_no_other(app: Flask) -> None:
    """OP-04, OP-49."""
    listed, rp = document(app)["grant_types_supported"], RelyingParty(app)
    assert DEVICE_GRANT in listed
    for grant in [*listed, "password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange"]:
        error = rp.post("/oauth/token", {"grant_type": grant}).json.get("error")
        assert (error == "unsupported_grant_type") == (grant not in listed), grant


def test_every_signing_algorithm_that_is_listed_signs(app: Flask, browser: BrowserDriver) -> None:
    """OP-37, OP-49."""
    browser.register(ADA)
    for algorithm in document(app)["id_token_signing_alg_values_supported"]:
        rp = RelyingParty(app, id_token_algorithm=algorithm)
        assert rp.claims(rp.sign_in(browser)["id_token"])["aud"] == rp.id


def test_challenges_that_are_not_listed_are_refused(app: Flask, browser: BrowserDriver) -> None:
    """OP-06, OP-07."""
    browser.register(ADA)
    challenge = s256(new_verifier())
    for method in ("plain", "S512", None):
        address = RelyingParty(app).address(code_challenge=challenge, code_challenge_method=method)
        assert answer_in(browser.get(address))["error"] == "invalid_request"


def test_pairwise_subjects_are_given_to_those_who_registered_so(app: Flask, browser: BrowserDriver) -> None:
    """Core 8.1: the same within a sector, another in each; userinfo agrees."""
    browser.register(ADA)
    apps = [RelyingParty(app, sector=sector) for sector in ("one.example", "one.example", "two.example", None)]
    subjects = []
    for rp in apps:
        tokens = rp.sign_in(browser)
        subjects.append(rp.claims(tokens["id_token"])["sub"])
        assert rp.userinfo(tokens["access_token"]).json["sub"] == subjects[-1]
    assert subjects[0] == subjects[1]
    assert len(set(subjects)) == 3


def test_the_module_of_the_plan_has_a_test() -> None:
    assert modules_in(*globals()) >= CONFIG_MODULES
