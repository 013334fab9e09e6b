"""``POST send-otp-email``: what leaves, what is answered, and what stays when nothing could leave."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from tests.conftest import NOW, Made
from tests.drivers import ApiDriver, data_of, outcome, wrong_code
from tests.support.letters import code_in, html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
TOO_SOON = (409, "resend_too_soon")
FORGED = {"Host": "evil.example", "X_Forwarded_Host": "evil.example"}


def moment(text: str) -> datetime:
    """A time on the wire."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_a_code_is_sent_to_the_address(api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller) -> None:
    answer = api.send(ADA)
    assert answer.status_code == 201
    assert re.fullmatch(r"[0-9]{4}", code_in(outbox.sent_to(ADA)[0]))


def test_the_answer_has_these_members_and_no_code_in_production(
    api: ApiDriver, clock: time_machine.Traveller
) -> None:
    sent = data_of(api.send(ADA))
    assert sorted(sent) == ["challengeId", "codeLength", "email", "expiresAt", "resendAt"]
    assert (sent["email"], sent["codeLength"]) == (ADA, 4)
    assert moment(sent["expiresAt"]) == NOW + timedelta(seconds=600)
    assert moment(sent["resendAt"]) == NOW + timedelta(seconds=30)


def test_a_handle_has_at_least_128_bits(api: ApiDriver) -> None:
    """OTP-06."""
    assert re.fullmatch(r"[0-9a-f]{32,}|[A-Za-z0-9_-]{22,}", data_of(api.send(ADA))["challengeId"])


def test_development_shows_the_code_of_the_letter(make_app: Made, outbox: MailSink) -> None:
    sent = data_of(ApiDriver(make_app(env="development"), outbox).send(ADA))
    assert sent["code"] == code_in(outbox.sent_to(ADA)[0])


def test_no_answer_of_production_carries_a_code(api: ApiDriver) -> None:
    """OTP-26: neither body nor header, of the send, of a refusal or of a success."""
    sent = api.send(ADA)
    code = api.code_sent_to(ADA)
    answers = [sent, api.send(ADA), api.login(ADA, wrong_code(code)), api.login(ADA, code)]
    for answer in answers:
        without_random = {**(answer.json["data"] or {}), "challengeId": "", "registrationToken": ""}
        without_times = {name: value for name, value in without_random.items() if not name.endswith("At")}
        assert code not in re.findall(r"\b[0-9]{4}\b", f"{without_times} {answer.json['errors']}")
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
        assert code not in re.findall(r"\b[0-9]{4}\b", str(headers))


