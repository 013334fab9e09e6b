"""Which pages of other sites may call what: the pages of registered apps, without a person's cookies (OP-26)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, new_verifier, s256

ORIGIN = "https://spa.example"
FOREIGN = [
    "https://evil.example",
    "null",
    "http://spa.example",
    "https://spa.example:8443",
    "https://spa.example.evil.example",
    "https://SPA.example.evil",
    "https://spa.example/",
]
CALLED = ["token", "userinfo", "revoke", "introspect", "par", "device_authorization"]
OPEN = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"]
CLOSED = ["/oauth/authorize", "/oauth/logout", "/oauth/consent/x", "/login", "/account", "/device", "/"]


@pytest.fixture
def spa(app: Flask) -> RelyingParty:
    """An app without a server."""
    return RelyingParty(app, [ORIGIN], auth_method="none")


def call(
    app: Flask, method: str, path: str, origin: str, ahead: str = "POST", named: str = "authorization", **options: Any
) -> TestResponse:
    """A script of this origin calls, or its browser asks first whether it may."""
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    if method == "OPTIONS":
        headers |= {"Access-Control-Request-Method": ahead, "Access-Control-Request-Headers": named}
    return app.test_client().open(path, method=method, headers=headers, **options)


def cors_of(answer: TestResponse) -> dict[str, str]:
    """The headers that say who may read the answer."""
    return {name: value for name, value in answer.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("endpoint", CALLED)
def test_a_registered_page_may_call_an_endpoint(app: Flask, spa: RelyingParty, endpoint: str) -> None:
    asked = call(app, "OPTIONS", f"/oauth/{endpoint}", ORIGIN)
    assert asked.status_code in (200, 204)
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
    refused = call(app, "POST", f"/oauth/{endpoint}", ORIGIN)
    assert refused.status_code in (400, 401)
    for answer in (asked, refused):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.vary


@pytest.mark.parametrize("endpoint", CALLED)
@pytest.mark.parametrize("origin", FOREIGN)
def test_no_other_page_may(app: Flask, spa: RelyingParty, endpoint: str, origin: str) -> None:
    for method in ("OPTIONS", "POST"):
        answer = call(app, method, f"/oauth/{endpoint}", origin)
        assert cors_of(answer) == {}
        assert "Origin" in answer.vary


@pytest.mark.parametrize("path", OPEN)
def test_what_is_public_is_for_every_page(app: Flask, path: str) -> None:
    answer = call(app, "GET", path, FOREIGN[0])
    assert cors_of(answer) == {"Access-Control-Allow-Origin": "*"}
    asked = call(app, "OPTIONS", path, FOREIGN[0], ahead="GET", named="x-requested-with")
    allowed = cors_of(asked)
    assert (allowed["Access-Control-Allow-Origin"], allowed["Access-Control-Allow-Methods"]) == ("*", "GET")
    assert allowed["Access-Control-Allow-Headers"] == "x-requested-with"


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_page_of_ours_is_read_by_another(app: Flask, spa: RelyingParty, path: str, method: str) -> None:
    assert cors_of(call(app, method, path, ORIGIN)) == {}


def test_a_registered_page_signs_somebody_in(app: Flask, spa: RelyingParty, browser: BrowserDriver) -> None:
    browser.register(ADA)
    verifier = new_verifier()
    code = spa.code_for(browser, code_challenge=s256(verifier), code_challenge_method="S256")
    form = {"grant_type": "authorization_code", "code": code, "client_id": spa.id, "redirect_uri": CALLBACK}
    tokens = call(app, "POST", "/oauth/token", ORIGIN, data=form | {"code_verifier": verifier})
    assert tokens.status_code == 200
    assert tokens.headers["Access-Control-Allow-Origin"] == ORIGIN
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {tokens.json['access_token']}"}
    told = app.test_client().get("/oauth/userinfo", headers=headers)
    assert told.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert told.json["email"] == ADA


def test_a_page_whose_app_is_gone_may_call_no_more(app: Flask, spa: RelyingParty) -> None:
    services_of(app).clients.delete(spa.id)
    assert cors_of(call(app, "POST", "/oauth/token", ORIGIN)) == {}
