"""Pages that need a sign-in lead through it and back; a code again before what is sensitive (SES-04, SES-15)."""

from __future__ import annotations

import time_machine
from flask import Flask
from sqlalchemy import text

from auth_portal.signin.callers import Caller
from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver
from tests.support.smtp import MailSink

ADA = "ada@example.com"
CONFIRM = "/account/confirm"


def registered(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> BrowserDriver:
    """Ada's browser, signed in ten minutes ago."""
    browser = BrowserDriver(app, outbox)
    browser.register(ADA)
    clock.shift(601)
    return browser


def test_who_is_not_signed_in_comes_back_to_the_page_after_the_code(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    registered(app, outbox, clock)
    browser = BrowserDriver(app, outbox)

    assert browser.get("/account/apps").location == "/login"
    assert browser.prove(ADA).location == "/account/apps"
    assert browser.get("/account/apps").status_code == 200

    clock.shift(60)
    browser.get("/account")
    browser.post("/logout", {})
    assert browser.prove(ADA).location == "/account", "the way back is gone once"


def test_the_way_back_counts_for_an_hour(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    registered(app, outbox, clock)
    browser = BrowserDriver(app, outbox)
    browser.get("/account/apps")
    clock.shift(3_601)
    assert browser.prove(ADA).location == "/account"


def test_a_form_that_was_sent_signed_out_leads_to_the_account(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """What was sent is not done: who signs in may be somebody else."""
    registered(app, outbox, clock)
    browser = BrowserDriver(app, outbox)
    browser.get("/login")
    assert browser.post("/account/apps/shop/withdraw", {}).location == "/login"
    assert browser.prove(ADA).location == "/account"


def test_a_code_renews_the_proof_and_keeps_the_session(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """SES-04: another secret, the same session."""
    browser = registered(app, outbox, clock)
    cookie = browser.cookie("portal-session")
    before = services_of(app).sessions.find_by_secret(cookie)

    page = browser.get(CONFIRM)
    assert (page.status_code, ADA in page.text) == (200, True)
    assert browser.post(CONFIRM, {"channel": "email"}).location == "/login/code"
    browser.get("/login/code")
    assert browser.enter(browser.code_sent_to(ADA)).status_code == 303

    after = services_of(app).sessions.find_by_secret(browser.cookie("portal-session"))
    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert after.authenticated_at > before.authenticated_at
    assert services_of(app).sessions.find_by_secret(cookie) is None


def test_who_typed_a_code_lately_is_not_asked_again(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    browser = registered(app, outbox, clock)
    assert browser.get(CONFIRM).status_code == 200
    clock.shift(-2)
    assert browser.get(CONFIRM).location == "/account"


def test_a_code_is_sent_to_the_person_and_nowhere_else(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    browser = registered(app, outbox, clock)
    browser.get(CONFIRM)
    before = len(outbox.sent_to(ADA))
    browser.post(CONFIRM, {"channel": "sms", "email": "eve@example.com", "to": "+905551112233"})
    assert len(outbox.sent_to(ADA)) == before + 1
    assert outbox.sent_to("eve@example.com") == []


def test_who_asks_twice_is_told_to_wait_and_may_type_the_first_code(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    browser = registered(app, outbox, clock)
    for _ in range(2):
        browser.get(CONFIRM)
        assert browser.post(CONFIRM, {"channel": "email"}).location == "/login/code"
    assert "A code was sent a moment ago" in browser.get("/login/code").text
    assert browser.enter(browser.code_sent_to(ADA)).status_code == 303


def test_a_letter_that_does_not_leave_is_said_so(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    browser = registered(app, outbox, clock)
    browser.get(CONFIRM)
    outbox.fault = "reject_5xx"
    answer = browser.post(CONFIRM, {"channel": "email"})
    assert (answer.status_code, "could not be sent" in answer.text) == (500, True)


def test_another_site_cannot_have_a_code_sent(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
    """SES-16."""
    browser = registered(app, outbox, clock)
    browser.get(CONFIRM)
    before = len(outbox.sent_to(ADA))
    answer = browser.post(CONFIRM, {"channel": "email"}, Sec_Fetch_Site="cross-site")
    assert (answer.status_code, len(outbox.sent_to(ADA))) == (403, before)
    assert browser.post(CONFIRM, {"csrf_token": "x", "channel": "email"}).status_code == 403


def test_a_signed_out_browser_signs_in_first(make_app: Made, outbox: MailSink) -> None:
    browser = BrowserDriver(make_app(), outbox)
    assert browser.get(CONFIRM).location == "/login"


def test_a_browser_that_signed_in_days_ago_can_prove_itself_again(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """SES-15: the secret that binds codes to a browser lives a day, its session a month."""
    browser = registered(app, outbox, clock)
    clock.shift(2 * 86_400)
    browser.client.delete_cookie("portal-browser")

    assert browser.get("/account/export").location == CONFIRM
    browser.get(CONFIRM)
    assert browser.post(CONFIRM, {"channel": "email"}).location == "/login/code"
    assert browser.get("/login/code").status_code == 200
    assert browser.enter(browser.code_sent_to(ADA)).location == "/account/export"
    assert browser.get("/account/export").status_code == 200


def test_a_browser_without_its_secret_is_given_one_that_nobody_else_has(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-06: all browsers without one would be the same caller."""
    browser = registered(app, outbox, clock)
    browser.client.delete_cookie("portal-browser")
    browser.get(CONFIRM)
    browser.post(CONFIRM, {"channel": "email"})
    with services_of(app).engine.connect() as connection:
        callers = connection.execute(text("SELECT caller FROM challenge")).scalars().all()
    assert Caller.browser("", None).key not in callers
    assert Caller.browser(browser.cookie("portal-browser") or "", None).key in callers
