"""A registration that nobody finished yet, after a restart: with other keys and settings, and of another release."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.conftest import SECRET_KEY, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.filling import COMPANY, declared
from tests.relying import ADA
from tests.resuming import JSON_NAMES, NAMES, OFFER, at_registration, moved, rows
from tests.support.smtp import MailSink


@pytest.mark.parametrize("keeps_former", [True, False], ids=["with the former as fallback", "without"])
def test_a_registration_survives_another_secret_key(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller, keeps_former: bool
) -> None:
    """OPS-15. Also the browser's cookie: what the database keeps of it depends on no key."""
    before = make_app()
    browser = at_registration(BrowserDriver(before, outbox))
    fallbacks = {"secret_key_fallbacks": SECRET_KEY} if keeps_former else {}
    after = make_app(secret_key="another secret of the tests that is long enough", **fallbacks)
    clock.shift(31)
    later, phone = moved(browser, after, outbox), BrowserDriver(after, outbox, "198.51.100.7")
    later.get("/register")
    assert ADA in later.page
    at_registration(phone)
    assert len(rows(after)) == 1
    later.get("/login")
    assert (OFFER in later.page) is keeps_former, "a key that is honoured no more opens nothing once it was noticed"
    assert phone.post("/register", NAMES).location == "/account"


def test_no_registration_is_completed_once_sign_up_is_closed(make_app: Made, outbox: MailSink) -> None:
    """Contract, section 1 (SIGNUP): as with a code that was sent before."""
    before = make_app()
    begun = at_registration(BrowserDriver(before, outbox))
    token = ApiDriver(before, outbox, "203.0.113.9").proven("bob@example.com")["registrationToken"]
    closed = make_app(signup="closed")
    later = moved(begun, closed, outbox)
    later.page = begun.page
    assert later.post("/register", NAMES).location == "/login"
    assert later.get("/register").location == "/login"
    later.get("/login")
    assert OFFER not in later.page
    answer = ApiDriver(closed, outbox).post("complete-registration", JSON_NAMES, token=token)
    assert outcome(answer) == (401, "unauthorized")
    assert moved(begun, make_app(), outbox).get("/register").status_code == 200, "open again, it goes on"


def test_a_registration_survives_a_restart(make_app: Made, outbox: MailSink) -> None:
    browser = at_registration(BrowserDriver(make_app(), outbox))
    later = moved(browser, make_app(), outbox)
    later.get("/register")
    assert later.post("/register", NAMES).location == "/account"


def test_a_registration_of_a_release_before_goes_on(app: Flask, browser: BrowserDriver, api: ApiDriver) -> None:
    """There API registrations had no secret; a browser that proves the address is given one."""
    api.proven(ADA)
    with services_of(app).engine.begin() as connection:
        connection.execute(text("UPDATE registration SET secret_hash = NULL"))
    at_registration(browser)
    assert len(rows(app)) == 1
    assert browser.post("/register", NAMES).location == "/account"


def test_a_required_field_of_now_is_asked_of_who_began_before(make_app: Made, outbox: MailSink) -> None:
    browser = at_registration(BrowserDriver(make_app(), outbox))
    browser.post("/register", {"first_name": "Ada", "last_name": ""})
    later = moved(browser, make_app(**declared(COMPANY)), outbox)
    later.get("/register")
    assert later.value("first_name") == "Ada"
    assert later.post("/register", NAMES).status_code == 400
    assert later.error("own_company") == "This is required."
    assert later.post("/register", {**NAMES, "own_company": "Engines"}).location == "/account"
