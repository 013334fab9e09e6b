"""The addresses and numbers of a person by JSON (OTP-31, OTP-36, PRIV-09)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver, data_of, outcome, wrong_code
from tests.owning import ADA, BOB, DONE, EVE, NEW, NEWER, OTHER_PHONE, PHONE, Owner, app, events
from tests.support.outboxes import Outboxes
from tests.support.smtp import MailSink

__all__ = ["app"]
WIRE_NOW = "2026-05-22T16:11:27.126Z"
TOO_OLD = (403, "reauthentication_required")
TAKEN = (409, "already_registered")
CODE_INVALID = (401, "code_invalid")
INVALID = (400, "validation_failed")
CALLS = [
    ("me/email", {"email": NEW}),
    ("me/email/verify", {"email": NEW, "code": "1234"}),
    ("me/email/main", {"email": ADA}),
    ("me/email/remove", {"email": ADA}),
    ("me/phone", {"phoneNumber": PHONE}),
    ("me/phone/verify", {"phoneNumber": PHONE, "code": "1234"}),
    ("me/phone/main", {"phoneNumber": PHONE}),
    ("me/phone/remove", {"phoneNumber": PHONE}),
]


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outboxes: Outboxes) -> Owner:
    """Ada, who has just registered; the clock stands still."""
    return Owner(ApiDriver(app, outboxes))


def test_a_person_sees_what_they_have_proven_and_since_when(ada: Owner, clock: time_machine.Traveller) -> None:
    """OTP-36."""
    clock.shift(60)
    data = ada.take(PHONE)
    ada.take(NEW, keepFormer=True)
    assert data["phoneNumber"] == PHONE
    me = data_of(ada.api.call("GET", "me", token=ada.token))
    assert me["emails"] == [
        {"value": ADA, "isMain": True, "verifiedAt": WIRE_NOW},
        {"value": NEW, "isMain": False, "verifiedAt": "2026-05-22T16:12:27.126Z"},
    ]
    assert me["phoneNumbers"] == [{"value": PHONE, "isMain": True, "verifiedAt": "2026-05-22T16:12:27.126Z"}]
    assert (me["email"], me["phoneNumber"]) == (ADA, PHONE)


def test_the_answer_to_adding_one_is_that_of_a_send(ada: Owner, clock: time_machine.Traveller) -> None:
    """Contract, section 2; production never tells the code."""
    data = data_of(ada.call("", NEW))
    assert set(data) == {"email", "challengeId", "codeLength", "expiresAt", "resendAt"}
    assert (data["email"], data["codeLength"]) == (NEW, 4)
    assert set(data_of(ada.call("", PHONE))) == {"phoneNumber", "challengeId", "codeLength", "expiresAt", "resendAt"}
    assert ada.refusal("", NEW) == (409, "resend_too_soon")
    code = ada.api.code_sent_to(NEW)
    clock.shift(31)
    assert ada.code_for(NEW) == code, "a resend repeats the code"


@pytest.mark.parametrize(("former", "new"), [(ADA, NEW), (PHONE, OTHER_PHONE)])
@pytest.mark.parametrize("keep", [False, True])
def test_a_new_one_takes_the_place_of_the_main_one_unless_that_is_to_be_kept(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes, former: str, new: str, *, keep: bool
) -> None:
    """PRIV-09, JWT-12: an address or a number, and ``sub`` stays."""
    owner = Owner(ApiDriver(app, outboxes), former)
    data = owner.take(new, keepFormer=keep)
    main = former if keep else new
    assert data["id"] == owner.id
    assert (data["email"] or data["phoneNumber"]) == main
    assert owner.has() == ([former, new] if keep else [new])
    assert events(owner) == ["address_added" if keep else "address_changed"]


@pytest.mark.parametrize("other", [PHONE, NEW])
def test_the_first_of_a_channel_replaces_nothing(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes, other: str
) -> None:
    owner = Owner(ApiDriver(app, outboxes), PHONE if other == NEW else ADA)
    owner.take(other)
    assert sorted(owner.has()) == sorted([PHONE, NEW] if other == NEW else [ADA, PHONE])
    assert events(owner) == ["address_added"]


def test_one_signs_in_with_what_is_there_and_not_with_what_was(ada: Owner, clock: time_machine.Traveller) -> None:
    """OTP-32: an unproven number signs nobody in either."""
    assert ada.call("", PHONE).status_code == 201
    clock.shift(1)
    assert ada.api.proven(PHONE)["registrationRequired"] is True
    clock.shift(60)
    ada.take(NEW)
    ada.take(PHONE)
    clock.shift(60)
    for destination in (NEW, PHONE):
        ada.wait()
        assert ada.api.proven(destination)["user"]["id"] == ada.id
    assert ada.api.proven(ADA)["registrationRequired"] is True


def test_the_second_can_be_made_the_main_one(ada: Owner, clock: time_machine.Traveller) -> None:
    ada.take(NEW, keepFormer=True)
    for _twice in range(2):
        assert data_of(ada.call("main", NEW))["email"] == NEW
        assert ada.has() == [NEW, ADA]
    assert events(ada).count("main_address_chosen") == 1


def test_removing_the_main_one_promotes_the_second(ada: Owner) -> None:
    ada.take(NEW, keepFormer=True)
    assert data_of(ada.call("remove", ADA))["email"] == NEW
    assert ada.has() == [NEW]
    assert events(ada) == ["address_added", "address_removed"]


def test_the_last_one_cannot_be_removed(ada: Owner) -> None:
    """Nobody locks themselves out; one of another channel will do."""
    assert ada.refusal("remove", ADA) == (409, "last_address")
    ada.take(PHONE)
    assert ada.refusal("remove", ADA) == DONE
    assert ada.refusal("remove", PHONE) == (409, "last_address")
    assert ada.has() == [PHONE]


def test_a_number_is_not_enough_where_no_texts_are_sent_any_more(
    ada: Owner, make_app: Made, outboxes: Outboxes
) -> None:
    """The operator turned SMS off: what is left must be something that codes go to."""
    ada.take(PHONE)
    ada.api = ApiDriver(make_app(), outboxes)
    assert ada.refusal("remove", ADA) == (409, "last_address")
    assert ada.has() == [ADA, PHONE]


def test_there_are_two_of_a_channel_at_most(ada: Owner) -> None:
    """OTP-36."""
    ada.take(NEW, keepFormer=True)
    code = ada.code_for(NEWER)
    assert ada.refusal("verify", NEWER, code=code, keepFormer=True) == (409, "addresses_full")
    assert ada.refusal("verify", NEWER, code=code) == DONE, "the refusal cost no code"
    assert ada.has() == [NEWER, NEW]


def test_what_is_ones_own_already_is_refused_before_a_letter(ada: Owner, outboxes: Outboxes) -> None:
    before = len(outboxes.mail.messages)
    answer = ada.call("", "ADA@Example.com")
    assert outcome(answer) == INVALID
    assert answer.json is not None
    assert answer.json["errors"] == ["Validation failed", "email: is yours already"]
    assert ada.refusal("verify", ADA, code="1234") == INVALID
    assert len(outboxes.mail.messages) == before


@pytest.mark.parametrize("taken", [BOB, OTHER_PHONE])
def test_what_is_somebody_elses_is_told_after_a_right_code_only(
    ada: Owner, app: Flask, outboxes: Outboxes, taken: str
) -> None:
    """OTP-21: the answers and the letter are those of an address that nobody has."""
    bob = Owner(ApiDriver(app, outboxes), taken)
    free = NEW if taken == BOB else PHONE
    bob.wait()
    assert sorted(data_of(ada.call("", taken))) == sorted(data_of(ada.call("", free)))
    code = ada.api.code_sent_to(taken)
    assert ada.refusal("verify", taken, code=wrong_code(code)) == CODE_INVALID
    assert ada.refusal("verify", free, code=wrong_code(ada.api.code_sent_to(free))) == CODE_INVALID
    assert ada.refusal("verify", taken, code=code) == TAKEN
    assert ada.refusal("verify", taken, code=code) == CODE_INVALID, "it is used up"
    assert (bob.has(), ada.has()) == ([taken], [ADA])


def test_a_wrong_code_is_refused_and_five_of_them_end_the_right_one(ada: Owner) -> None:
    """OTP-08, OTP-23."""
    code = ada.code_for(NEW)
    for step in range(1, 6):
        assert ada.refusal("verify", NEW, code=wrong_code(code, step)) == CODE_INVALID
    assert ada.refusal("verify", NEW, code=code) == CODE_INVALID
    assert ada.has() == [ADA]


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_every_call_needs_a_sign_in_of_the_last_ten_minutes(
    ada: Owner, clock: time_machine.Traveller, path: str, body: dict[str, Any]
) -> None:
    """SES-15: the session is good for all else."""
    for token, refused in ((None, (401, "unauthorized")), ("no-token", (401, "unauthorized"))):
        assert outcome(ada.api.post(path, body, token=token)) == refused
    clock.shift(599)
    assert outcome(ada.api.post(path, {}, token=ada.token)) == INVALID
    clock.shift(1)
    token = data_of(ada.api.post("refresh-token", {"refreshToken": ada.refresh_token}))["accessToken"]
    assert outcome(ada.api.post(path, body, token=token)) == TOO_OLD
    assert ada.api.call("GET", "me", token=token).status_code == 200


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_a_body_that_makes_no_sense_is_refused(ada: Owner, path: str, body: dict[str, Any]) -> None:
    member = next(iter(body))
    bodies: list[Any] = [{}, [], b"{", {**body, member: None}]
    bodies += [{**body, member: bad} for bad in (7, [], {}, True, "x" * 2_000)]
    assert [outcome(ada.api.post(path, bad, token=ada.token)) for bad in bodies] == [INVALID] * len(bodies)
    # Of the person's own numbers one is named as the profile says it: anything else is none of them.
    odd = (404, "not_found") if path in ("me/phone/main", "me/phone/remove") else INVALID
    for bad in ("", " ", "not one", "+90", "a@b@c", "\u202e@x.example", "x' OR '1'='1"):
        assert outcome(ada.api.post(path, {**body, member: bad}, token=ada.token)) == odd, bad
    assert ada.has() == [ADA]


@pytest.mark.parametrize("bad", [{"code": "12a4"}, {"code": 1234}, {"keepFormer": "yes"}, {"endOtherSessions": 1}])
def test_what_stands_beside_the_code_is_strict(ada: Owner, bad: dict[str, Any]) -> None:
    """And costs no guess."""
    code = ada.code_for(NEW)
    assert ada.refusal("verify", NEW, **({"code": code} | bad)) == INVALID
    assert ada.refusal("verify", NEW, code=code) == DONE


@pytest.mark.parametrize("step", ["main", "remove"])
def test_what_is_not_ones_own_is_not_there(ada: Owner, app: Flask, outboxes: Outboxes, step: str) -> None:
    """Another person's answers as an unknown one does."""
    bob = Owner(ApiDriver(app, outboxes), BOB)
    bob.take(OTHER_PHONE)
    for destination in (BOB, EVE, OTHER_PHONE, PHONE):
        assert ada.refusal(step, destination) == (404, "not_found")
    assert bob.has() == [BOB, OTHER_PHONE]


