"""Errors as RFC 9457 has them, for callers of the JSON API whose ``Accept`` names that (API-01, API-05)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from tests.conftest import Made, settings_for
from tests.drivers import ApiDriver, outcome
from tests.filling import declared
from tests.support.smtp import MailSink

PROBLEM, JSON = "application/problem+json", "application/json"
ADA = "ada@example.com"
BASE = "http://127.0.0.1:8000"
MEMBERS = {"type", "title", "status", "detail", "instance", "code"}
CHECK, CHECK_TR = "Please check what you entered.", "Lütfen girdiklerinizi kontrol edin."
NAMED = [
    PROBLEM,
    "Application/Problem+JSON",
    f"{PROBLEM}, {JSON}",
    f"{JSON}, {PROBLEM}",
    f"{PROBLEM};q=0.3",
    f"{PROBLEM}, */*",
    f"{PROBLEM};q=0.5, */*",
    f"{JSON};q=0.8, {PROBLEM};q=0.9",
    f"text/html, {PROBLEM};q=0.1",
]
NOT_NAMED = [
    "",
    "*/*",
    "application/*",
    JSON,
    f"{JSON}, */*",
    "text/html",
    f"{PROBLEM};q=0",
    f"{JSON}, {PROBLEM};q=0.9",
    f"{PROBLEM};q=0.5, {JSON};q=0.8, */*",
    "application/problem+xml",
    "not a media type",
]


def asked(api: ApiDriver, accept: str | None = PROBLEM, **headers: str) -> TestResponse:
    """A call that is refused with 400."""
    named = {"Accept": accept} if accept is not None else {}
    return api.post("send-otp-email", {}, **named, **headers)


def problem_of(answer: TestResponse, status: int) -> dict[str, Any]:
    """The members of a problem, those that each has held against the answer's own."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM
    problem: dict[str, Any] = json.loads(answer.text)
    assert problem.keys() >= MEMBERS
    assert problem["status"] == status
    assert problem["code"] == answer.headers["X-Error-Code"]
    assert problem["instance"] == f"urn:auth-portal:request:{answer.headers['X-Request-Id']}"
    return problem


def test_who_names_it_gets_it(api: ApiDriver) -> None:
    for accept in NAMED:
        assert asked(api, accept).mimetype == PROBLEM, accept


def test_everybody_else_gets_the_envelope(api: ApiDriver) -> None:
    for accept in (None, *NOT_NAMED):
        answer = asked(api, accept)
        assert answer.mimetype == JSON, accept
        assert answer.json is not None
        assert answer.json.keys() == {"isSuccess", "statusCode", "data", "errors", "timestamp"}


def test_it_is_complete(api: ApiDriver) -> None:
    assert problem_of(asked(api), 400) | {"instance": ""} == {
        "type": f"{BASE}/docs/errors#validation_failed",
        "title": CHECK,
        "status": 400,
        "detail": CHECK,
        "instance": "",
        "code": "validation_failed",
        "errors": [{"detail": "is required", "pointer": "#/email"}],
    }


def test_its_type_leads_to_the_words_on_it(api: ApiDriver) -> None:
    page = api.call("GET", "/docs/errors").text
    for answer in (asked(api), api.call("GET", "me", Accept=PROBLEM), api.call("GET", "/api/x", Accept=PROBLEM)):
        address, _sign, anchor = json.loads(answer.text)["type"].partition("#")
        assert address == f"{BASE}/docs/errors"
        assert anchor in page


def test_status_and_headers_are_those_of_the_envelope(api: ApiDriver) -> None:
    for ask in (
        lambda **headers: api.call("GET", "me", **headers),
        lambda **headers: api.call("GET", "me", token="x", **headers),
        lambda **headers: api.call("POST", "me", **headers),
        lambda **headers: api.post("send-otp-email", b"{}", Content_Type="text/plain", **headers),
        lambda **headers: api.post("send-otp-email", b" " * 70_000, **headers),
    ):
        envelope, problem = ask(), ask(Accept=PROBLEM)
        assert problem.mimetype == PROBLEM
        assert outcome(envelope) == outcome(problem)
        own = {"Content-Type", "Content-Length", "X-Request-Id", "Date"}
        assert {name: value for name, value in envelope.headers.items() if name not in own} == {
            name: value for name, value in problem.headers.items() if name not in own
        }


def test_answers_that_are_no_errors_stay_the_envelope(api: ApiDriver) -> None:
    sent = api.send(ADA)
    assert sent.status_code == 201
    answer = api.login(ADA, api.code_sent_to(ADA))
    token = answer.json["data"]["registrationToken"] if answer.json else ""
    body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    registered = api.post("complete-registration", body, token=token, Accept=PROBLEM)
    assert (registered.status_code, registered.mimetype) == (201, JSON)


def test_the_answer_depends_on_accept_for_caches_too(api: ApiDriver) -> None:
    for accept in (PROBLEM, JSON, None):
        varies = {name.strip() for name in asked(api, accept).headers["Vary"].split(",")}
        assert {"Accept", "Accept-Language"} <= varies


