"""``POST login-otp-email`` and ``login-otp``: whose guess counts at which code, how many there are, and what a right
code opens.

Every test runs at both doors: the rules are the same.
"""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.support.outboxes import Outboxes
from tests.support.sms import SmsSink

ADA = "ada@example.com"
MALFORMED = (400, "validation_failed")
REFUSED = (401, "code_invalid")
TEXT = "Doğrulama kodu hatalı veya süresi dolmuş"
USER = [
    "createdAt",
    "email",
    "fields",
    "firstName",
    "id",
    "lastName",
    "locale",
    "missingFields",
    "phoneNumber",
    "termsAccepted",
]


@pytest.fixture
def app(make_app: Made, sms: SmsSink) -> Flask:
    """A portal that sends letters and texts."""
    made: Flask = make_app(sms_url=sms.setting)
    return made


@pytest.fixture(params=["email", "sms"])
def api(request: pytest.FixtureRequest, app: Flask, outboxes: Outboxes) -> ApiDriver:
    """A JSON caller who has codes mailed, and one who has them texted."""
    return ApiDriver(app, outboxes, channel=request.param)


@pytest.fixture
def browser(app: Flask, outboxes: Outboxes, api: ApiDriver) -> BrowserDriver:
    """A browser that asks for codes by the same channel."""
    return BrowserDriver(app, outboxes, channel=api.channel)


@pytest.fixture
def closed(make_app: Made, sms: SmsSink, api: ApiDriver) -> ApiDriver:
    """The same caller, in another network, once sign-up is closed."""
    return ApiDriver(make_app(signup="closed", sms_url=sms.setting), api.outbox, "203.0.113.9", api.channel)


@pytest.fixture
def stranger(api: ApiDriver) -> ApiDriver:
    """A caller from another network."""
    return api.at("203.0.113.9")


def guess(api: ApiDriver, code: str, times: int, **extra: str) -> None:
    """Spend this many wrong guesses, each another one; all are refused."""
    for step in range(1, times + 1):
        assert outcome(api.login(ADA, wrong_code(code, step), **extra)) == REFUSED


def test_a_new_person_gets_a_registration_token_and_nothing_else(
    api: ApiDriver, clock: time_machine.Traveller
) -> None:
    data = api.proven(ADA)
    token = data.pop("registrationToken")
    assert token.count(".") == 2
    nothing = {"accessToken": None, "refreshToken": None, "user": None}
    assert data == {"registrationRequired": True, "expiresIn": 86_400, **nothing}


def test_a_known_person_gets_tokens_and_the_profile(api: ApiDriver, stranger: ApiDriver) -> None:
    user = api.register(ADA)["user"]
    data = stranger.proven(ADA)
    assert (data["tokenType"], data["registrationRequired"], data["user"]) == ("Bearer", False, user)
    assert (data["expiresIn"], data["refreshExpiresIn"]) == (600, 30 * 86_400)
    assert sorted(user) == USER
    assert len(data["refreshToken"]) >= 22


