"""``POST send-otp`` and ``login-otp``: what is theirs. What both doors share is in test_api_login and test_budget."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.phoning import ADA, NUMBER, STRANGER, api, app, browser, register_both
from tests.support.outboxes import Outboxes
from tests.support.sms import SmsSink, code_in
from tests.support.smtp import MailSink

__all__ = ["api", "app", "browser"]

INVALID, MISSING = (400, "validation_failed"), (404, "not_found")
SPELLINGS = ["0555 111 22 33", "5551112233", "٠٥٥٥١١١٢٢٣٣", "+90 (555) 111-22-33", "00905551112233"]


def test_a_code_goes_to_the_phone_and_opens_the_same_as_a_mailed_one(
    api: ApiDriver, sms: SmsSink, clock: time_machine.Traveller
) -> None:
    """Contract, section 2."""
    sent = data_of(api.send(NUMBER))
    assert sorted(sent) == ["challengeId", "codeLength", "expiresAt", "phoneNumber", "resendAt"]
    assert (sent["phoneNumber"], sent["codeLength"]) == (NUMBER, 4)
    code = code_in(sms.sent_to(NUMBER)[0], "127.0.0.1")
    proven = data_of(api.login(NUMBER, code, challengeId=sent["challengeId"]))
    assert (proven["registrationRequired"], proven["user"]) == (True, None)
    names = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    answer = api.post("complete-registration", names, token=proven["registrationToken"])
    assert answer.status_code == 201
    user = data_of(answer)["user"]
    assert (user["phoneNumber"], user["email"], user["firstName"]) == (NUMBER, None, "Ada")
    clock.shift(31)
    assert api.proven(NUMBER)["user"] == user
    assert data_of(api.call("GET", "me", token=data_of(answer)["accessToken"])).items() >= user.items()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_spellings_of_a_number_are_one_caller_one_code_and_one_person(
    api: ApiDriver, sms: SmsSink, spelling: str, clock: time_machine.Traveller
) -> None:
    """MAIL-09 for phones, OTP-19."""
    user = api.register(NUMBER)["user"]
    clock.shift(31)
    api.send(NUMBER)
    again = api.post("send-otp", {"phoneNumber": spelling})
    assert outcome(again) == (409, "resend_too_soon")
    answer = api.post("login-otp", {"phoneNumber": spelling, "code": api.code_sent_to(NUMBER)})
    assert data_of(answer)["user"] == user
    assert {text.to for text in sms.texts} == {NUMBER}


def test_a_national_number_comes_with_its_region(make_app: Made, outboxes: Outboxes) -> None:
    api = ApiDriver(make_app(sms_url=outboxes.sms.setting, sms_destinations="GB"), outboxes)
    number = {"phoneNumber": "07400 123456", "region": "GB"}
    sent = api.post("send-otp", number)
    assert data_of(sent)["phoneNumber"] == "+447400123456"
    code = api.code_sent_to("+447400123456")
    assert outcome(api.post("login-otp", {"phoneNumber": "07400 123456", "code": code})) == INVALID
    assert api.post("login-otp", {**number, "code": code}).status_code == 200


BODIES = {
    "nothing": ({}, ["phoneNumber: is required"]),
    "an address": ({"email": ADA}, ["phoneNumber: is required"]),
    "an empty number": ({"phoneNumber": " "}, ["phoneNumber: is required"]),
    "no text": ({"phoneNumber": 905551112233}, ["phoneNumber: has the wrong type"]),
    "no number": ({"phoneNumber": ADA}, ["phoneNumber: is not a phone number"]),
    "an extension": ({"phoneNumber": f"{NUMBER};ext=1"}, ["phoneNumber: is not a phone number"]),
    "another header": ({"phoneNumber": f"{NUMBER}\r\nX: y"}, ["phoneNumber: is not a phone number"]),
    "much": ({"phoneNumber": "5" * 1_000}, ["phoneNumber: is too long"]),
    "too much": ({"phoneNumber": "5" * 2_000}, ["phoneNumber: is too long"]),
    "a landline": ({"phoneNumber": "0212 123 45 67"}, ["phoneNumber: is not a mobile number"]),
    "a number that costs": ({"phoneNumber": "0900 123 45 67"}, ["phoneNumber: is not a mobile number"]),
    "abroad": ({"phoneNumber": "+447400123456"}, ["phoneNumber: is a number to which we send no text messages"]),
    "no region": ({"phoneNumber": NUMBER, "region": "ZZ"}, ["region: is malformed"]),
    "a region of the wrong type": ({"phoneNumber": NUMBER, "region": 90}, ["region: has the wrong type"]),
    "a list of numbers": ({"phoneNumber": [NUMBER]}, ["phoneNumber: has the wrong type"]),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("door", ["send-otp", "login-otp"])
def test_what_is_no_number_is_refused_alike_at_both_doors(api: ApiDriver, sms: SmsSink, door: str, name: str) -> None:
    """MAIL-15: no text leaves before it is a valid number."""
    body, faults = BODIES[name]
    answer = api.post(door, {**body, "code": "1234"})
    assert outcome(answer) == INVALID
    assert answer.json["errors"] == ["Validation failed", *faults]
    assert sms.texts == []


def test_a_malformed_code_costs_no_attempt(api: ApiDriver) -> None:
    """OTP-28."""
    api.send(NUMBER)
    for typed in ("", "12", "12345", "abcd", "1" * 400):
        assert outcome(api.login(NUMBER, typed)) == INVALID
    code = api.code_sent_to(NUMBER)
    for step in range(1, 5):
        assert api.login(NUMBER, wrong_code(code, step)).status_code == 401
    assert api.login(NUMBER, f" {code[:2]}-{code[2:]} ").status_code == 200


@pytest.mark.parametrize("door", ["send-otp", "login-otp"])
@pytest.mark.parametrize(
    "body", [{"phoneNumber": NUMBER, "code": "1234"}, {}, b"not JSON"], ids=["good", "empty", "bad"]
)
def test_without_a_gateway_there_are_no_phone_doors(
    make_app: Made, outbox: MailSink, door: str, body: object
) -> None:
    """Contract, section 1."""
    answer = ApiDriver(make_app(), outbox).post(door, body)
    assert (outcome(answer), answer.json["errors"]) == (MISSING, ["Resource not found"])


def test_development_shows_the_code_and_needs_no_gateway(make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(env="development"), outbox)
    sent = data_of(api.send(NUMBER))
    assert re.fullmatch(r"[0-9]{4}", sent["code"])
    assert api.login(NUMBER, sent["code"]).status_code == 200


def test_no_answer_of_production_carries_a_code_or_the_number_of_a_refusal(api: ApiDriver) -> None:
    """OTP-26, OPS-03."""
    sent = api.send(NUMBER)
    code = api.code_sent_to(NUMBER)
    data = {name: value for name, value in data_of(sent).items() if name not in ("challengeId", "phoneNumber")}
    assert code not in re.findall(r"\b[0-9]{4}\b", str({**data, "expiresAt": "", "resendAt": ""}))
    refused = [api.send(NUMBER), api.login(NUMBER, wrong_code(code))]
    assert all(NUMBER[1:] not in f"{answer.text} {answer.headers}" for answer in refused)


def test_a_client_id_that_names_no_client_is_not_found_and_sends_nothing(api: ApiDriver, sms: SmsSink) -> None:
    assert outcome(api.send(NUMBER, clientId="nobody")) == (404, "client_unknown")
    assert sms.texts == []


@pytest.mark.parametrize(("extra", "word"), [({"locale": "en"}, "Your sign-in code"), ({"locale": "tr-TR"}, "@")])
def test_a_text_is_in_the_language_asked_for(api: ApiDriver, sms: SmsSink, extra: dict[str, str], word: str) -> None:
    api.send(NUMBER, **extra)
    assert word in sms.sent_to(NUMBER)[0].text


def test_known_unknown_and_suspended_numbers_get_the_same_answer_and_a_text_each(
    app: Flask, api: ApiDriver, sms: SmsSink, clock: time_machine.Traveller
) -> None:
    """OTP-21, OTP-41."""
    numbers = [NUMBER, STRANGER, "+905557778899"]
    api.register(numbers[0])
    services_of(app).users.suspend(api.register(numbers[1])["user"]["id"])
    sms.clear()
    shown = []
    for number in numbers:
        answer = api.at("203.0.113.9").send(number)
        data = {**data_of(answer), "challengeId": len(data_of(answer)["challengeId"]), "phoneNumber": ""}
        shown.append((answer.status_code, data, dict(answer.headers, **{"X-Request-Id": ""})))
        assert len(sms.sent_to(number)) == 1
    assert shown[0] == shown[1] == shown[2]
    assert outcome(api.at("203.0.113.9").login(STRANGER, api.code_sent_to(STRANGER))) == (403, "account_suspended")


def test_where_sign_up_is_closed_a_stranger_is_texted_no_code_and_answered_the_same(
    make_app: Made, api: ApiDriver, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-21."""
    api.register(NUMBER)
    closed = ApiDriver(make_app(signup="closed", sms_url=outboxes.sms.setting), outboxes, "203.0.113.9")
    known, stranger = closed.send(NUMBER), closed.send(STRANGER)
    assert known.status_code == stranger.status_code == 201
    assert sorted(data_of(known)) == sorted(data_of(stranger))
    assert [text.kind for text in outboxes.sms.sent_to(STRANGER)] == ["no_account"]