def test_the_configured_length_lifetime_and_pause_hold(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    app = make_app(code_length=6, code_ttl="5m", resend_after="10")
    sent = data_of(ApiDriver(app, outbox).send(ADA))
    assert sent["codeLength"] == len(code_in(outbox.sent_to(ADA)[0])) == 6
    assert moment(sent["expiresAt"]) - NOW == timedelta(minutes=5)
    assert moment(sent["resendAt"]) - NOW == timedelta(seconds=10)


def test_a_resend_brings_the_same_code_handle_and_expiry(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-04: repeating a code does not lengthen its life."""
    first = data_of(api.send(ADA))
    clock.shift(31)
    again = data_of(api.send(ADA))
    assert [code_in(mail) for mail in outbox.sent_to(ADA)] == [code_in(outbox.messages[0])] * 2
    assert (again["challengeId"], again["expiresAt"]) == (first["challengeId"], first["expiresAt"])
    assert moment(again["resendAt"]) - moment(first["resendAt"]) == timedelta(seconds=31)


def test_after_the_code_expired_a_new_challenge_is_opened(api: ApiDriver, clock: time_machine.Traveller) -> None:
    first = data_of(api.send(ADA))
    clock.shift(600)
    again = data_of(api.send(ADA))
    assert again["challengeId"] != first["challengeId"]
    assert moment(again["expiresAt"]) == NOW + timedelta(seconds=1_200)


@pytest.mark.parametrize(("after", "wait"), [(0, "30"), (0.5, "30"), (12, "18"), (29.2, "1")])
def test_asking_again_too_soon_says_how_long_to_wait_and_sends_nothing(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller, after: float, wait: str
) -> None:
    """API-11."""
    api.send(ADA)
    clock.shift(timedelta(seconds=after))
    answer = api.send("ADA@Example.com")
    assert (*outcome(answer), answer.headers["Retry-After"]) == (*TOO_SOON, wait)
    assert len(outbox.messages) == 1


def test_after_the_announced_wait_a_code_is_sent_again(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    api.send(ADA)
    clock.shift(int(api.send(ADA).headers["Retry-After"]))
    assert api.send(ADA).status_code == 201
    assert len(outbox.messages) == 2


def test_a_stranger_causes_no_wait(api: ApiDriver) -> None:
    api.send(ADA)
    assert api.at("203.0.113.9").send(ADA).status_code == 201
    assert outcome(api.send(ADA)) == TOO_SOON


def test_one_caller_may_write_to_two_addresses_at_once(api: ApiDriver) -> None:
    assert [api.send(ADA).status_code, api.send("bob@example.com").status_code] == [201, 201]


def test_a_used_code_makes_nobody_wait_less(api: ApiDriver, clock: time_machine.Traveller) -> None:
    """The pause counts from the letter, whatever became of the code."""
    api.proven(ADA)
    assert outcome(api.send(ADA)) == TOO_SOON
    clock.shift(30)
    assert api.send(ADA).status_code == 201


def test_strangers_get_codes_of_their_own(api: ApiDriver, outbox: MailSink) -> None:
    """OTP-06: nobody's request replaces or repeats the challenge of somebody else."""
    handles = {data_of(api.at(f"203.0.113.{host}").send(ADA))["challengeId"] for host in range(5)}
    assert len(handles) == 5
    assert len({code_in(mail) for mail in outbox.sent_to(ADA)}) > 1


@pytest.mark.parametrize("fault", ["reject_5xx", "reject_4xx", "reject_data"])
def test_a_letter_that_no_relay_takes_is_said_and_may_be_tried_again_at_once(
    api: ApiDriver, outbox: MailSink, fault: str
) -> None:
    outbox.drop_connections()
    outbox.fault = fault
    refused = api.send(ADA)
    assert outcome(refused) == (500, "delivery_failed")
    assert refused.json["errors"] == ["Email gönderilirken hata oluştu"]
    outbox.fault = None
    assert api.send(ADA).status_code == 201
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_an_older_live_code_still_works_after_a_resend_that_failed(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    api.send(ADA)
    clock.shift(31)
    outbox.fault = "reject_5xx"
    assert api.send(ADA).status_code == 500
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_resend_that_failed_may_be_tried_again_at_once_and_brings_the_same_code(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    first = data_of(api.send(ADA))
    clock.shift(31)
    outbox.fault = "reject_5xx"
    api.send(ADA)
    outbox.fault = None
    assert data_of(api.send(ADA))["challengeId"] == first["challengeId"]
    assert len({code_in(mail) for mail in outbox.sent_to(ADA)}) == 1


def test_a_resend_that_failed_gives_no_guess_back(
    api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    api.send(ADA)
    code = api.code_sent_to(ADA)
    for step in range(1, 6):
        api.login(ADA, wrong_code(code, step))
    clock.shift(31)
    outbox.fault = "reject_5xx"
    api.send(ADA)
    assert api.login(ADA, code).status_code == 401


def test_known_unknown_and_suspended_addresses_get_the_same_answer_and_a_letter_each(
    app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-21, OTP-41."""
    api.register("known@example.com")
    suspended = api.register("gone@example.com")["user"]["id"]
    app.extensions["auth_portal"].users.suspend(suspended)
    outbox.clear()
    shown = []
    for name in ("known", "gone", "nobody"):
        answer = api.at("203.0.113.9").send(f"{name}@example.com")
        data = {**data_of(answer), "challengeId": len(data_of(answer)["challengeId"]), "email": ""}
        headers = {
            key: value for key, value in answer.headers.items() if key not in ("X-Request-Id", "Content-Length")
        }
        shown.append((answer.status_code, list(answer.json), data, headers))
        assert len(outbox.sent_to(f"{name}@example.com")) == 1
    assert shown[0] == shown[1] == shown[2]


def test_where_sign_up_is_closed_a_stranger_gets_a_letter_without_a_code_and_the_same_answer(
    app: Flask, make_app: Made, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    api.register(ADA)
    closed = ApiDriver(make_app(signup="closed"), outbox, "203.0.113.9")
    known, stranger = closed.send(ADA), closed.send("bob@example.com")
    assert known.status_code == stranger.status_code == 201
    assert sorted(data_of(known)) == sorted(data_of(stranger))
    code_in(outbox.sent_to(ADA)[-1])
    letter = outbox.sent_to("bob@example.com")[0]
    assert not re.search(r"(?m)^\s*[0-9]{4,12}\s*$", text_of(letter))
    assert not re.search(r">\s*[0-9]{4,12}\s*<", html_of(letter))


def test_a_client_id_that_names_no_client_is_not_found_and_sends_nothing(api: ApiDriver, outbox: MailSink) -> None:
    for client_id in ("unknown", "5f1c", "portal", "two words", "https://app.example/", "ş"):
        answer = api.send(ADA, clientId=client_id)
        assert (answer.status_code, answer.json["errors"][0]) == (404, "Resource not found"), client_id
    assert outbox.messages == []


LETTER_LANGUAGES: list[tuple[dict[str, str], str | None, str]] = [
    ({}, None, "tr"),
    ({}, "en-GB,en;q=0.8", "en"),
    ({"locale": "en"}, None, "en"),
    ({"locale": "tr-TR"}, "en", "tr"),
    ({"locale": "xx"}, "en", "en"),
    ({"locale": ""}, None, "tr"),
]


def test_a_letter_is_in_the_language_asked_for(api: ApiDriver, outbox: MailSink) -> None:
    """The one of the body, else that of the answer, else the portal's."""
    for number, (extra, header, language) in enumerate(LETTER_LANGUAGES):
        headers = {} if header is None else {"Accept_Language": header}
        api.post("send-otp-email", {"email": f"ada{number}@example.com", **extra}, **headers)
        assert outbox.messages[number].parsed["Content-Language"] == language, (extra, header)


def test_links_of_a_letter_do_not_follow_the_host_header(api: ApiDriver, outbox: MailSink) -> None:
    """OTP-38."""
    api.post("send-otp-email", {"email": ADA}, **FORGED)
    assert b"evil.example" not in outbox.messages[0].raw
