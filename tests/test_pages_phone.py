"""Signing in by phone on the pages, without JavaScript (contract, section 3; WEB-10, OTP-32)."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.events import OPERATOR
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.phoning import ADA, NUMBER, SPELLED, api, app, browser, give_number, register_both
from tests.relying import RelyingParty, answer_in, through_sign_in
from tests.support.outboxes import Outboxes
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

__all__ = ["api", "app", "browser"]

RISK = "Text messages are less safe than email"


def tag(page: str, name: str) -> str:
    """The input of this name."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    return found[0] if found else ""


def test_a_new_person_gets_in_with_a_number_a_code_and_a_name(browser: BrowserDriver) -> None:
    assert (browser.ask(NUMBER).location, browser.heading) == ("/login/code", "Enter your code")
    assert SPELLED in browser.page
    proven = browser.enter(browser.code_sent_to(NUMBER))
    browser.follow(proven)
    assert (proven.location, browser.heading) == ("/register", "One last step")
    assert SPELLED in browser.page
    done = browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    browser.follow(done)
    assert (done.location, browser.heading) == ("/account", "Your account")
    assert SPELLED in browser.page
    assert "None" not in browser.page


def test_a_known_person_gets_in_with_the_code_alone(
    browser: BrowserDriver, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    BrowserDriver(app, outboxes).register(NUMBER)
    clock.shift(1)
    assert browser.prove(NUMBER).location == "/account"


def test_the_first_page_offers_the_phone_and_the_phone_page_the_address(browser: BrowserDriver) -> None:
    """OTP-32: the risk is told, and the stronger way offered, before a number is used."""
    browser.get("/login")
    assert 'href="/login?by=phone"' in browser.page
    assert RISK not in browser.page
    browser.get("/login?by=phone")
    assert RISK in browser.page
    assert 'href="/login?by=email"' in browser.page
    browser.get("/login?by=email")
    assert tag(browser.page, "email")
    assert not tag(browser.page, "phone")


def test_the_number_has_a_field_that_phones_know_how_to_fill(browser: BrowserDriver) -> None:
    """WEB-10; the country that is assumed is said, to screen readers with the field."""
    browser.get("/login?by=phone")
    field = tag(browser.page, "phone")
    for attribute in ('type="tel"', 'autocomplete="tel"', 'inputmode="tel"', 'aria-describedby="phone-hint"'):
        assert attribute in field
    assert re.search(r'id="phone-hint">[^<]*Türkiye \(\+90\)', browser.page)
    browser.get("/login?by=phone&lang=tr")
    assert "Türkiye (+90)" in browser.page


def test_the_country_is_the_portals_own(make_app: Made, outboxes: Outboxes) -> None:
    browser = BrowserDriver(make_app(sms_url=outboxes.sms.setting, default_region="GB"), outboxes)
    browser.get("/login?by=phone")
    assert "United Kingdom (+44)" in browser.page
    assert browser.post("/login", {"phone": "07400 123456"}).location == "/login/code"
    assert outboxes.sent_to("+447400123456")


def test_the_language_is_changed_on_the_page_that_one_is_on(browser: BrowserDriver) -> None:
    browser.get("/login?by=phone")
    assert 'href="/login?lang=tr&amp;by=phone"' in browser.page
    browser.post("/login", {"phone": "12"})
    assert 'href="/login?lang=tr&amp;by=phone"' in browser.page
    browser.get("/login?by=%22%3E%3Cb%3E")
    assert "<b>" not in browser.page
    assert 'href="/login?lang=tr"' in browser.page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "This is required."),
        ("   ", "This is required."),
        ("ada@example.com", "This is not a phone number."),
        ("0555 111 22 33 ext 4", "This is not a phone number."),
        ("0212 123 45 67", "This is not a mobile number."),
        ("+1 415 555 2671", "This is a number to which we send no text messages."),
        ("5" * 5_000, "This is too long."),
        ('"><script>alert(1)</script>', "This is not a phone number."),
    ],
)
def test_what_is_no_number_is_refused_in_place_and_nothing_is_sent(
    browser: BrowserDriver, sms: SmsSink, typed: str, words: str
) -> None:
    """WEB-13, MAIL-15: what was typed stays, with the error under it."""
    browser.get("/login?by=phone")
    answer = browser.post("/login", {"phone": typed})
    assert (answer.status_code, browser.error("phone")) == (400, words)
    assert browser.value("phone") == typed
    assert browser.title.startswith("Error: ")
    assert 'aria-invalid="true" aria-describedby="phone-error" autofocus' in browser.page
    assert "<script>alert" not in browser.page
    assert RISK in browser.page
    assert sms.texts == []