def test_every_wrong_member_is_pointed_at(make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(**declared()), outbox)
    token = api.proven(ADA)["registrationToken"]
    body = {"firstName": "", "lastName": "x" * 101, "acceptTerms": False, "fields": {"seats": "x", "evil": 1}}
    problem = problem_of(api.post("complete-registration", body, token=token, Accept=PROBLEM), 400)
    assert {error["pointer"]: error["detail"] for error in problem["errors"]} == {
        "#/firstName": "is required",
        "#/lastName": "is too long",
        "#/acceptTerms": "must be accepted",
        "#/fields": "has an unknown member",
        "#/fields/company": "is required",
        "#/fields/seats": "is not a whole number",
        "#/fields/rules": "is required",
    }


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b'{"email": 1, "email": 2}', b"NaN"])
def test_a_body_that_is_none_is_pointed_at_as_a_whole(api: ApiDriver, body: bytes) -> None:
    problem = problem_of(api.post("send-otp-email", body, Accept=PROBLEM), 400)
    assert [error["pointer"] for error in problem["errors"]] == ["#"]


def test_it_repeats_nothing_that_was_sent(api: ApiDriver) -> None:
    answer = api.post("send-otp-email", {"email": "<script>alert(1)</script>"}, Accept=PROBLEM)
    assert "script" not in answer.text
    assert "evil-token" not in api.call("GET", "me", token="evil-token", Accept=PROBLEM).text


def test_a_limit_has_the_registered_type_and_is_named(make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(sends_per_inbox_per_hour=1, resend_after=0), outbox)
    assert api.send(ADA).status_code == 201
    answer = api.post("send-otp-email", {"email": ADA}, Accept=PROBLEM)
    problem = problem_of(answer, 429)
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["inbox-hour"]
    assert answer.headers["RateLimit-Policy"].startswith('"inbox-hour";')
    assert int(answer.headers["Retry-After"]) > 0


def test_only_a_limit_names_policies(api: ApiDriver, clock: time_machine.Traveller) -> None:
    assert api.send(ADA).status_code == 201
    answer = api.post("send-otp-email", {"email": ADA}, Accept=PROBLEM)
    problem = problem_of(answer, 409)
    assert problem.keys() == MEMBERS
    assert problem["code"] == "resend_too_soon"
    assert int(answer.headers["Retry-After"]) == 30


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1/nothing", "/api/v2/auth/me", "/api/v1/auth/sessions/"])
def test_paths_that_do_not_exist(api: ApiDriver, path: str) -> None:
    assert problem_of(api.call("GET", path, Accept=PROBLEM), 404)["code"] == "not_found"


def test_a_method_that_does_not_exist(api: ApiDriver) -> None:
    answer = api.call("PUT", "me", Accept=PROBLEM)
    assert problem_of(answer, 405)["code"] == "method_not_allowed"
    assert "PATCH" in answer.headers["Allow"]


def test_pages_stay_pages(api: ApiDriver) -> None:
    assert api.call("GET", "/nothing", Accept=PROBLEM).mimetype == "text/html"


def test_a_fault_of_ours_tells_nothing_about_itself(app: Flask, api: ApiDriver) -> None:
    def fail() -> None:
        raise RuntimeError("the secret of the fault")

    app.before_request_funcs.setdefault(None, []).append(fail)
    answer = api.call("GET", "me", Accept=PROBLEM)
    assert problem_of(answer, 500) | {"instance": ""} == {
        "type": f"{BASE}/docs/errors#internal_error",
        "title": "Something went wrong on our side.",
        "status": 500,
        "detail": "Something went wrong on our side.",
        "instance": "",
        "code": "internal_error",
    }


def test_a_letter_that_nobody_took(api: ApiDriver, outbox: MailSink) -> None:
    outbox.fault = "reject_5xx"
    answer = api.post("send-otp-email", {"email": ADA}, Accept=PROBLEM)
    assert problem_of(answer, 500)["code"] == "delivery_failed"


def test_a_database_that_is_away(outbox: MailSink) -> None:
    app = create_app(settings_for("sqlite:////nowhere/portal.db", outbox.url))
    answer = ApiDriver(app, outbox).post("send-otp-email", {"email": ADA}, Accept=PROBLEM)
    assert problem_of(answer, 503)["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_the_title_is_english_and_the_detail_is_the_callers_language(api: ApiDriver) -> None:
    for language, detail, fault in (
        (None, CHECK, "is required"),
        ("en", CHECK, "is required"),
        ("tr", CHECK_TR, "zorunlu"),
        ("tr-TR,tr;q=0.9,en;q=0.8", CHECK_TR, "zorunlu"),
        ("fi", CHECK, "is required"),
    ):
        headers = {"Accept_Language": language} if language else {}
        problem = problem_of(asked(api, **headers), 400)
        assert (problem["title"], problem["detail"]) == (CHECK, detail), language
        assert [error["detail"] for error in problem["errors"]] == [fault], language


def test_a_wrong_parameter_is_named(api: ApiDriver) -> None:
    """It is not in a body, so nothing points into one."""
    token = api.register(ADA)["accessToken"]
    answer = api.call("GET", "me/activity?before=x", token=token, Accept=PROBLEM)
    assert problem_of(answer, 400)["errors"] == [{"detail": "is malformed", "parameter": "before"}]