def test_a_gateway_that_fails_is_said_and_the_older_code_still_works(
    api: ApiDriver, sms: SmsSink, clock: time_machine.Traveller
) -> None:
    """Contract, section 2."""
    api.send(NUMBER)
    clock.shift(31)
    sms.fault = "broken"
    failed = api.send(NUMBER)
    assert (*outcome(failed), failed.json["errors"]) == (500, "delivery_failed", ["SMS gönderilirken hata oluştu"])
    sms.fault = None
    assert api.login(NUMBER, api.code_sent_to(NUMBER)).status_code == 200


def test_a_right_code_of_one_channel_is_none_of_the_other(app: Flask, api: ApiDriver) -> None:
    """OTP-07: each challenge takes its own code, from whom it was sent to."""
    register_both(app, api)
    mailed, texted = data_of(api.send(ADA)), data_of(api.send(NUMBER))
    code = api.code_sent_to(NUMBER)
    assert api.login(ADA, code, challengeId=texted["challengeId"]).status_code == 401
    assert api.login(NUMBER, code, challengeId=mailed["challengeId"]).status_code == 401
    assert api.login(NUMBER, code, challengeId=texted["challengeId"]).status_code == 200


def test_whoever_has_an_address_and_a_number_is_one_person_at_both_doors(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    user_id = register_both(app, api)
    found = [api.proven(ADA)["user"], api.proven(NUMBER)["user"]]
    assert found[0] == found[1]
    assert (found[0]["id"], found[0]["email"], found[0]["phoneNumber"]) == (user_id, ADA, NUMBER)


def test_a_number_that_somebody_else_registers_first_is_theirs(api: ApiDriver) -> None:
    """The pre-hijack rule."""
    tokens = [api.at(f"203.0.113.{host}").proven(NUMBER)["registrationToken"] for host in (1, 2)]
    names = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    assert [api.post("complete-registration", names, token=token).status_code for token in tokens] == [201, 409]


def test_a_code_asked_for_in_a_browser_is_worth_nothing_at_the_api(api: ApiDriver, browser: BrowserDriver) -> None:
    """Contract, 5.3."""
    browser.ask(NUMBER)
    code = browser.code_sent_to(NUMBER)
    assert api.login(NUMBER, code).status_code == 401
    assert browser.enter(code).location == "/register"