def test_the_code_page_says_where_the_text_went_and_nothing_of_letters(browser: BrowserDriver) -> None:
    """No web mail, and no link to wait for: texts have none (MAIL-15). A mark lets a phone offer the code."""
    browser.ask(NUMBER)
    assert "We texted it to" in browser.page
    assert 'href="/login?by=phone"' in browser.page
    assert "the number" in browser.page
    assert "data-text-message" in tag(browser.page, "code")
    for word in ("letter", "data-waiting", "noscript", "mail.google"):
        assert word not in browser.page.lower()
    browser.ask(ADA)
    assert "data-text-message" not in tag(browser.page, "code")
    assert "data-waiting" in browser.page


def test_a_code_is_texted_again_from_the_code_page(
    browser: BrowserDriver, sms: SmsSink, clock: time_machine.Traveller
) -> None:
    browser.ask(NUMBER)
    too_soon = browser.post("/login", {"phone": browser.hidden("phone") or ""})
    browser.follow(too_soon)
    assert "It can be sent again in 30 s." in browser.notice
    clock.shift(31)
    browser.follow(browser.post("/login", {"phone": browser.hidden("phone") or ""}))
    assert browser.notice == "Sent again. It is the same code, so an earlier message is still good."
    assert len(sms.sent_to(NUMBER)) == 2
    assert browser.enter(browser.code_sent_to(NUMBER)).location == "/register"


def test_a_dead_code_offers_a_new_one_to_the_same_number(browser: BrowserDriver) -> None:
    browser.ask(NUMBER)
    code = browser.code_sent_to(NUMBER)
    for step in range(1, 6):
        browser.enter(wrong_code(code, step))
    assert browser.heading == "This code no longer works"
    assert "A new one is texted to" in browser.page
    assert browser.hidden("phone") == NUMBER
    assert browser.hidden("email") is None


def test_a_text_that_no_gateway_takes_is_said_under_the_field(browser: BrowserDriver, sms: SmsSink) -> None:
    sms.fault = "broken"
    answer = browser.ask(NUMBER)
    assert answer.status_code == 500
    assert browser.error("phone") == "The text message could not be sent. Please try again."
    assert browser.value("phone") == NUMBER
    sms.fault = None
    assert browser.post("/login", {"phone": NUMBER}).location == "/login/code"


def test_without_a_gateway_the_pages_know_nothing_of_phones(make_app: Made, outbox: MailSink) -> None:
    """Contract, section 1."""
    browser = BrowserDriver(make_app(), outbox)
    for path in ("/login", "/login?by=phone"):
        browser.get(path)
        assert tag(browser.page, "email")
        assert not tag(browser.page, "phone")
        assert "phone number" not in browser.page
    assert browser.post("/login", {"phone": NUMBER}).status_code == 400
    assert browser.error("email") == "This is required."


def test_a_form_with_both_fields_asks_for_the_number(browser: BrowserDriver, outboxes: Outboxes) -> None:
    """Made up by somebody: exactly one code leaves."""
    browser.get("/login")
    assert browser.post("/login", {"phone": NUMBER, "email": ADA}).status_code == 303
    assert (len(outboxes.sent_to(NUMBER)), len(outboxes.sent_to(ADA))) == (1, 0)


def test_a_number_needs_its_own_token(browser: BrowserDriver, sms: SmsSink) -> None:
    """SES-16."""
    browser.get("/login?by=phone")
    assert browser.post("/login", {"phone": NUMBER, "csrf_token": "forged"}).status_code == 403
    assert sms.texts == []


@pytest.mark.parametrize("hint", [NUMBER, "0555 111 22 33"])
def test_an_app_may_hint_at_a_number(app: Flask, browser: BrowserDriver, hint: str) -> None:
    """OP-18: only filled in. The person may still choose an address, and nothing of the number is left there."""
    browser.follow(browser.get(RelyingParty(app).address(login_hint=hint)))
    assert browser.value("phone") == hint
    request_id = browser.hidden("request")
    assert f'href="/login?request={request_id}&amp;by=email"' in browser.page
    browser.get(f"/login?request={request_id}&by=email")
    assert (browser.value("email"), browser.hidden("request")) == ("", request_id)