@pytest.mark.parametrize("step", ["", "verify", "main", "remove"])
def test_there_are_no_numbers_where_no_texts_are_sent(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink, step: str
) -> None:
    owner = Owner(ApiDriver(make_app(), outbox))
    assert owner.refusal(step, PHONE, code="1234") == (404, "not_found")
    assert owner.refusal("", NEW) == (201, None)


def test_a_number_of_before_can_be_removed_where_no_texts_are_sent_any_more(
    ada: Owner, make_app: Made, outboxes: Outboxes
) -> None:
    """PRIV-09."""
    ada.take(PHONE)
    ada.api = ApiDriver(make_app(), outboxes)
    assert ada.refusal("", OTHER_PHONE) == (404, "not_found")
    assert ada.refusal("remove", PHONE) == DONE
    assert ada.has() == [ADA]


@pytest.mark.parametrize(
    ("step", "destination"), [("verify", NEWER), ("verify", PHONE), ("main", NEW), ("remove", NEW)]
)
@pytest.mark.parametrize("wish", [False, True])
def test_a_change_can_sign_out_everywhere_else(
    ada: Owner, clock: time_machine.Traveller, step: str, destination: str, *, wish: bool
) -> None:
    """SES-12: only where it was asked for, and never the session that asked."""
    ada.take(NEW, keepFormer=True)
    clock.shift(60)
    ada.wait()
    other = str(ada.api.proven(ADA)["accessToken"])
    code = {"code": ada.code_for(destination)} if step == "verify" else {}
    assert outcome(ada.call(step, destination, endOtherSessions=wish, **code)) == DONE
    assert ada.api.call("GET", "me", token=other).status_code == (401 if wish else 200)
    assert ada.has()


def test_there_is_an_end_to_changes_in_a_day(ada: Owner, clock: time_machine.Traveller) -> None:
    """Each of them is a letter to all that the person has; the next day it goes on."""
    ada.take(NEW, keepFormer=True)
    for number in range(9):
        assert ada.refusal("main", (NEW, ADA)[number % 2]) == DONE
    refused = ada.call("main", ADA)
    assert outcome(refused) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) == 24 * 3_600 // 10
    assert ada.has() == [NEW, ADA]
    clock.shift(24 * 3_600 // 10)
    ada.sign_in_again(ADA)
    assert ada.refusal("main", ADA) == DONE


def test_the_answers_of_a_sign_in_say_the_main_ones_only(ada: Owner, clock: time_machine.Traveller) -> None:
    """They cost no statement more."""
    ada.take(NEW, keepFormer=True)
    clock.shift(60)
    ada.wait()
    user = ada.api.proven(NEW)["user"]
    assert (user["email"], "emails" in user) == (ADA, False)
