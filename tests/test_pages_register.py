"""Completing the registration, and who gets no further: suspended people, strangers, letters that do not leave."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.addresses import Destination
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.letters import text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
BOB = "bob@example.com"
NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Another browser in the same network."""
    return BrowserDriver(app, outbox)


def at_registration(browser: BrowserDriver, email: str = ADA) -> BrowserDriver:
    """The browser, before the form of a proven address."""
    browser.follow(browser.prove(email))
    assert browser.heading == "One last step"
    return browser


def name_of(app: Flask, outbox: MailSink, email: str) -> str:
    """The name that the account of this address shows to its owner."""
    owner = BrowserDriver(app, outbox)
    owner.follow(owner.prove(email))
    return owner.page.partition("<dd>")[2].partition("</dd>")[0].replace("<bdi>", "").replace("</bdi>", "")


NO_NAMES = {
    "nothing": ("first_name", "", "This is required."),
    "blanks": ("first_name", " \t ", "This is required."),
    "too much": ("last_name", "x" * 101, "This is too long."),
    "a line break": ("first_name", "Ada\nLovelace", "This has characters that cannot be shown."),
    "a NUL": ("last_name", "Love\x00lace", "This has characters that cannot be shown."),
}


def test_what_is_no_name_is_refused_in_place(browser: BrowserDriver) -> None:
    """WEB-13."""
    at_registration(browser)
    for name, (field, value, error) in NO_NAMES.items():
        answer = browser.post("/register", {**NAMES, field: value})
        assert (answer.status_code, browser.error(field)) == (400, error), name
        assert browser.title.startswith("Error: "), name


def test_all_faults_of_the_form_are_shown_at_once_and_good_fields_are_kept(browser: BrowserDriver) -> None:
    """WEB-13."""
    at_registration(browser).post("/register", {"first_name": "Ada", "last_name": ""})
    assert browser.value("first_name") == "Ada"
    assert [browser.error(field) for field in ("first_name", "last_name", "terms")] == [
        "",
        "This is required.",
        "This must be accepted.",
    ]


NAMES_OF_THE_WORLD = ("O’Brien-Smith", "Şükrü", "毛泽东", "محمد", "Nguyễn Thị", "X Æ", "José  María", "👩‍💻 Ada")