@pytest.mark.parametrize("hint", [ADA, "ada", "+90", "</title>", "0212 123 45 67"])
def test_any_other_hint_stays_one_at_an_address(app: Flask, browser: BrowserDriver, hint: str) -> None:
    browser.follow(browser.get(RelyingParty(app).address(login_hint=hint)))
    assert browser.value("email") == hint
    browser.get(f"/login?request={browser.hidden('request')}&by=phone")
    assert browser.value("phone") == ""


def test_a_person_comes_back_to_the_app_by_phone(app: Flask, browser: BrowserDriver) -> None:
    """OP-30: also a new one, by the way of the registration."""
    shop = RelyingParty(app)
    browser.follow(browser.get(shop.address()))
    request = {"request": browser.hidden("request") or ""}
    browser.get(f"/login?by=phone&request={request['request']}")
    browser.follow(browser.post("/login", {"phone": NUMBER, **request}))
    code = {"code": browser.code_sent_to(NUMBER), "challenge": browser.hidden("challenge") or "", **request}
    browser.follow(browser.post("/login/code", code))
    name = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y", **request}
    name["registration"] = browser.hidden("registration") or ""
    answer = browser.follow(browser.post("/register", name))
    assert shop.exchange(answer_in(answer)["code"]).status_code == 200
    browser.client.delete_cookie("portal-session")
    again = through_sign_in(browser, browser.get(shop.address(prompt="login")), NUMBER)
    assert "code" in answer_in(again)


def test_who_must_prove_again_finds_the_number_filled_in(
    app: Flask, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    browser.register(NUMBER)
    clock.shift(60)
    browser.follow(browser.get(RelyingParty(app).address(prompt="login")))
    assert browser.value("phone") == NUMBER


def test_before_something_sensitive_a_code_may_come_either_way_and_a_full_limit_leaves_the_other(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """SES-15, OTP-19."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_range_per_hour=1)
    browser = BrowserDriver(app, outboxes)
    browser.register(ADA)
    session = services_of(app).sessions.find_by_secret(browser.cookie("portal-session") or "")
    assert session is not None
    give_number(app, session.user.id)
    clock.shift(3_600)
    BrowserDriver(app, outboxes).ask("+905551110000")
    browser.get("/account/confirm")
    assert SPELLED in browser.page
    answer = browser.post("/account/confirm", {"channel": "sms"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert ADA in browser.page
    assert browser.post("/account/confirm", {"channel": "email"}).location == "/login/code"


def test_a_number_that_is_not_served_any_more_is_sent_nothing_by_any_door(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-19: whoever proved numbers abroad while texts went there has no way to have more of them sent."""
    before = make_app(sms_url=outboxes.sms.setting)
    browser = BrowserDriver(before, outboxes)
    browser.register(NUMBER)
    narrow = make_app(sms_url=outboxes.sms.setting, sms_destinations="DE")
    narrowed = BrowserDriver(narrow, outboxes)
    narrowed.client.set_cookie("portal-session", browser.cookie("portal-session") or "")
    clock.shift(11 * 60)
    outboxes.clear()
    narrowed.get("/account/confirm")
    assert narrowed.post("/account/confirm", {"channel": "sms"}).status_code == 400
    assert "This is a number to which we send no text messages." in narrowed.page
    services_of(narrow).leaving.request(services_of(narrow).users.newest(1)[0].id, OPERATOR)
    services_of(narrow).background.wait()
    assert outboxes.sms.texts == []


def test_two_tabs_may_wait_for_a_text_and_a_letter(
    app: Flask, api: ApiDriver, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Each with its own challenge, whichever is answered first."""
    register_both(app, api)
    clock.shift(31)
    tab = browser.another_tab()
    browser.ask(NUMBER)
    clock.shift(1)
    tab.ask(ADA)
    assert browser.enter(browser.code_sent_to(NUMBER)).location == "/account"
    assert tab.enter(tab.code_sent_to(ADA)).location == "/account"
