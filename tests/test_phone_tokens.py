"""What apps are told of a sign-in by SMS: how it was done (OP-29), and the number where they may know it (OP-40)."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask

from tests.drivers import ApiDriver, BrowserDriver, data_of
from tests.guarding import SiteBrowser, register_site
from tests.phoning import ADA, NUMBER, SPELLED, api, app, browser, register_both
from tests.relying import DEVICE_GRANT, RelyingParty, answer_in, through_sign_in

__all__ = ["api", "app", "browser"]

BY_MAIL, BY_SMS = ["otp"], ["otp", "sms"]
SCOPE = "openid profile email phone offline_access"

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A confidential, trusted app."""
    return RelyingParty(app)


def read(token: str) -> dict[str, Any]:
    """The claims of a token."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def methods(shop: RelyingParty, tokens: dict[str, Any]) -> list[list[str]]:
    """How its tokens say that the person signed in."""
    issuer = shop.issuer
    return [shop.claims(tokens["id_token"])["amr"], shop.claims(tokens["access_token"], issuer)["amr"]]


@pytest.mark.parametrize(("destination", "amr"), [(ADA, BY_MAIL), (NUMBER, BY_SMS)])
def test_tokens_of_the_api_say_how_the_code_came_also_once_they_are_refreshed(
    api: ApiDriver, destination: str, amr: list[str], clock: time_machine.Traveller
) -> None:
    """OP-29, RFC 8176: of the registration, of a sign-in, and of every refresh."""
    registered = api.register(destination)
    clock.shift(31)
    for tokens in (registered, api.proven(destination)):
        for _ in range(3):
            assert read(tokens["accessToken"])["amr"] == amr
            tokens = data_of(api.post("refresh-token", {"refreshToken": tokens["refreshToken"]}))


@pytest.mark.parametrize(("destination", "amr"), [(ADA, BY_MAIL), (NUMBER, BY_SMS)])
def test_tokens_of_an_app_say_how_the_code_came_also_once_they_are_refreshed(
    app: Flask,
    api: ApiDriver,
    browser: BrowserDriver,
    shop: RelyingParty,
    destination: str,
    amr: list[str],
    clock: time_machine.Traveller,
) -> None:
    """OP-29."""
    register_both(app, api)
    clock.shift(31)
    answer = through_sign_in(browser, browser.get(shop.address(scope=SCOPE)), destination)
    tokens = shop.exchange(answer_in(answer)["code"]).json
    for _ in range(2):
        assert methods(shop, tokens) == [amr, amr]
        tokens = shop.refresh(tokens["refresh_token"]).json


def test_a_session_that_is_proven_again_by_another_channel_says_so_to_those_who_come_then(
    app: Flask, api: ApiDriver, browser: BrowserDriver, shop: RelyingParty, clock: time_machine.Traveller
) -> None:
    """OP-29: never a false amr. What was granted before still tells of the sign-in before, as its auth_time does."""
    register_both(app, api)
    clock.shift(31)
    browser.prove(ADA)
    before = shop.sign_in(browser, scope=SCOPE)
    clock.shift(31)
    answer = through_sign_in(browser, browser.get(shop.address(prompt="login", scope=SCOPE)), NUMBER)
    after = shop.exchange(answer_in(answer)["code"]).json
    assert methods(shop, after) == [BY_SMS, BY_SMS]
    assert shop.claims(after["id_token"])["sid"] == shop.claims(before["id_token"])["sid"]
    refreshed = shop.refresh(before["refresh_token"]).json
    assert methods(shop, refreshed) == [BY_MAIL, BY_MAIL]
    assert shop.claims(refreshed["id_token"])["auth_time"] == shop.claims(before["id_token"])["auth_time"]


@pytest.mark.parametrize(("destination", "amr"), [(ADA, BY_MAIL), (NUMBER, BY_SMS)])
def test_a_device_is_told_how_its_person_signed_in_elsewhere(
    app: Flask,
    api: ApiDriver,
    browser: BrowserDriver,
    shop: RelyingParty,
    destination: str,
    amr: list[str],
    clock: time_machine.Traveller,
) -> None:
    """OP-29, RFC 8628."""
    register_both(app, api)
    clock.shift(31)
    codes = shop.post("/oauth/device_authorization", {"scope": SCOPE}).json
    browser.get("/device")
    browser.prove(destination)
    browser.get("/device")
    browser.post("/device", {"user_code": codes["user_code"]})
    answer = {"answer": "allow", "user_code": browser.hidden("user_code") or ""}
    assert browser.post("/device/answer", answer).status_code == 200
    form = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"]}
    tokens = shop.post("/oauth/token", form).json
    assert methods(shop, tokens) == [amr, amr]
    assert methods(shop, shop.refresh(tokens["refresh_token"]).json) == [amr, amr]


def test_the_scope_phone_tells_the_number_and_that_it_is_proven(
    app: Flask, api: ApiDriver, browser: BrowserDriver, shop: RelyingParty, clock: time_machine.Traveller
) -> None:
    """OP-40, OP-41: at userinfo, and nothing of it without the scope."""
    register_both(app, api)
    clock.shift(31)
    browser.prove(NUMBER)
    told = shop.userinfo(shop.sign_in(browser, scope=SCOPE)["access_token"]).json
    assert (told["phone_number"], told["phone_number_verified"]) == (NUMBER, True)
    assert (told["email"], told["email_verified"]) == (ADA, True)
    told = shop.userinfo(shop.sign_in(browser, scope="openid profile email")["access_token"]).json
    assert not {"phone_number", "phone_number_verified"} & set(told)


@pytest.mark.parametrize(("destination", "missing"), [(ADA, "phone_number"), (NUMBER, "email")])
def test_what_a_person_does_not_have_is_left_out(
    browser: BrowserDriver, shop: RelyingParty, destination: str, missing: str
) -> None:
    """OP-40: neither null nor empty, nor said to be verified or not."""
    browser.register(destination)
    told = shop.userinfo(shop.sign_in(browser, scope=SCOPE)["access_token"]).json
    assert not {missing, f"{missing}_verified"} & set(told)


def test_an_app_may_ask_for_the_number_by_name(app: Flask, browser: BrowserDriver) -> None:
    """Core 5.5; with it in the ID token where the app has its claims there."""
    browser.register(NUMBER)
    asked = RelyingParty(app)
    wanted = '{"id_token": {"phone_number": null}, "userinfo": {"phone_number_verified": {"essential": true}}}'
    tokens = asked.sign_in(browser, scope="openid", claims=wanted)
    assert asked.claims(tokens["id_token"])["phone_number"] == NUMBER
    assert asked.userinfo(tokens["access_token"]).json["phone_number_verified"] is True
    eager = RelyingParty(app, claims_in_id_token=True)
    assert eager.claims(eager.sign_in(browser, scope="openid phone")["id_token"])["phone_number"] == NUMBER


def test_a_person_without_an_address_is_asked_for_consent_under_the_number(
    app: Flask, browser: BrowserDriver
) -> None:
    browser.register(NUMBER)
    stranger = RelyingParty(app, is_trusted=False)
    browser.follow(browser.get(stranger.address(scope="openid phone")))
    assert "See your phone number" in browser.page
    assert SPELLED in browser.page


def test_a_guarded_site_lets_somebody_in_who_signed_in_by_phone(app: Flask, browser: BrowserDriver) -> None:
    """Forward-auth: without an address there is none to tell."""
    register_site(app)
    browser.register(NUMBER)
    site = SiteBrowser(app)
    assert site.sign_in(browser, "/page") == f"{site.site}/page"
    passed = site.ask("/page")
    assert (passed.status_code, passed.headers["Remote-Name"]) == (200, "Ada Lovelace")
    assert (passed.headers["Remote-Email"], len(passed.headers["Remote-User"])) == ("", 32)


def test_rules_about_addresses_admit_nobody_without_one(app: Flask, browser: BrowserDriver) -> None:
    """And the person is told which number that is about."""
    register_site(app, allow=("*@example.com",))
    browser.register(NUMBER)
    browser.follow(browser.get(SiteBrowser(app).start("/")))
    assert browser.heading == "Not for this address"
    assert SPELLED in browser.page