def test_a_name_is_shown_as_it_was_given(browser: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    for number, name in enumerate(NAMES_OF_THE_WORLD):
        person = BrowserDriver(app, outbox)
        person.register(f"person{number}@example.com", first=f" {name} ")
        assert f"<bdi>{name} Lovelace</bdi>" in person.page


def test_a_closed_tab_finds_its_registration_again(clock: time_machine.Traveller, browser: BrowserDriver) -> None:
    """ui.md: it survives a closed tab for 24 hours."""
    at_registration(browser)
    reopened = browser.another_tab()
    clock.shift(86_399)
    assert reopened.get("/register").status_code == 200
    assert ADA in reopened.page
    assert reopened.post("/register", NAMES).location == "/account"


def test_a_registration_of_yesterday_begins_again(clock: time_machine.Traveller, browser: BrowserDriver) -> None:
    at_registration(browser)
    clock.shift(86_400)
    assert browser.post("/register", NAMES).location == "/login"
    assert browser.get("/register").location == "/login"


def test_a_form_posted_twice_makes_one_person_who_is_signed_in(
    browser: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    """WEB-23."""
    at_registration(browser)
    browser.post("/register", NAMES)
    assert browser.post("/register", {**NAMES, "first_name": "Eve"}).location == "/account"
    assert name_of(app, outbox, ADA) == "Ada Lovelace"


def test_the_registration_cookie_is_dead_after_its_use(browser: BrowserDriver, stranger: BrowserDriver) -> None:
    at_registration(browser)
    kept = browser.cookie("portal-registration")
    assert kept
    browser.post("/register", NAMES)
    assert browser.cookie("portal-registration") is None
    stranger.get("/login")
    stranger.client.set_cookie("portal-registration", kept)
    assert stranger.get("/register").location == "/login"
    assert stranger.post("/register", {**NAMES, "first_name": "Eve"}).location == "/login"


def test_a_made_up_registration_cookie_opens_nothing(browser: BrowserDriver, stranger: BrowserDriver) -> None:
    at_registration(browser)
    for value in ("x", "A" * 43, "A" * 2000, browser.hidden("csrf_token") or ""):
        stranger.client.set_cookie("portal-registration", value)
        assert stranger.get("/register").location == "/login", value


def test_the_one_who_registers_first_has_the_address(
    browser: BrowserDriver, stranger: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    at_registration(browser)
    at_registration(stranger)
    assert browser.post("/register", NAMES).location == "/account"
    second = stranger.post("/register", {**NAMES, "first_name": "Eve"})
    stranger.follow(second)
    assert (second.location, stranger.notice) == ("/login", "This address is already registered. Please sign in.")
    assert name_of(app, outbox, ADA) == "Ada Lovelace"


def test_the_form_of_one_tab_never_registers_the_address_of_another(
    browser: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    """SES-06: the page says whose name it asks for, so the name must go there or nowhere."""
    at_registration(browser, ADA)
    second = at_registration(browser.another_tab(), BOB)
    browser.post("/register", {**NAMES, "registration": browser.hidden("registration") or ""})
    second.post("/register", {**NAMES, "first_name": "Bob", "registration": second.hidden("registration") or ""})
    found = [services_of(app).users.find_by_destination(Destination("email", email)) for email in (ADA, BOB)]
    assert [user.first_name if user else None for user in found] in (["Ada", "Bob"], [None, "Bob"])


def test_a_registration_token_of_the_json_api_is_no_cookie(api: ApiDriver, stranger: BrowserDriver) -> None:
    token = api.proven(ADA)["registrationToken"]
    stranger.client.set_cookie("portal-registration", token)
    assert stranger.get("/register").location == "/login"


def test_a_suspended_person_is_told_only_after_the_right_code(
    browser: BrowserDriver, stranger: BrowserDriver, app: Flask
) -> None:
    """Contract, section 2: 403 only after a right code; SES-10."""
    browser.register(ADA)
    services = services_of(app)
    user = services.users.find_by_destination(Destination("email", ADA))
    assert user is not None
    services.users.suspend(user.id)
    assert browser.get("/account").location == "/login"
    stranger.ask(ADA)
    code = stranger.code_sent_to(ADA)
    stranger.enter(str((int(code) + 1) % 10_000).zfill(4))
    assert stranger.error("code") == "That code is not right. 4 tries left."
    assert stranger.enter(code).status_code == 403
    assert "This account is closed for use." in stranger.page
    assert stranger.get("/account").location == "/login"


def test_while_sign_up_is_closed_a_stranger_sees_the_same_pages_and_gets_no_code(
    make_app: Made, outbox: MailSink
) -> None:
    """Contract, section 1 (SIGNUP); OTP-21."""
    BrowserDriver(make_app(), outbox).register(ADA)
    outbox.clear()
    closed = make_app(signup="closed")
    known, unknown = BrowserDriver(closed, outbox), BrowserDriver(closed, outbox)
    assert known.ask(ADA).location == unknown.ask(BOB).location == "/login/code"
    assert known.heading == unknown.heading == "Enter your code"
    known.enter("1234" if known.code_sent_to(ADA) != "1234" else "4321")
    unknown.enter("1234")
    assert known.error("code") == unknown.error("code")
    assert known.enter(known.code_sent_to(ADA)).location == "/account"
    [letter] = outbox.sent_to(BOB)
    assert not [line for line in text_of(letter).splitlines() if line.strip().isdigit()]


def test_a_letter_that_no_relay_takes_keeps_the_address_and_can_be_tried_at_once(
    browser: BrowserDriver, outbox: MailSink
) -> None:
    """Contract, section 2 (500): the challenge is withdrawn."""
    outbox.fault = "reject_5xx"
    assert browser.ask(ADA).status_code == 500
    assert (browser.value("email"), browser.error("email")) == (
        ADA,
        "The letter could not be sent. Please try again.",
    )
    assert browser.get("/login/code").location == "/login"
    outbox.fault = None
    assert browser.ask(ADA).location == "/login/code"
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_a_resend_that_no_relay_takes_leaves_the_first_code_good(
    clock: time_machine.Traveller, browser: BrowserDriver, outbox: MailSink
) -> None:
    """Contract, section 2 (500): an older live code still works."""
    browser.ask(ADA)
    tab = browser.another_tab()
    tab.get("/login/code")
    clock.shift(30)
    outbox.fault = "reject_4xx"
    assert browser.post("/login", {"email": ADA}).status_code == 500
    assert tab.enter(tab.code_sent_to(ADA)).location == "/register"


def test_a_used_up_send_limit_is_a_page_that_says_when_to_come_back(make_app: Made, outbox: MailSink) -> None:
    """API-03 for people."""
    app = make_app(sends_per_source_per_hour=1)
    BrowserDriver(app, outbox).ask(ADA)
    late = BrowserDriver(app, outbox)
    answer = late.ask(ADA)
    assert (answer.status_code, late.heading) == (429, "A moment, please")
    assert int(answer.headers["Retry-After"]) > 3_500
    assert "60 minutes" in late.page
    assert len(outbox.sent_to(ADA)) == 1
