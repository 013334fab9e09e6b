"""Refresh tokens of apps: who gets one, what it is good for, and what ends it (REF-01 … REF-09)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.refreshing import REFRESH_GRACE
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, answer_in, request_id_in
from tests.support.api import in_parallel

OFFLINE = "openid email offline_access"


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A trusted app."""
    return RelyingParty(app)


def consented(person: BrowserDriver, app: RelyingParty, **parameters: Any) -> dict[str, Any]:
    """The tokens after the person consented to all."""
    answer = person.get(app.address(**parameters))
    person.follow(answer)
    given = person.post(f"/oauth/consent/{request_id_in(answer.location)}", {"answer": "allow"})
    return dict(app.exchange(answer_in(person.follow(given))["code"]).json)


def sign_out(person: BrowserDriver) -> None:
    """Sign out of the portal."""
    person.get("/account")
    person.post("/logout", {})


def error(answer: Any) -> str | None:
    """What was refused."""
    refused: str | None = answer.json.get("error")
    return refused


@pytest.mark.parametrize(
    ("columns", "scope", "has_token"),
    [
        ({}, OFFLINE, True),
        ({}, "openid email", False),
        ({"grant_types": ["authorization_code"]}, OFFLINE, False),
        ({"scopes": ["openid", "email"]}, OFFLINE, False),
    ],
    ids=["asked and registered", "not asked", "grant not registered", "scope not registered"],
)
def test_a_refresh_token_is_for_apps_that_registered_and_ask(
    app: Flask, ada: BrowserDriver, columns: dict[str, Any], scope: str, has_token: bool
) -> None:
    """REF-08: without, there is none, and no error."""
    assert ("refresh_token" in RelyingParty(app, **columns).sign_in(ada, scope=scope)) == has_token


def test_a_trusted_apps_refresh_token_ends_with_the_session(shop: RelyingParty, ada: BrowserDriver) -> None:
    """REF-07, REF-08: nobody was asked whether it may stay."""
    tokens = shop.sign_in(ada, scope=OFFLINE)
    sign_out(ada)
    assert error(shop.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert shop.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.parametrize("is_trusted", [True, False])
def test_what_the_person_allowed_outlives_the_session(app: Flask, ada: BrowserDriver, is_trusted: bool) -> None:
    """REF-07: for a trusted app only where it had the person asked."""
    shop = RelyingParty(app, is_trusted=is_trusted)
    tokens = consented(ada, shop, scope=OFFLINE, prompt="consent")
    later = shop.sign_in(ada, scope=OFFLINE)
    without = shop.sign_in(ada, scope="openid email")
    sign_out(ada)
    for kept in (tokens, later):
        fresh = shop.refresh(kept["refresh_token"])
        assert fresh.status_code == 200
        assert shop.userinfo(fresh.json["access_token"]).json["email"] == ADA
    assert shop.userinfo(without["access_token"]).status_code == 401


def test_a_scope_may_be_narrowed_and_is_not_lost(shop: RelyingParty, ada: BrowserDriver) -> None:
    """REF-06."""
    tokens = shop.sign_in(ada, scope=OFFLINE)
    narrow = shop.refresh(tokens["refresh_token"], scope="openid").json
    assert narrow["scope"] == "openid"
    assert "email" not in shop.userinfo(narrow["access_token"]).json
    assert error(shop.refresh(narrow["refresh_token"], scope="openid profile")) == "invalid_scope"
    whole = shop.refresh(narrow["refresh_token"]).json
    assert whole["scope"] == OFFLINE
    assert shop.userinfo(whole["access_token"]).json["email"] == ADA


def test_what_was_left_out_at_the_sign_in_is_left_out_again(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-13, RFC 6749 section 6: many apps repeat the scope that they were configured with."""
    configured = f"{OFFLINE} roles groups"
    tokens = shop.sign_in(ada, scope=configured)
    assert tokens["scope"] == OFFLINE
    again = shop.refresh(tokens["refresh_token"], scope=configured)
    assert (again.status_code, again.json["scope"]) == (200, OFFLINE)
    assert error(shop.refresh(again.json["refresh_token"], scope="roles groups")) == "invalid_scope"


def test_a_refreshed_id_token_tells_of_the_same_sign_in(
    shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """REF-09."""
    tokens = shop.sign_in(ada, scope=OFFLINE)
    first = shop.claims(tokens["id_token"])
    clock.shift(600)
    again = shop.claims(shop.refresh(tokens["refresh_token"]).json["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert again[name] == first[name], name
    assert again["iat"] == first["iat"] + 600
    assert "nonce" not in again


def test_a_used_token_ends_the_family(shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller) -> None:
    """REF-02, REF-03."""
    first = shop.sign_in(ada, scope=OFFLINE)
    second = shop.refresh(first["refresh_token"]).json
    third = shop.refresh(second["refresh_token"]).json
    clock.shift(REFRESH_GRACE)
    clock.shift(1)
    assert error(shop.refresh(first["refresh_token"])) == "invalid_grant"
    assert error(shop.refresh(third["refresh_token"])) == "invalid_grant"
    assert shop.userinfo(third["access_token"]).status_code == 401
    assert ada.get("/account").status_code == 200


def test_many_refreshes_at_once_leave_one_successor(shop: RelyingParty, ada: BrowserDriver) -> None:
    """REF-04: who lost our answer gets the same one again."""
    token = shop.sign_in(ada, scope=OFFLINE)["refresh_token"]
    answers = in_parallel([lambda: shop.refresh(token)] * 8)
    successors = {answer.json["refresh_token"] for answer in answers if answer.status_code == 200}
    assert len(successors) == 1


def test_another_apps_refresh_token_is_unknown_and_unharmed(
    app: Flask, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """REF-01."""
    token = shop.sign_in(ada, scope=OFFLINE)["refresh_token"]
    assert error(RelyingParty(app).refresh(token)) == "invalid_grant"
    assert shop.refresh(token).status_code == 200


def test_a_session_that_goes_on_by_a_new_proof_keeps_refresh_tokens(
    shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """SES-04."""
    token = shop.sign_in(ada, scope=OFFLINE)["refresh_token"]
    clock.shift(60)
    answer = ada.get(shop.address(prompt="login"))
    ada.follow(answer)
    clock.shift(1)
    ada.follow(ada.post("/login", {"email": ADA, "request": ada.hidden("request") or ""}))
    ada.enter(ada.code_sent_to(ADA))
    assert shop.refresh(token).status_code == 200
