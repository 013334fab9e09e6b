"""Signing out for an app beyond the conformance modules: what needs no question, and hints that have grown old."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.signin.keys import PUBLISH_LEAD
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, answer_in

GOODBYE = "https://shop.example/goodbye"


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """An app with an address to return to."""
    return RelyingParty(app, post_logout_redirect_uris=[GOODBYE])


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Somebody who is signed in."""
    browser.register(ADA)
    return browser


def leave(person: BrowserDriver, **parameters: str) -> TestResponse:
    """Where the app sends the person."""
    wanted = {"post_logout_redirect_uri": GOODBYE, "state": "s"} | parameters
    return person.get(f"/oauth/logout?{urlencode(wanted)}")


def rotate(app: Flask, clock: time_machine.Traveller, **how: Any) -> None:
    """Rotate the keys, and wait until the former ones verify no token any more."""
    services_of(app).keys.rotate(**how)
    clock.shift(PUBLISH_LEAD.total_seconds() + 86_400 + 120)
    services_of(app).keys.published()  # which reads them anew, as this process does by itself each half minute


def test_where_nobody_is_signed_in_there_is_nothing_to_ask(shop: RelyingParty, browser: BrowserDriver) -> None:
    """RPI 2, OP-52: the address is registered for that app, and no session is at stake."""
    answer = leave(browser, client_id=shop.id)
    assert (answer.location.partition("?")[0], answer_in(answer)) == (GOODBYE, {"state": "s"})
    for wrong in ({"post_logout_redirect_uri": f"{GOODBYE}/"}, {"client_id": "x"}, {"id_token_hint": "x"}):
        answer = leave(browser, **{"client_id": shop.id} | wrong)
        assert (answer.status_code in (200, 400), answer.location) == (True, None)


def test_the_same_by_post(shop: RelyingParty, browser: BrowserDriver) -> None:
    wanted = {"post_logout_redirect_uri": GOODBYE, "client_id": shop.id}
    answer = shop.post("/oauth/logout", wanted, **{"Sec-Fetch-Site": "cross-site"})
    page = browser.follow(answer)
    while page.location and page.location.startswith("/"):
        page = browser.follow(page)
    assert page.location == GOODBYE


def test_a_hint_outlives_the_key_that_signed_it(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OP-17, OP-52: sessions live longer than keys."""
    hint = shop.sign_in(ada)["id_token"]
    rotate(app, clock)
    assert "code" in answer_in(ada.get(shop.address(prompt="none", id_token_hint=hint)))
    answer = leave(ada, id_token_hint=hint, client_id=shop.id)
    assert answer.location.partition("?")[0] == GOODBYE
    assert answer_in(ada.get(shop.address(prompt="none")))["error"] == "login_required"


def test_a_hint_of_a_key_that_leaked_counts_for_nothing(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """JWT-11: whoever has that key can write hints."""
    hint = shop.sign_in(ada)["id_token"]
    rotate(app, clock, drop_former=True)
    assert answer_in(ada.get(shop.address(prompt="none", id_token_hint=hint)))["error"] == "invalid_request"
    page = ada.follow(leave(ada, id_token_hint=hint, client_id=shop.id))
    assert (page.status_code, page.location) == (200, None)
