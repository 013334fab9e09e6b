"""The modules of the Basic and the Form Post OP plan about who is signed in, since when, and for how long."""

from __future__ import annotations

import string
from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests import test_conformance_requests, test_oidcc_basic
from tests.conformance import BASIC_MODULES, PLANS, Suite, checked_tokens, modules_in
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, through_sign_in


@pytest.fixture(params=PLANS)
def suite(request: pytest.FixtureRequest, app: Flask, browser: BrowserDriver, clock: time_machine.Traveller) -> Suite:
    """A plan with its first app, and a person who is not signed in but known."""
    browser.register(ADA)
    browser.post("/logout", {})
    clock.shift(1)
    return Suite(request.param, RelyingParty(app), browser)


def id_token_of(suite: Suite, answer: TestResponse) -> dict[str, Any]:
    """The claims that an answer of the authorization endpoint leads to."""
    code = suite.callback(answer)["code"]
    return suite.rp.claims(checked_tokens(suite.rp, suite.rp.exchange(code))["id_token"])


def sign_in(suite: Suite, **parameters: Any) -> dict[str, Any]:
    """Sign in on the way; the claims."""
    return id_token_of(suite, through_sign_in(suite.person, suite.ask(**parameters)))


def test_oidcc_prompt_login(suite: Suite, clock: time_machine.Traveller) -> None:
    first = sign_in(suite)
    clock.shift(2)
    again = suite.ask(prompt="login")
    suite.person.follow(again)
    assert suite.person.heading == "Sign in"  # the screenshot of the module
    second = id_token_of(suite, through_sign_in(suite.person, suite.ask(prompt="login")))
    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"]


def test_oidcc_prompt_none_not_logged_in(suite: Suite) -> None:
    state = (string.ascii_letters + string.digits + "-._~!$'()*,;:@/? ")[:64] * 2
    answer = suite.callback(suite.ask(prompt="none", state=state))
    assert answer["error"] in ("login_required", "interaction_required")
    assert answer["state"] == state
    assert len(state) == 128


def test_oidcc_prompt_none_logged_in(suite: Suite, clock: time_machine.Traveller) -> None:
    first = sign_in(suite)
    clock.shift(5)
    second = id_token_of(suite, suite.ask(prompt="none"))
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_max_age_1(suite: Suite, clock: time_machine.Traveller) -> None:
    first = sign_in(suite)
    clock.shift(2)
    suite.person.follow(suite.ask(max_age=1))
    assert suite.person.heading == "Sign in"
    second = sign_in(suite, max_age=1)
    assert second["auth_time"] > first["auth_time"]
    assert second["iat"] - second["auth_time"] <= 1


def test_oidcc_max_age_10000(suite: Suite, clock: time_machine.Traveller) -> None:
    first = sign_in(suite)
    clock.shift(2)
    second = id_token_of(suite, suite.ask(max_age=10_000))
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_id_token_hint(suite: Suite) -> None:
    sign_in(suite)
    hint = suite.tokens()["id_token"]
    claims = id_token_of(suite, suite.ask(prompt="none", id_token_hint=hint))
    assert claims["sub"] == suite.rp.claims(hint)["sub"]


def test_oidcc_ensure_post_request_succeeds(suite: Suite) -> None:
    """D6: another site's POST carries no cookie of ours."""
    mode = {"response_mode": "form_post"} if suite.plan == "formpost" else {}
    wanted = {
        "client_id": suite.rp.id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "state": "posted",
        **mode,
    }
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.example"}
    answer = suite.rp.post("/oauth/authorize", wanted, **foreign)
    assert answer.status_code == 303
    found = through_sign_in(suite.person, suite.person.follow(answer))
    assert suite.callback(found)["state"] == "posted"


def test_oidcc_refresh_token(suite: Suite, app: Flask) -> None:
    asked = suite.ask(prompt="consent", scope="openid offline_access")
    answer = through_sign_in(suite.person, asked)
    suite.person.follow(answer)
    assert suite.person.heading == "Allow Demo Shop?"
    allowed = suite.person.post(answer.location, {"answer": "allow"})
    tokens = checked_tokens(suite.rp, suite.rp.exchange(suite.callback(suite.person.follow(allowed))["code"]))
    foreign = RelyingParty(app).refresh(tokens["refresh_token"])
    assert (foreign.status_code, foreign.json["error"]) == (400, "invalid_grant")
    refreshed = checked_tokens(suite.rp, suite.rp.refresh(tokens["refresh_token"]))
    before, after = suite.rp.claims(tokens["id_token"]), suite.rp.claims(refreshed["id_token"])
    assert all(before[claim] == after[claim] for claim in ("iss", "sub", "aud", "auth_time"))
    assert suite.rp.userinfo(refreshed["access_token"]).json["sub"] == after["sub"]


def test_every_module_of_both_plans_has_a_test() -> None:
    tests = [*vars(test_oidcc_basic), *vars(test_conformance_requests), *globals()]
    found = modules_in(*(name for name in tests if name.startswith("test_oidcc_")))
    assert BASIC_MODULES - found == set()
