"""A registration that nobody finished yet: any browser and any device goes on with the same one, for a day."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.arriving import arrive, ask, enter, phone, start
from tests.conftest import SECRET_KEY, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.filling import COMPANY, FILLED, declared, typed
from tests.relying import ADA, RelyingParty, shop
from tests.support.outboxes import Outboxes, number_of
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

__all__ = ["phone", "shop"]
BOB = "bob@example.com"
NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
JSON_NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
TAKEN = "This address is already registered. Please sign in."
OFFER = "Continue your registration"


def at_registration(browser: BrowserDriver, email: str = ADA) -> BrowserDriver:
    """The browser, before the form of a proven address."""
    browser.follow(browser.prove(email))
    assert browser.heading == "One last step"
    return browser


def rows(app: Flask) -> list[Any]:
    """The registrations: their ids, and what is kept of their forms."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(text("SELECT id, draft, completed_at, expires_at FROM registration")))


def moved(browser: BrowserDriver, app: Flask, outbox: MailSink) -> BrowserDriver:
    """The same browser, with its cookies, at another portal."""
    other = BrowserDriver(app, outbox)
    for name in ("portal-browser", "portal-registration", "portal-form", "portal-app"):
        if value := browser.cookie(name):
            other.client.set_cookie(name, value)
    return other


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


def test_an_app_that_sent_the_person_gets_its_answer_after_the_tab_was_closed(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OP-30: from the first page, which says nothing of the app; until the very end of the registration."""
    start(browser, shop, state="of-yesterday")
    clock.shift(60)
    ask(browser)
    clock.shift(60)
    enter(browser, browser.code_sent_to(ADA))
    tab = browser.another_tab()
    clock.shift(86_399)
    tab.get("/login")
    assert OFFER in tab.page
    tab.get("/register")
    assert "Demo Shop" in tab.page
    answer = tab.post("/register", {**NAMES, "registration": tab.hidden("registration") or ""})
    assert arrive(tab, answer)["state"] == "of-yesterday"


def test_a_registration_that_may_take_a_week_leads_to_the_app_after_days(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    app = make_app(registration_ttl="7d")
    browser, shop = BrowserDriver(app, outbox), RelyingParty(app)
    start(browser, shop, state="of-last-week")
    clock.shift(1)
    ask(browser)
    enter(browser, browser.code_sent_to(ADA))
    clock.shift(6 * 86_400)
    browser.get("/register")
    answer = browser.post("/register", {**NAMES, "registration": browser.hidden("registration") or ""})
    assert arrive(browser, answer)["state"] == "of-last-week"


def test_an_app_that_sends_the_person_again_is_the_one_that_is_answered(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """The person may close the tab once more."""
    start(browser, shop, state="first")
    clock.shift(1)
    ask(browser)
    enter(browser, browser.code_sent_to(ADA))
    clock.shift(3_600)
    request_id = start(browser, shop, state="second")
    assert f'href="/register?request={request_id}"' in browser.page
    browser.get(f"/register?request={request_id}")
    clock.shift(3_600)
    tab = browser.another_tab()
    tab.get("/register")
    answer = tab.post("/register", {**NAMES, "registration": tab.hidden("registration") or ""})
    assert arrive(tab, answer)["state"] == "second"


def test_the_browser_that_an_app_sent_signs_in_for_it_where_another_device_was_first(
    shop: RelyingParty, browser: BrowserDriver, phone: BrowserDriver, clock: time_machine.Traveller
) -> None:
    start(browser, shop, state="of-the-shop")
    clock.shift(1)
    ask(browser)
    browser.follow(enter(browser, browser.code_sent_to(ADA)))
    clock.shift(31)
    at_registration(phone)
    assert phone.post("/register", NAMES).location == "/account", "the app's request is the other browser's"
    clock.shift(31)
    answer = browser.another_tab().get("/register")
    assert "request=" in answer.location
    browser.follow(answer)
    assert (browser.notice, "Demo Shop" in browser.page) == (TAKEN, True)
    ask(browser)
    assert arrive(browser, enter(browser, browser.code_sent_to(ADA)))["state"] == "of-the-shop"


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
