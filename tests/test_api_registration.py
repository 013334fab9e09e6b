"""``POST complete-registration``: what a new person must say, how often it works, and who wins an address."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, data_of, outcome
from tests.support.smtp import MailSink

ADA = "ada@example.com"
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
INVALID = (400, "validation_failed")
TAKEN = (409, "already_registered")
UNAUTHORIZED = (401, "unauthorized")


def complete(api: ApiDriver, token: str, **changes: Any) -> TestResponse:
    """Complete a registration; ``changes`` to the fields, None leaves one out."""
    body = {name: value for name, value in {**NAMES, **changes}.items() if value is not None}
    return api.post("complete-registration", body, token=token)


@pytest.fixture
def token(api: ApiDriver) -> str:
    """The registration token of a new person."""
    return str(api.proven(ADA)["registrationToken"])


def test_a_completed_registration_answers_like_a_login(api: ApiDriver, token: str) -> None:
    answer = complete(api, token)
    assert answer.status_code == 201
    registered, signed_in = data_of(answer), api.at("203.0.113.9").proven(ADA)
    assert sorted(registered) == sorted(signed_in)
    assert registered["user"] == signed_in["user"]
    assert registered["registrationRequired"] is False


def test_the_profile_is_what_was_entered(api: ApiDriver, token: str) -> None:
    user = data_of(complete(api, token, firstName="  Şükrü ", lastName="İpek", locale="en"))["user"]
    assert (user["firstName"], user["lastName"], user["email"], user["locale"]) == ("Şükrü", "İpek", ADA, "en")


def test_the_tokens_of_a_registration_work(api: ApiDriver, token: str) -> None:
    data = data_of(complete(api, token))
    assert api.call("GET", "me", token=data["accessToken"]).status_code == 200
    assert api.post("refresh-token", {"refreshToken": data["refreshToken"]}).status_code == 200


@pytest.mark.parametrize(
    ("header", "given", "locale"),
    [(None, None, "tr"), ("en", None, "en"), ("en", "tr", "tr")],
)
def test_the_language_of_a_person_is_the_one_asked_for(
    api: ApiDriver, token: str, header: str | None, given: str | None, locale: str
) -> None:
    body = NAMES if given is None else {**NAMES, "locale": given}
    answer = api.post(
        "complete-registration", body, token=token, **({} if header is None else {"Accept_Language": header})
    )
    assert data_of(answer)["user"]["locale"] == locale


def test_nobody_exists_before_the_registration_is_complete(app: Flask, api: ApiDriver, token: str) -> None:
    """A proven address alone makes no account."""
    assert services_of(app).users.newest(10) == []
    assert api.at("203.0.113.9").proven(ADA)["registrationRequired"] is True


WRONG: list[tuple[str, Any, str]] = [
    ("firstName", None, "is required"),
    ("lastName", None, "is required"),
    ("acceptTerms", None, "is required"),
    ("firstName", "", "is required"),
    ("lastName", " \u00a0\u2003", "is required"),
    ("firstName", "a" * 101, "is too long"),
    ("firstName", "a" * 10_000, "is too long"),
    ("lastName", "a\x00b", "has characters that cannot be shown"),
    ("lastName", "a\r\nBcc: x", "has characters that cannot be shown"),
    ("lastName", "\u200b\u200b", ""),
    ("firstName", "\u202egnp", "has characters that cannot be shown"),
    ("firstName", "\ud800", "is malformed"),
    ("firstName", 7, "has the wrong type"),
    ("firstName", ["Ada"], "has the wrong type"),
    ("acceptTerms", False, "must be accepted"),
    ("acceptTerms", "true", "has the wrong type"),
    ("acceptTerms", 1, "has the wrong type"),
    ("locale", 5, "has the wrong type"),
    ("locale", "a" * 36, "is too long"),
    ("locale", "tr\n", "is malformed"),
]


def test_a_field_that_is_wrong_is_named_and_the_token_stays_good(api: ApiDriver, token: str) -> None:
    for field, value, detail in WRONG:
        refused = complete(api, token, **{field: value})
        assert outcome(refused) == INVALID, (field, value)
        text, *details = refused.json["errors"]
        assert text == "Validation failed"
        assert [entry for entry in details if entry.startswith(f"{field}: {detail}")], (field, value, details)
    assert complete(api, token).status_code == 201


def test_every_wrong_field_is_named_at_once(api: ApiDriver, token: str) -> None:
    errors = api.post("complete-registration", {"firstName": 7}, token=token).json["errors"]
    assert sorted(entry.partition(":")[0] for entry in errors[1:]) == ["acceptTerms", "firstName", "lastName"]


def test_names_of_the_greatest_length_and_any_script_are_kept(api: ApiDriver, token: str) -> None:
    answer = complete(api, token, firstName="𝔸" * 100, lastName="<b>李</b>")
    user = data_of(answer)["user"]
    assert (user["firstName"], user["lastName"]) == ("𝔸" * 100, "<b>李</b>")


def test_a_registration_token_works_once(api: ApiDriver, token: str) -> None:
    complete(api, token)
    again = complete(api, token, firstName="Eve")
    assert outcome(again) == TAKEN
    assert again.json["errors"] == ["Resource already exists or cannot be changed in its current state"]
    assert api.at("203.0.113.9").proven(ADA)["user"]["firstName"] == "Ada"


@pytest.mark.parametrize(("second", "status"), [(86_399, 201), (86_410, 401)])
def test_a_registration_token_lives_a_day(
    clock: time_machine.Traveller, api: ApiDriver, token: str, second: int, status: int
) -> None:
    clock.shift(second)
    assert complete(api, token).status_code == status


def test_of_two_registrations_of_an_address_the_first_complete_one_wins(api: ApiDriver, token: str) -> None:
    other = api.at("203.0.113.9").proven(ADA)["registrationToken"]
    assert complete(api, other, firstName="First").status_code == 201
    assert outcome(complete(api, token, firstName="Second")) == TAKEN
    assert outcome(complete(api, token)) == TAKEN


def test_two_people_get_different_opaque_subjects(api: ApiDriver) -> None:
    """JWT-12."""
    one, two = api.register("grace@example.com")["user"]["id"], api.register("bob@example.com")["user"]["id"]
    assert one != two
    assert [part for part in ("grace", "example", "lovelace") if part in one.lower()] == []


def test_registration_needs_its_own_kind_of_token(api: ApiDriver, token: str) -> None:
    """JWT-03."""
    data = data_of(complete(api, token))
    for wrong in (data["accessToken"], data["refreshToken"], "x.y.z", token[:-3] + "AAA"):
        assert outcome(complete(api, wrong)) == UNAUTHORIZED


def test_without_a_token_the_body_is_not_judged(api: ApiDriver) -> None:
    answer = api.post("complete-registration", {})
    assert (outcome(answer), answer.headers["WWW-Authenticate"]) == (UNAUTHORIZED, "Bearer")


def test_a_token_in_the_query_or_the_body_does_not_count(api: ApiDriver, token: str) -> None:
    """JWT-14."""
    answer = api.post(f"complete-registration?access_token={token}", {**NAMES, "registrationToken": token})
    assert outcome(answer) == UNAUTHORIZED


def test_a_registration_token_of_another_portal_is_refused(
    token: str, make_app: Made, outbox: MailSink, api: ApiDriver
) -> None:
    """The issuer is checked even where the key is the same."""
    other = ApiDriver(make_app(public_url="https://other.example"), outbox)
    assert outcome(complete(other, token)) == UNAUTHORIZED


def test_members_that_nobody_asked_for_change_nothing(api: ApiDriver, token: str) -> None:
    """API-06: no mass assignment."""
    extra = {"id": "f" * 32, "email": "eve@example.com", "suspended": True, "createdAt": "1970-01-01"}
    user = data_of(complete(api, token, **extra))["user"]
    assert user["id"] != "f" * 32
    assert user["email"] == ADA
    assert not user["createdAt"].startswith("1970")
