"""A clock that jumps by an hour, there or back: no code works twice, no guess is given back, nobody is kept out.

Codes expire by the portal's clock (OTP-04), so a jump ends them early or late. What it must not do is count less, or
make a person wait longer than the limits say (OTP-15).
"""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.support.letters import text_of
from tests.support.smtp import MailSink, code_in

ADA = "ada@example.com"
HOUR = 3_600
LIMIT = 3
RESEND_AFTER = 30
SENT, RIGHT, REFUSED, TOO_SOON = (201, None), (200, None), (401, "code_invalid"), (409, "resend_too_soon")
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
CODE_PAGE, CODE_DEAD = "Enter your code", "This code no longer works"
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["on", "back"])


@pytest.fixture
def app(clock: time_machine.Traveller, make_app: Made) -> Flask:
    """A portal that sends 3 letters an hour to one inbox."""
    made: Flask = make_app(sends_per_inbox_per_hour=LIMIT, sends_per_inbox_per_day=20)
    return made


def code(outbox: MailSink, digits: int = 0) -> str:
    """The code of the newest letter to Ada that has one, one of so many digits."""
    codes = [code_in(mail) for mail in outbox.sent_to(ADA) if "/login/not-me/" in text_of(mail)]
    return [found for found in codes if len(found) == (digits or len(found))][-1]


def sign_in(api: ApiDriver, outbox: MailSink) -> tuple[int, str | None]:
    """Ask for a code, type it: what came of it."""
    answer = api.send(ADA)
    assert outcome(answer) == SENT, answer.text
    return outcome(api.login(ADA, code(outbox)))


