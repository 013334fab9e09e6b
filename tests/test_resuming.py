"""A registration that nobody finished yet: any browser and any device goes on with the same one, for a day."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.arriving import phone
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.filling import FILLED, declared, typed
from tests.relying import ADA
from tests.resuming import JSON_NAMES, NAMES, OFFER, TAKEN, at_registration, rows
from tests.support.outboxes import Outboxes, number_of
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

__all__ = ["phone"]
BOB = "bob@example.com"


def test_the_first_page_offers_to_go_on(browser: BrowserDriver) -> None:
    """ui.md: it survives a closed tab. The address is told only as far as its owner needs it."""
    at_registration(browser)
    tab = browser.another_tab()
    assert tab.follow(tab.get("/")).status_code == 200
    assert OFFER in tab.page
    assert "a…@example.com" in tab.page
    assert ADA not in tab.page
    assert 'href="/register"' in tab.page
    tab.get("/register")
    assert tab.post("/register", NAMES).location == "/account"


def test_who_has_nothing_to_finish_is_offered_nothing(
    browser: BrowserDriver, phone: BrowserDriver, clock: time_machine.Traveller
) -> None:
    at_registration(browser)
    phone.get("/login")
    assert OFFER not in phone.page
    clock.shift(86_399)
    browser.get("/login")
    assert OFFER in browser.page
    clock.shift(1)
    browser.get("/login")
    assert OFFER not in browser.page


@pytest.mark.parametrize(("hours", "way"), [(0, None), (5, "/account/confirm")])
def test_a_form_that_was_completed_hours_after_the_code_is_no_fresh_sign_in(
    browser: BrowserDriver, clock: time_machine.Traveller, hours: int, way: str | None
) -> None:
    """SES-15: what is sensitive needs a code of the last ten minutes, not a form of them."""
    at_registration(browser)
    clock.shift(hours * 3600)
    browser.get("/register")
    assert browser.post("/register", NAMES).location == "/account"
    assert browser.get("/account/email").location == way


def test_who_proves_the_address_again_before_the_form_has_signed_in_freshly(
    browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    at_registration(browser)
    clock.shift(5 * 3600)
    at_registration(browser)
    browser.post("/register", NAMES)
    assert browser.get("/account/email").status_code == 200


def test_another_device_goes_on_with_the_same_registration_until_its_end(
    browser: BrowserDriver, phone: BrowserDriver, app: Flask, clock: time_machine.Traveller
) -> None:
    """Proving the address again extends nothing."""
    at_registration(browser)
    [first] = rows(app)
    clock.shift(86_000)
    at_registration(phone)
    [second] = rows(app)
    assert (second.id, second.expires_at) == (first.id, first.expires_at)
    assert phone.hidden("registration") == first.id
    clock.shift(400)
    for device in (browser, phone):
        assert device.post("/register", NAMES).location == "/login"


def test_after_a_day_the_address_begins_anew(
    browser: BrowserDriver, phone: BrowserDriver, app: Flask, clock: time_machine.Traveller
) -> None:
    at_registration(browser)
    [first] = rows(app)
    clock.shift(86_400)
    at_registration(phone)
    [second] = rows(app)
    assert second.id != first.id
    browser.get("/login")
    assert OFFER not in browser.page, "the first proof is over"
    assert browser.get("/register").location == "/login"
    clock.shift(86_399)
    assert phone.post("/register", NAMES).location == "/account"


def test_the_device_that_is_second_is_told_to_sign_in(
    browser: BrowserDriver, phone: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """A proof of hours ago made a registration; it does not open an account that exists by now."""
    at_registration(browser)
    clock.shift(31)
    at_registration(phone)
    assert phone.post("/register", NAMES).location == "/account"
    for again in (browser.another_tab().get("/register"), browser.post("/register", {**NAMES, "first_name": "Eve"})):
        assert again.location == "/login"
    browser.follow(again)
    assert browser.notice == TAKEN
    assert OFFER not in browser.page
    clock.shift(31)
    browser.follow(browser.prove(ADA))
    assert (browser.heading, "Ada Lovelace" in browser.page) == ("Your account", True)


def test_what_was_good_in_a_form_with_a_fault_is_there_again_on_any_device(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    app = make_app(**declared())
    browser, phone = BrowserDriver(app, outbox), BrowserDriver(app, outbox, "198.51.100.7")
    at_registration(browser)
    wrong = {**typed(FILLED), "own_seats": "many", "own_team": "hr"}
    assert browser.post("/register", {"first_name": " Ada ", "last_name": "", **wrong}).status_code == 400
    assert (browser.value("first_name"), browser.value("own_seats")) == (" Ada ", "many"), "here all of it stays"
    clock.shift(31)
    for resumed in (browser.another_tab(), at_registration(phone)):
        resumed.get("/register")
        kept = [resumed.value(name) for name in ("first_name", "last_name", "own_company", "own_seats", "own_born")]
        assert kept == ["Ada", "", FILLED["company"], "", FILLED["born"]]
        assert 'name="own_rules" value="y" required checked' in resumed.page
        assert 'name="terms" value="y" required checked' not in resumed.page, "terms are accepted with the whole form"
        assert not resumed.title.startswith("Error")


def test_what_was_typed_is_nobody_elses_and_is_gone_once_it_is_used(
    browser: BrowserDriver, phone: BrowserDriver, app: Flask
) -> None:
    """PRIV-04: only who proved the address sees it, and it lives no longer than the registration."""
    at_registration(browser)
    browser.post("/register", {"first_name": "Ada", "last_name": ""})
    assert "Ada" in str(rows(app)[0].draft)
    at_registration(phone, BOB)
    assert phone.value("first_name") == ""
    browser.post("/register", NAMES)
    assert [row.draft for row in rows(app) if row.completed_at] == [None]


def test_a_registration_of_yesterday_keeps_nothing_for_who_begins_anew(
    browser: BrowserDriver, phone: BrowserDriver, clock: time_machine.Traveller
) -> None:
    at_registration(browser)
    browser.post("/register", {"first_name": "Ada", "last_name": ""})
    clock.shift(86_400)
    assert at_registration(phone).value("first_name") == ""


def test_the_json_api_and_a_browser_share_one_registration(
    app: Flask, api: ApiDriver, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    first = api.proven(ADA)
    clock.shift(3_600)
    second = api.at("203.0.113.9").proven(ADA)
    assert second["expiresIn"] == first["expiresIn"] - 3_600
    at_registration(browser)
    assert len(rows(app)) == 1
    answer = api.post("complete-registration", JSON_NAMES, token=second["registrationToken"])
    assert answer.status_code == 201
    late = api.post("complete-registration", JSON_NAMES, token=first["registrationToken"])
    assert outcome(late) == (409, "already_registered")
    browser.follow(browser.post("/register", NAMES))
    assert browser.notice == TAKEN


def test_two_addresses_in_one_browser_are_two_registrations(
    browser: BrowserDriver, app: Flask, clock: time_machine.Traveller
) -> None:
    at_registration(browser, ADA)
    clock.shift(1)
    at_registration(browser, BOB)
    clock.shift(31)
    at_registration(browser, ADA)
    assert len(rows(app)) == 2
    assert len((browser.cookie("portal-registration") or "").split(".")) == 2, "one secret for each"


def test_the_secret_of_a_registration_is_not_what_the_database_keeps(browser: BrowserDriver, app: Flask) -> None:
    """SES-01: neither its id nor its row open it."""
    at_registration(browser)
    secret = browser.cookie("portal-registration") or ""
    with services_of(app).engine.connect() as connection:
        stored = connection.execute(text("SELECT id, secret_hash FROM registration")).one()
    thief = BrowserDriver(app, browser.outbox)
    assert secret not in tuple(stored)
    for value in (*stored, secret[:-1], secret.swapcase()):
        thief.client.set_cookie("portal-registration", value)
        assert thief.get("/register").location == "/login"


def test_no_json_answer_tells_what_was_typed(api: ApiDriver, browser: BrowserDriver) -> None:
    at_registration(browser)
    browser.post("/register", {"first_name": "Secret", "last_name": ""})
    assert browser.value("first_name") == "Secret"
    assert "Secret" not in str(api.proven(ADA))


def test_a_number_that_was_proven_is_resumed_like_an_address(
    make_app: Made, sms: SmsSink, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    app = make_app(sms_url=sms.setting)
    browser = at_registration(BrowserDriver(app, outboxes, channel="sms"))
    clock.shift(3_600)
    browser.get("/")
    browser.get("/login")
    number = number_of(ADA)
    assert (OFFER in browser.page, f"…{number[-2:]}" in browser.page, number in browser.page) == (True, True, False)
    phone = at_registration(BrowserDriver(app, outboxes, "198.51.100.7", channel="sms"))
    assert len(rows(app)) == 1
    assert phone.post("/register", NAMES).location == "/account"
    browser.follow(browser.post("/register", NAMES))
    assert browser.notice == TAKEN
