"""How apps fail to authenticate (OP-31, OP-32)."""

from __future__ import annotations

import base64

import pytest
from flask import Flask

from tests.relying import RelyingParty, basic

ENDPOINTS = ("token", "introspect", "revoke", "par", "device_authorization")


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A confidential, trusted app."""
    return RelyingParty(app)


HEADERS = {
    "nothing_after": "Basic",
    "blank": "Basic ",
    "no_base64": "Basic !!!!",
    "half_base64": "Basic YQ",
    "no_colon": "Basic " + base64.b64encode(b"abc").decode(),
    "no_utf8": "Basic " + base64.b64encode(b"\xff:\xfe").decode(),
    "nul": "Basic " + base64.b64encode(b"\0:\0").decode(),
    "encoded_nul": "Basic " + base64.b64encode(b"%00:%00").decode(),
    "lone_percent": "Basic " + base64.b64encode(b"%:%").decode(),
    "bad_percent": "Basic " + base64.b64encode(b"%zz:%f").decode(),
    "half_character": "Basic " + base64.b64encode(b"%ed%a0%80:x").decode(),
    "empty_pair": "Basic " + base64.b64encode(b":").decode(),
    "long": "Basic " + base64.b64encode(b"a" * 6_000 + b":b").decode(),
    "two_words": "Basic YTpi YTpi",
    "bearer": "Bearer abc",
    "digest": 'Digest username="a"',
    "letters": "Basic \u00e9",
    "tab": "Basic\tYTpi",
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS)
def test_a_malformed_basic_header_is_an_unknown_client(case: str, app: Flask) -> None:
    """OP-32."""
    client = app.test_client(use_cookies=False)
    form = {"grant_type": "client_credentials", "token": "t"}
    for endpoint in ENDPOINTS:
        answer = client.post(f"/oauth/{endpoint}", data=form, headers={"Authorization": HEADERS[case]})
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), endpoint
        if HEADERS[case].startswith("Basic "):
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_two_ways_to_authenticate_at_once_are_refused(app: Flask, shop: RelyingParty) -> None:
    """OP-31."""
    pair = {"client_id": shop.id, "client_secret": shop.secret or ""}
    assertion = {
        "client_assertion": "x",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    grant = {"grant_type": "client_credentials"}
    for endpoint in ENDPOINTS:
        for form in (pair, assertion):
            assert shop.post(f"/oauth/{endpoint}", grant | form).json["error"] == "invalid_request"
        assert shop.post(f"/oauth/{endpoint}", grant | pair | assertion, Accept="*/*").status_code == 400
    other = RelyingParty(app)
    mixed = other.post("/oauth/token", grant | {"client_id": shop.id})
    assert (mixed.status_code, mixed.json["error"]) == (401, "invalid_client")


def test_a_wrong_or_missing_secret_is_refused(app: Flask, shop: RelyingParty) -> None:
    """OP-31, OP-32."""
    grant = {"grant_type": "client_credentials"}
    for secret in ("", "wrong", (shop.secret or "")[:-1], (shop.secret or "").upper(), f"{shop.secret} "):
        assert shop.post("/oauth/token", grant, **basic(shop.id, secret)).status_code == 401
    assert shop.post("/oauth/token", grant | {"client_id": shop.id}, Accept="*/*").status_code == 401
    public = RelyingParty(app, auth_method="none")
    for extra in ({}, {"client_secret": "x"}):
        form = grant | {"client_id": public.id, **extra}
        assert public.post("/oauth/token", form, Accept="*/*").json["error"] in (
            "invalid_client",
            "unauthorized_client",
        )
