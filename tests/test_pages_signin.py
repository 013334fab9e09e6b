"""Entering the address and the code, without JavaScript (contract, section 3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from flask import Flask

from tests.drivers import BrowserDriver, cookies_of, wrong_code
from tests.support.smtp import MailSink

ADA = "ada@example.com"
BOB = "bob@example.com"


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Another browser in the same network."""
    return BrowserDriver(app, outbox)


@pytest.fixture
def member(browser: BrowserDriver, app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser of Ada's, who is registered; not signed in on it, and no letter on the way."""
    BrowserDriver(app, outbox).register(ADA)
    outbox.clear()
    return browser


def test_a_new_person_gets_in_with_an_address_a_code_and_a_name(browser: BrowserDriver) -> None:
    assert (browser.ask(ADA).location, browser.heading) == ("/login/code", "Enter your code")
    proven = browser.enter(browser.code_sent_to(ADA))
    browser.follow(proven)
    assert (proven.status_code, proven.location, browser.heading) == (303, "/register", "One last step")
    done = browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    browser.follow(done)
    assert (done.status_code, done.location, browser.heading) == (303, "/account", "Your account")
    assert "Ada Lovelace" in browser.page
    assert ADA in browser.page


def test_a_known_person_gets_in_with_the_code_alone(member: BrowserDriver) -> None:
    done = member.prove(ADA)
    member.follow(done)
    assert (done.location, member.heading) == ("/account", "Your account")


NO_ADDRESSES = {
    "nothing": "",
    "blanks": "   ",
    "no domain": "ada",
    "an empty domain": "ada@",
    "no local part": "@example.com",
    "a space inside": "ada lovelace@example.com",
    "two addresses": "ada@example.com, bob@example.com",
    "a header behind it": "ada@example.com\r\nBcc: bob@example.com",
    "a name before it": "Ada <ada@example.com>",
    "a local part beyond ASCII": "ädä@example.com",
    "an empty label": "ada@example..com",
    "a local part of 65": "a" * 65 + "@example.com",
    "too much": "ada@" + "x" * 250 + ".com",
    "a NUL": "ada@example.com\x00",
}


def test_what_is_no_address_is_refused_in_place_and_nothing_is_sent(browser: BrowserDriver, outbox: MailSink) -> None:
    """WEB-13, MAIL-08."""
    accepted = [name for name, typed in NO_ADDRESSES.items() if browser.ask(typed).status_code != 400]
    assert (accepted, outbox.messages) == ([], [])


def test_a_refused_address_stays_in_its_field_with_the_error_under_it(browser: BrowserDriver) -> None:
    """WEB-13; nobody types anything again (WCAG 3.3.7)."""
    browser.ask("ada@@example.com")
    assert (browser.value("email"), browser.error("email")) == ("ada@@example.com", "This is not an email address.")
    assert browser.title.startswith("Error: ")
    assert 'aria-invalid="true" aria-describedby="email-error" autofocus' in browser.page


def test_one_letter_leaves_for_an_address_however_it_is_spelled(browser: BrowserDriver, outbox: MailSink) -> None:
    """MAIL-09."""
    browser.ask("  ADA@Example.COM ")
    assert len(outbox.sent_to(ADA)) == 1
    assert ADA in browser.page


SPELLINGS: dict[str, Callable[[str], str]] = {
    "a space in the middle": lambda code: f"{code[:2]} {code[2:]}",
    "a hyphen in the middle": lambda code: f"{code[:2]}-{code[2:]}",
    "blanks around": lambda code: f"  {code}\n",
    "each digit apart": " ".join,
    "full-width digits": lambda code: digits_from("０", code),
    "Arabic digits": lambda code: digits_from("٠", code),
    "Persian digits": lambda code: digits_from("۰", code),
}


def digits_from(zero: str, code: str) -> str:
    """The same number in the digits of another script."""
    return "".join(chr(ord(zero) + int(digit)) for digit in code)


def test_a_code_may_be_typed_in_many_ways(app: Flask, outbox: MailSink) -> None:
    """OTP-27."""
    for name, spell in SPELLINGS.items():
        browser = BrowserDriver(app, outbox)
        browser.ask(ADA)
        assert browser.enter(spell(browser.code_sent_to(ADA))).location == "/register", name


def test_what_is_no_code_is_refused_in_place_and_costs_no_try(browser: BrowserDriver) -> None:
    """OTP-28."""
    browser.ask(ADA)
    for typed in ("", " ", "12", "12345", "12a4", "<b>1234", "1" * 5000, "12\x0034"):
        assert browser.enter(typed).status_code == 400, typed
        assert browser.error("code"), typed
        assert browser.title.startswith("Error: "), typed
    browser.enter(wrong_code(browser.code_sent_to(ADA)))
    assert "4 tries left" in browser.error("code")


def test_each_wrong_code_says_how_many_tries_are_left_until_the_code_is_dead(browser: BrowserDriver) -> None:
    """OTP-08."""
    browser.ask(ADA)
    code = browser.code_sent_to(ADA)
    for left in ("4 tries left.", "3 tries left.", "2 tries left.", "1 try left."):
        answer = browser.enter(wrong_code(code))
        assert (answer.status_code, browser.error("code")) == (401, f"That code is not right. {left}")
        assert browser.title.startswith("Error: ")
    browser.enter(wrong_code(code))
    assert browser.heading == "This code no longer works"
    assert browser.hidden("email") == ADA
    assert browser.enter(code).status_code == 401
    assert browser.get("/account").location == "/login"


def test_after_a_dead_code_one_press_sends_a_new_one_that_works(
    clock: time_machine.Traveller, browser: BrowserDriver, outbox: MailSink
) -> None:
    """WEB-15."""
    browser.ask(ADA)
    for _ in range(5):
        browser.enter(wrong_code(browser.code_sent_to(ADA)))
    clock.shift(30)
    browser.follow(browser.post("/login", {"email": browser.hidden("email") or ""}))
    assert len(outbox.sent_to(ADA)) == 2
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


@pytest.mark.parametrize(("age", "status"), [(599, 303), (600, 401)])
def test_a_code_lives_ten_minutes_and_not_a_second_longer(
    clock: time_machine.Traveller, browser: BrowserDriver, age: int, status: int
) -> None:
    """OTP-04."""
    browser.ask(ADA)
    clock.shift(age)
    assert browser.enter(browser.code_sent_to(ADA)).status_code == status


def test_an_expired_page_says_so_and_offers_a_new_code(clock: time_machine.Traveller, browser: BrowserDriver) -> None:
    """WEB-15."""
    browser.ask(ADA)
    clock.shift(600)
    assert browser.get("/login/code").status_code == 200
    assert browser.heading == "This code no longer works"
    browser.follow(browser.post("/login", {"email": browser.hidden("email") or ""}))
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_a_resend_brings_the_same_code_and_no_fresh_tries(
    clock: time_machine.Traveller, browser: BrowserDriver, outbox: MailSink
) -> None:
    """Contract, section 2; OTP-09."""
    browser.ask(ADA)
    first = browser.code_sent_to(ADA)
    browser.enter(wrong_code(first))
    clock.shift(30)
    browser.follow(browser.post("/login", {"email": browser.hidden("email") or ""}))
    assert "same code" in browser.notice
    assert len(outbox.sent_to(ADA)) == 2
    assert browser.code_sent_to(ADA) == first
    browser.enter(wrong_code(first))
    assert "3 tries left" in browser.error("code")
    assert browser.enter(first).location == "/register"


def test_a_resend_that_comes_too_soon_says_when_and_sends_nothing(
    clock: time_machine.Traveller, browser: BrowserDriver, outbox: MailSink
) -> None:
    browser.ask(ADA)
    clock.shift(12)
    browser.follow(browser.post("/login", {"email": ADA}))
    assert "in 18 s" in browser.notice
    assert len(outbox.sent_to(ADA)) == 1


def test_a_form_posted_again_before_the_first_answer_came_sends_one_letter(
    browser: BrowserDriver, stranger: BrowserDriver, outbox: MailSink
) -> None:
    """WEB-23: a double click without JavaScript. Both requests carry the cookies of the first page only."""
    for name, morsel in cookies_of(browser.get("/login")).items():
        stranger.client.set_cookie(name, morsel.value)
    stranger.page = browser.page
    browser.post("/login", {"email": ADA})
    stranger.post("/login", {"email": ADA})
    assert len(outbox.sent_to(ADA)) == 1


def test_back_and_the_same_address_again_sends_one_letter(browser: BrowserDriver, outbox: MailSink) -> None:
    """WEB-23."""
    browser.ask(ADA)
    browser.ask(ADA)
    assert len(outbox.sent_to(ADA)) == 1
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_reloading_the_code_page_changes_nothing(browser: BrowserDriver, outbox: MailSink) -> None:
    """WEB-23."""
    browser.ask(ADA)
    challenge = browser.hidden("challenge")
    browser.get("/login/code")
    assert browser.hidden("challenge") == challenge
    assert len(outbox.sent_to(ADA)) == 1


def test_a_code_posted_twice_leaves_a_known_person_signed_in(member: BrowserDriver) -> None:
    """WEB-23."""
    member.prove(ADA)
    assert member.enter(member.code_sent_to(ADA)).location == "/account"


def test_a_code_posted_twice_leaves_a_new_person_at_the_registration(browser: BrowserDriver) -> None:
    """WEB-23."""
    browser.prove(ADA)
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_back_from_the_registration_leads_there_again(browser: BrowserDriver) -> None:
    """WEB-23: the code was right, so nobody is told that it no longer works."""
    browser.prove(ADA)
    assert browser.get("/login/code").location == "/register"


def test_a_signed_in_browser_is_led_to_the_account_from_every_step(browser: BrowserDriver) -> None:
    browser.register(ADA)
    targets = {path: browser.get(path).location for path in ("/login", "/login/code", "/register")}
    assert set(targets.values()) == {"/account"}, targets


def test_a_step_out_of_turn_leads_to_the_first_one(browser: BrowserDriver) -> None:
    browser.get("/login")
    answers = {
        "GET /": browser.get("/"),
        "GET /login/code": browser.get("/login/code"),
        "GET /register": browser.get("/register"),
        "GET /account": browser.get("/account"),
        "POST /login/code": browser.post("/login/code", {"code": "1234"}),
        "POST /register": browser.post("/register", {"first_name": "Ada"}),
    }
    assert {(answer.status_code, answer.location) for answer in answers.values()} == {(303, "/login")}, answers