@JUMPS
def test_a_code_works_once_whenever_that_is(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-04, OTP-05: an hour on it is over, an hour back it is not; and a used one is used at any time."""
    api.send(ADA)
    first = code(outbox)
    clock.shift(jump)
    assert outcome(api.login(ADA, first)) == (REFUSED if jump > 0 else RIGHT)
    assert outcome(api.login(ADA, first)) == REFUSED
    clock.shift(-jump)
    assert outcome(api.login(ADA, first)) == (RIGHT if jump > 0 else REFUSED)
    assert outcome(api.login(ADA, first)) == REFUSED


@JUMPS
def test_after_a_jump_a_person_signs_in_again_by_json(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15, OTP-07: the code that is used belongs to another time, and stands in nobody's way."""
    assert sign_in(api, outbox) == RIGHT
    clock.shift(jump)
    assert sign_in(api, outbox) == RIGHT


@JUMPS
def test_after_a_jump_the_wait_between_two_letters_and_their_code_are_what_they_always_are(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-19: the used code of another time neither makes anybody wait nor lifts the wait."""
    assert sign_in(api, outbox) == RIGHT
    clock.shift(jump)
    assert [outcome(api.send(ADA)) for _ in range(2)] == [SENT, TOO_SOON]
    first = code(outbox)
    clock.shift(RESEND_AFTER)
    assert outcome(api.send(ADA)) == SENT
    assert code(outbox) == first


@JUMPS
def test_after_a_jump_a_person_signs_in_again_in_the_same_browser(
    jump: int, browser: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15: the page that asks for the code is the page of the code that was just sent."""
    browser.register(ADA)
    browser.post("/logout", {})
    clock.shift(RESEND_AFTER)
    browser.prove(ADA)
    browser.get("/account")
    browser.post("/logout", {})
    clock.shift(jump)
    assert browser.ask(ADA).location == "/login/code"
    assert (browser.heading, browser.notice) == (CODE_PAGE, "")
    assert browser.enter(code(outbox)).location == "/account"


@JUMPS
def test_a_jump_between_two_guesses_gives_none_back(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-08, OTP-13: five are evaluated at one code, there and back; they count for the next code's length."""
    api.send(ADA)
    first = code(outbox)
    for step in range(1, 6):
        assert outcome(api.login(ADA, wrong_code(first, step))) == REFUSED
        clock.shift(jump)
        assert outcome(api.login(ADA, wrong_code(first, step + 5))) == REFUSED
        clock.shift(-jump)
    assert outcome(api.login(ADA, first)) == REFUSED
    clock.shift(RESEND_AFTER)
    assert outcome(api.send(ADA)) == SENT
    assert len(code(outbox)) == 6, "five wrong guesses at four digits are all that an account affords"
    assert outcome(api.login(ADA, code(outbox))) == RIGHT


@JUMPS
def test_a_jump_between_two_guesses_on_the_page_gives_none_back(
    jump: int, browser: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-08: an hour on, the page says that the code is over; an hour back, that there is one try left."""
    browser.ask(ADA)
    first = code(outbox)
    for step in (1, 2, 3):
        assert browser.enter(wrong_code(first, step)).status_code == 401
    clock.shift(jump)
    browser.get("/login/code")
    browser.enter(wrong_code(first, 4))
    assert browser.heading == (CODE_DEAD if jump > 0 else CODE_PAGE)
    assert browser.error("code") == ("" if jump > 0 else "That code is not right. 1 try left.")
    clock.shift(-jump)
    browser.get("/login/code")
    for step in range(4, 6) if jump > 0 else [5]:
        assert browser.enter(wrong_code(first, step)).status_code == 401
    assert (browser.enter(first).status_code, browser.heading) == (401, CODE_DEAD)


@JUMPS
def test_a_jump_between_two_sends_keeps_nobody_waiting(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15: back, the code that lives is sent again, its guesses as they were; on, there is a new one."""
    api.send(ADA)
    first = code(outbox)
    for step in (1, 2, 3, 4):
        api.login(ADA, wrong_code(first, step))
    clock.shift(jump)
    assert outcome(api.send(ADA)) == SENT
    assert (code(outbox) == first) == (jump < 0)
    assert outcome(api.send(ADA)) == TOO_SOON
    if jump < 0:
        assert outcome(api.login(ADA, wrong_code(first, 5))) == REFUSED
        assert outcome(api.login(ADA, first)) == REFUSED
        clock.shift(RESEND_AFTER)
        assert outcome(api.send(ADA)) == SENT
    assert outcome(api.login(ADA, code(outbox))) == RIGHT


@JUMPS
def test_in_a_flood_a_jump_keeps_no_owner_out(
    jump: int, api: ApiDriver, browser: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-15, OTP-20: there is a letter for whoever holds no code; a full bucket of a wrong time is empty."""
    for host in range(LIMIT + 2):
        assert outcome(api.at(f"203.0.113.{host}").send(ADA)) == SENT
    before = len(outbox.messages)
    clock.shift(jump)
    for host in range(LIMIT + 2):
        assert outcome(api.at(f"198.51.100.{host}").send(ADA)) == SENT
    assert before < len(outbox.messages) <= before + LIMIT + 1
    browser.ask(ADA)
    assert browser.heading == CODE_PAGE
    assert browser.enter(code(outbox, digits=20)).location == "/register"


@JUMPS
def test_a_jump_of_a_full_inbox_makes_nobody_wait_beyond_its_window(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """API-03: whoever holds a code and asks for more is told to come back within the hour."""
    for host in range(LIMIT):
        api.at(f"203.0.113.{host}").send(ADA)
    clock.shift(RESEND_AFTER)
    refused = api.at("203.0.113.0").send(ADA)
    assert refused.status_code == 429
    clock.shift(jump)
    answers = [api.at("203.0.113.0").send(ADA) for _ in range(2)]
    assert outcome(answers[0]) == SENT
    assert outcome(answers[1]) == TOO_SOON
    assert int(answers[1].headers["Retry-After"]) <= RESEND_AFTER


@JUMPS
def test_a_form_that_was_open_during_a_jump_is_still_good(
    jump: int, browser: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """SES-16, OTP-15: the first address, the code where it lives, and the registration, whose proof is kept."""
    browser.get("/login")
    clock.shift(jump)
    assert browser.post("/login", {"email": ADA}).location == "/login/code"
    browser.get("/login/code")
    browser.follow(browser.enter(code(outbox)))
    clock.shift(jump)
    done = browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    assert done.location == "/account"
    clock.shift(-2 * jump)
    assert browser.get("/account").status_code == 200


@JUMPS
def test_a_jump_costs_a_json_caller_at_most_a_refresh_or_a_new_code(
    jump: int, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """JWT-06, REF-02: a token that was issued in the future is refused; what it stood for is not lost."""
    token = api.proven(ADA)["registrationToken"]
    clock.shift(jump)
    done = api.post("complete-registration", NAMES, token=token)
    assert outcome(done) == (SENT if jump > 0 else (401, "unauthorized"))
    if jump < 0:
        done = api.post("complete-registration", NAMES, token=api.proven(ADA)["registrationToken"])
        assert outcome(done) == SENT
    clock.shift(-abs(jump))
    assert outcome(api.call("GET", "me", token=data_of(done)["accessToken"])) == (401, "unauthorized")
    refreshed = api.post("refresh-token", {"refreshToken": data_of(done)["refreshToken"]})
    assert outcome(refreshed) == RIGHT
    assert outcome(api.call("GET", "me", token=data_of(refreshed)["accessToken"])) == RIGHT


def test_a_clock_that_was_set_back_makes_no_old_refresh_token_good_again(
    api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """REF-02, REF-03: a retry may come within ten seconds, not until the clock is where it was."""
    first = api.register(ADA)["refreshToken"]
    second = data_of(api.post("refresh-token", {"refreshToken": first}))["refreshToken"]
    clock.shift(-5)
    assert outcome(api.post("refresh-token", {"refreshToken": first})) == RIGHT, "two nodes are never quite as late"
    clock.shift(-3_600)
    assert outcome(api.post("refresh-token", {"refreshToken": first})) == (401, "unauthorized")
    assert outcome(api.post("refresh-token", {"refreshToken": second})) == (401, "unauthorized")


def test_a_clock_that_was_set_back_makes_no_proof_younger(
    browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """SES-15: ten minutes are not as many and an hour."""
    browser.register(ADA)
    clock.shift(-5)
    assert browser.get("/account/delete").status_code == 200
    clock.shift(-3_600)
    assert browser.get("/account/delete").location == "/account/confirm"
    browser.get("/account/confirm")
    browser.post("/account/confirm", {"channel": "email"})
    browser.get("/login/code")
    assert browser.enter(browser.code_sent_to(ADA)).location == "/account/delete"
    assert browser.get("/account/delete").status_code == 200