def test_a_right_code_works_once(api: ApiDriver) -> None:
    """OTP-05."""
    api.send(ADA)
    code = api.code_sent_to(ADA)
    assert [api.login(ADA, code).status_code for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize(("second", "status"), [(599, 200), (600, 401), (601, 401)])
def test_a_code_lives_exactly_its_lifetime(
    api: ApiDriver, clock: time_machine.Traveller, second: int, status: int
) -> None:
    """OTP-04."""
    api.send(ADA)
    clock.shift(second)
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == status


def test_wrong_expired_used_exhausted_and_unknown_are_one_answer(
    api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """OTP-23: status, texts and headers are equal but for the request's id."""
    for name in ("wrong", "used", "exhausted", "expired"):
        api.send(f"{name}@example.com")
    codes = {name: api.code_sent_to(f"{name}@example.com") for name in ("wrong", "used", "exhausted", "expired")}
    api.login("used@example.com", codes["used"])
    for step in range(1, 6):
        api.login("exhausted@example.com", wrong_code(codes["exhausted"], step))
    answers = [
        api.login("wrong@example.com", wrong_code(codes["wrong"])),
        api.login("used@example.com", codes["used"]),
        api.login("exhausted@example.com", codes["exhausted"]),
        api.login("unknown@example.com", "1234"),
        api.login("unknown@example.com", "1234", challengeId="0" * 32),
    ]
    clock.shift(600)
    answers.append(api.login("expired@example.com", codes["expired"]))
    for answer in answers:
        assert (*outcome(answer), answer.json["errors"][0]) == (*REFUSED, TEXT)
    strip = ("X-Request-Id",)
    shown = [{key: value for key, value in answer.headers.items() if key not in strip} for answer in answers]
    assert all(headers == shown[0] for headers in shown)
    assert all(answer.json["errors"] == [TEXT] for answer in answers)


def test_after_the_last_attempt_the_right_code_is_refused(api: ApiDriver) -> None:
    """OTP-08."""
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(api, code, 5)
    assert outcome(api.login(ADA, code)) == REFUSED


def test_the_configured_number_of_attempts_holds(make_app: Made, sms: SmsSink, api: ApiDriver) -> None:
    app = make_app(code_attempts=1, sms_url=sms.setting)
    api = ApiDriver(app, api.outbox, channel=api.channel)
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(api, code, 1)
    assert outcome(api.login(ADA, code)) == REFUSED


def test_a_resend_gives_no_fresh_attempts(api: ApiDriver, clock: time_machine.Traveller) -> None:
    """OTP-09."""
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(api, code, 4)
    clock.shift(31)
    api.send(ADA)
    guess(api, code, 1)
    assert outcome(api.login(ADA, code)) == REFUSED


def test_a_new_code_after_an_exhausted_one_works_and_the_dead_one_stays_dead(
    api: ApiDriver, clock: time_machine.Traveller
) -> None:
    handle = data_of(api.send(ADA))["challengeId"]
    dead = api.code_sent_to(ADA)
    guess(api, dead, 5)
    clock.shift(31)
    assert data_of(api.send(ADA))["challengeId"] != handle
    assert outcome(api.login(ADA, dead, challengeId=handle)) == REFUSED
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_with_its_handle_a_code_is_good_from_any_network(api: ApiDriver, stranger: ApiDriver) -> None:
    handle = data_of(api.send(ADA))["challengeId"]
    assert stranger.login(ADA, api.code_sent_to(ADA), challengeId=handle).status_code == 200


def test_guesses_with_a_handle_are_the_owners_own_wherever_they_come_from(
    api: ApiDriver, stranger: ApiDriver
) -> None:
    handle = data_of(api.send(ADA))["challengeId"]
    code = api.code_sent_to(ADA)
    guess(stranger, code, 5, challengeId=handle)
    assert outcome(api.login(ADA, code)) == REFUSED


def test_a_handle_of_another_address_opens_nothing_and_costs_nothing(api: ApiDriver) -> None:
    """OTP-07, OTP-06."""
    handle = data_of(api.send(ADA))["challengeId"]
    bob = data_of(api.send("bob@example.com"))["challengeId"]
    code = api.code_sent_to(ADA)
    for _ in range(6):
        assert outcome(api.login(ADA, code, challengeId=bob)) == REFUSED
        assert outcome(api.login("bob@example.com", code, challengeId=handle)) == REFUSED
    assert api.login(ADA, code, challengeId=handle).status_code == 200


def test_a_caller_with_a_wrong_handle_does_not_fall_back_to_the_code_of_its_network(api: ApiDriver) -> None:
    api.send(ADA)
    code = api.code_sent_to(ADA)
    assert outcome(api.login(ADA, code, challengeId="f" * 32)) == REFUSED
    assert api.login(ADA, code).status_code == 200


def test_each_of_several_challenges_takes_only_its_own_code(api: ApiDriver) -> None:
    """OTP-07."""
    sent = []
    for host in range(1, 5):
        handle = data_of(api.at(f"203.0.113.{host}").send(ADA))["challengeId"]
        sent.append((handle, api.code_sent_to(ADA)))
    for position, (handle, code) in enumerate(sent):
        others = {other for _handle, other in sent[:position] + sent[position + 1 :] if other != code}
        for other in others:
            refused = REFUSED if len(other) == len(code) else MALFORMED
            assert outcome(api.login(ADA, other, challengeId=handle)) == refused
    for handle, code in sent:
        assert api.login(ADA, code, challengeId=handle).status_code == 200


def test_a_guess_without_a_handle_is_at_the_challenge_of_the_same_network(
    api: ApiDriver, stranger: ApiDriver, clock: time_machine.Traveller
) -> None:
    """Also where a stranger has opened a newer one since."""
    api.send(ADA)
    code = api.code_sent_to(ADA)
    clock.shift(1)
    stranger.send(ADA)
    theirs = api.code_sent_to(ADA)
    assert len(theirs) > len(code)  # the first one holds all that the budget has for short codes
    assert outcome(stranger.login(ADA, code)) == MALFORMED
    assert api.login(ADA, code).status_code == 200


def test_a_code_asked_for_in_a_browser_is_worth_nothing_at_the_api(api: ApiDriver, browser: BrowserDriver) -> None:
    """Contract 5.3: bound to the browser that asked; not used up from here either."""
    browser.ask(ADA)
    code, handle = browser.code_sent_to(ADA), browser.hidden("challenge") or ""
    for extra in ({}, {"challengeId": handle}):
        assert all(outcome(api.login(ADA, code, **extra)) == REFUSED for _ in range(6))
    assert browser.enter(code).status_code == 303


def test_a_suspended_person_learns_so_only_with_the_right_code(app: Flask, api: ApiDriver) -> None:
    """OTP-41; and the code is used up by it."""
    user_id = api.at("203.0.113.9").register(ADA)["user"]["id"]
    services_of(app).users.suspend(user_id)
    api.send(ADA)
    code = api.code_sent_to(ADA)
    guess(api, code, 1)
    closed = api.login(ADA, code)
    assert (*outcome(closed), closed.json["errors"]) == (403, "account_suspended", ["Hesap kullanıma kapalı"])
    assert outcome(api.login(ADA, code)) == REFUSED


def test_where_sign_up_is_closed_a_strangers_right_code_is_refused(api: ApiDriver, closed: ApiDriver) -> None:
    api.send(ADA)
    assert outcome(closed.login(ADA, api.code_sent_to(ADA))) == REFUSED


def test_where_sign_up_is_closed_a_known_person_signs_in(api: ApiDriver, closed: ApiDriver) -> None:
    api.register(ADA)
    assert closed.proven(ADA)["registrationRequired"] is False
