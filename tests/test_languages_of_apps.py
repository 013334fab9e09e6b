"""The language of a sign-in for an app: its person's choice, the app's wish, what is registered of it (OP-19)."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, request_id_in
from tests.support.smtp import MailSink

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def at_the_door(browser: BrowserDriver, shop: RelyingParty, **parameters: str) -> str:
    """Send a person over; the id of the sign-in."""
    answer = browser.get(shop.address(**parameters))
    browser.follow(answer)
    return request_id_in(answer.location)


def language(browser: BrowserDriver) -> str:
    found = re.search(r'<html lang="(\w+)"', browser.page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("registered", "wished", "shown"),
    [(None, None, "en"), ("fr", None, "fr"), ("fr", "it es-MX de", "es"), ("fr", "it", "fr"), (None, "it", "en")],
)
def test_the_wish_of_the_request_comes_before_the_registered_language(
    app: Flask, outbox: MailSink, registered: str | None, wished: str | None, shown: str
) -> None:
    browser = BrowserDriver(app, outbox)
    parameters = {"ui_locales": wished} if wished else {}
    at_the_door(browser, RelyingParty(app, locale=registered), **parameters)
    assert language(browser) == shown


def test_an_apps_language_wins_over_what_was_chosen_elsewhere_and_is_gone_afterwards(
    app: Flask, outbox: MailSink
) -> None:
    browser = BrowserDriver(app, outbox)
    browser.get("/login?lang=tr")
    at_the_door(browser, RelyingParty(app, locale="de"))
    assert language(browser) == "de"
    browser.get("/login")
    assert language(browser) == "tr"


def test_what_a_person_chooses_in_a_sign_in_holds_for_all_its_pages_and_letters(app: Flask, outbox: MailSink) -> None:
    browser = BrowserDriver(app, outbox)
    shop = RelyingParty(app, locale="de")
    request_id = at_the_door(browser, shop)
    browser.get(f"/login?request={request_id}&lang=es")
    browser.get(f"/login?request={request_id}")
    assert language(browser) == "es"
    browser.post(f"/login?request={request_id}", {"email": ADA, "request": request_id})
    [letter] = outbox.sent_to(ADA)
    assert letter.parsed["Content-Language"] == "es"
    browser.get(f"/login/code?request={request_id}")
    assert language(browser) == "es"
    # Another sign-in is another one: there the app's language comes first again.
    at_the_door(browser, shop)
    assert language(browser) == "de"
    browser.get("/login")
    assert language(browser) == "es"
