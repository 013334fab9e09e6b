"""The modules of the Basic and the Form Post OP plan about what a request may hold (standards.md 4.6.2, 4.6.3)."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conformance import PLANS, Suite
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty


@pytest.fixture(params=PLANS)
def suite(request: pytest.FixtureRequest, app: Flask, browser: BrowserDriver) -> Suite:
    """A plan with its first app, and a person who is signed in."""
    browser.register(ADA)
    return Suite(request.param, RelyingParty(app), browser)


def test_oidcc_response_type_missing(suite: Suite) -> None:
    answer = suite.callback(suite.ask(response_type=None))
    assert answer["error"] in ("invalid_request", "unsupported_response_type")
    assert answer["state"] == "state-of-the-app"


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    assert "nonce" not in suite.rp.claims(suite.tokens(nonce=None)["id_token"])


def test_oidcc_display_page(suite: Suite) -> None:
    assert suite.code(display="page")


def test_oidcc_display_popup(suite: Suite) -> None:
    assert suite.code(display="popup")


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite: Suite) -> None:
    assert suite.code(extra="foobar")


def test_oidcc_ui_locales(suite: Suite) -> None:
    assert suite.code(ui_locales="se en")


def test_oidcc_claims_locales(suite: Suite) -> None:
    assert suite.code(claims_locales="se")


def test_oidcc_login_hint(suite: Suite) -> None:
    assert suite.code(login_hint="buffy@example.com")


def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite) -> None:
    values = suite.person.get("/.well-known/openid-configuration").json["acr_values_supported"]
    claims = suite.rp.claims(suite.tokens(acr_values=" ".join(["1", *values]))["id_token"])
    assert claims["acr"] in values


def test_oidcc_ensure_registered_redirect_uri(suite: Suite) -> None:
    answer = suite.ask(redirect_uri="https://shop.example/other")
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "not registered" in answer.text
