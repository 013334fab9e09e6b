"""What may arrive at ``/api/``: every answer is the envelope to the letter, and nothing hostile is ever a 5xx."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from tests.conftest import DATABASES, services_of, settings_for
from tests.drivers import AUTH, ApiDriver, outcome
from tests.support.smtp import MailSink

ADA = "ada@example.com"
INVALID = (400, "validation_failed")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DOORS = [
    ("POST", "send-otp-email"),
    ("POST", "login-otp-email"),
    ("POST", "complete-registration"),
    ("POST", "refresh-token"),
    ("PATCH", "me"),
]


@pytest.fixture(scope="module", params=DATABASES)
def api(
    request: pytest.FixtureRequest, sink: MailSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiDriver]:
    """One portal for all tests of this file: none of them may leave anything behind."""
    sink.fault = None
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("inputs") / "portal.db"
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
    else:
        template = request.getfixturevalue("postgres_template")
        url = request.getfixturevalue("postgres").create_database("inputs", template)
    app = create_app(settings_for(url, sink.url))
    yield ApiDriver(app, sink)
    services_of(app).engine.dispose()


@pytest.fixture(scope="module")
def bearers(api: ApiDriver) -> dict[str, str]:
    """A good token for each door that wants one."""
    member = api.register("member@example.com")
    return {"me": member["accessToken"], "complete-registration": api.proven("new@example.com")["registrationToken"]}


def knock(
    api: ApiDriver, bearers: dict[str, str], door: tuple[str, str], body: bytes, **headers: str
) -> TestResponse:
    """Send these bytes to a door with the token it wants."""
    return api.call(*door, body, token=bearers.get(door[1]), **headers)


def check_envelope(answer: TestResponse) -> dict[str, Any]:
    """The body, which is the envelope to the letter (contract, section 2)."""
    assert answer.mimetype == "application/json", answer.text
    body: dict[str, Any] = json.loads(answer.data)
    assert list(body) == ["isSuccess", "statusCode", "data", "errors", "timestamp"]
    assert body["statusCode"] == answer.status_code
    assert body["isSuccess"] is (answer.status_code < 400)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert all(isinstance(entry, str) and entry for entry in body["errors"])
    assert bool(body["errors"]) is not body["isSuccess"]
    assert (body["data"] is None) is not body["isSuccess"]
    assert ("X-Error-Code" in answer.headers) is not body["isSuccess"]
    return body


def test_a_success_is_the_envelope_to_the_letter(clock: time_machine.Traveller, api: ApiDriver) -> None:
    body = check_envelope(api.send("success@example.com"))
    assert (body["statusCode"], body["errors"], body["timestamp"]) == (201, [], "2026-05-22T16:11:27.126Z")


def test_a_refusal_is_the_envelope_to_the_letter(api: ApiDriver) -> None:
    answer = api.send("no address")
    assert check_envelope(answer)["errors"] == ["Validation failed", "email: is not an email address"]
    assert re.fullmatch(r"[a-z_]+", answer.headers["X-Error-Code"])


def test_a_path_that_leads_nowhere_is_not_found_in_the_envelope(api: ApiDriver) -> None:
    known = f"{AUTH}/send-otp-email"
    nowhere = ["/api", "/api/", "/api/v1", AUTH, f"{AUTH}/x", f"{known}/", f"{known}.json", f"/api/v2{AUTH}"]
    for path in (*nowhere, "/api/\x00", "/api/%ff", "/api/..%2f..%2flogin", "/api//x", f"/api/{'x' * 5_000}"):
        answer = api.call("POST", path, {})
        assert check_envelope(answer)["errors"] == ["Resource not found"], path
        assert answer.status_code == 404, path


def test_a_doubled_slash_is_answered_in_the_envelope(api: ApiDriver) -> None:
    check_envelope(api.call("POST", "/api//v1/auth/send-otp-email", {"email": ADA}))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "send-otp-email"), ("PUT", "logout"), ("BREW", "refresh-token")]
)
def test_a_method_that_a_path_does_not_know_names_those_it_does(api: ApiDriver, method: str, path: str) -> None:
    """API-09; RFC 9110, section 15.5.6."""
    answer = api.call(method, path)
    check_envelope(answer)
    assert outcome(answer) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"].split(", ")


def test_head_and_options_are_sane(api: ApiDriver) -> None:
    """API-09."""
    head, options = api.call("HEAD", "me"), api.call("OPTIONS", "send-otp-email")
    assert (head.status_code, head.data) == (401, b"")
    assert (options.status_code in (200, 204), "POST" in options.headers["Allow"]) == (True, True)
    assert "Access-Control-Allow-Origin" not in api.call("OPTIONS", "me", Origin="https://evil.example").headers


@pytest.mark.parametrize("door", DOORS)
def test_a_body_of_more_than_64_kib_is_too_large(
    api: ApiDriver, bearers: dict[str, str], door: tuple[str, str]
) -> None:
    answer = knock(api, bearers, door, b'{"email": "' + b"a" * 65_536 + b'"}')
    check_envelope(answer)
    assert outcome(answer) == (413, "content_too_large")


def test_a_large_body_without_a_length_is_cut_off_too(api: ApiDriver) -> None:
    client = api.app.test_client()
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    stream = io.BytesIO(b'{"email": "' + b"a" * 200_000 + b'"}')
    answer = client.post(
        f"{AUTH}/send-otp-email", input_stream=stream, content_type="application/json", environ_base=environ
    )
    check_envelope(answer)
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("door", DOORS)
def test_only_json_is_read(api: ApiDriver, bearers: dict[str, str], door: tuple[str, str]) -> None:
    """API-06, API-07: what a form of another site can send without a preflight is refused."""
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "",
    ):
        answer = knock(api, bearers, door, b'{"email": "ada@example.com"}', Content_Type=kind)
        check_envelope(answer)
        assert outcome(answer) == (415, "unsupported_media_type"), kind


def test_json_is_read_however_its_name_is_written(api: ApiDriver) -> None:
    for number, kind in enumerate(("application/json", "Application/JSON", "application/json; charset=utf-8")):
        body = json.dumps({"email": f"kind{number}@example.com"}).encode()
        assert api.call("POST", "send-otp-email", body, Content_Type=kind).status_code == 201, kind


MALFORMED = {
    "nothing": b"",
    "bad UTF-8": b'{"email": "\xff\xfe@example.com"}',
    "UTF-16": '{"email": "ada@example.com"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"email": "ada@example.com"}',
    "a NUL byte": b'{"email": "ada@example.com\x00"}',
    "NaN": b'{"email": NaN}',
    "half": b'{"email": "ada@example.com"',
    "a name twice": b'{"email": "ada@example.com", "\\u0065mail": "eve@example.com"}',
    "deep lists": b"[" * 30_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a deep member": b'{"email": "ada@example.com", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a number of 50,000 digits": b'{"email": ' + b"9" * 50_000 + b"}",
}  # fmt: skip
NOT_OBJECTS = [b"null", b"true", b"7", b'"ada@example.com"', b"[]", b'[{"email": "ada@example.com"}]', b"1e9999"]


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_json_object_is_refused(api: ApiDriver, bearers: dict[str, str], door: tuple[str, str]) -> None:
    """API-06: malformed, ambiguous, too deep, or of another shape."""
    for name, body in MALFORMED.items():
        answer = knock(api, bearers, door, body)
        assert outcome(answer) == INVALID, name
        assert check_envelope(answer)["errors"] == ["Validation failed", "body: is not valid JSON"], name
    for body in NOT_OBJECTS:
        answer = knock(api, bearers, door, body)
        assert outcome(answer) == INVALID, body
        assert check_envelope(answer)["errors"][1].startswith("body: "), body


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("send-otp-email", {}, "email: is required"),
    ("send-otp-email", {"Email": ADA}, "email: is required"),
    *[
        ("send-otp-email", {"email": value}, "email: has the wrong type")
        for value in (None, 1, 1e308, True, [ADA], {})
    ],
    *[("send-otp-email", {"email": value}, "email: is required") for value in ("", " \t\u3000")],
    ("send-otp-email", {"email": "a" * 60_000}, "email: is too long"),
    ("send-otp-email", {"email": "\ud800@example.com"}, "email: is malformed"),
    ("send-otp-email", {"email": ADA, "locale": 1}, "locale: has the wrong type"),
    ("send-otp-email", {"email": ADA, "locale": "tr; DROP"}, "locale: is malformed"),
    ("send-otp-email", {"email": ADA, "clientId": {}}, "clientId: has the wrong type"),
    ("login-otp-email", {"email": ADA}, "code: is required"),
    ("login-otp-email", {"code": "1234"}, "email: is required"),
    *[
        ("login-otp-email", {"email": ADA, "code": code}, "code: has the wrong type")
        for code in (None, 1234, 1.5, [])
    ],
    ("login-otp-email", {"email": ADA, "code": ""}, "code: is required"),
    ("login-otp-email", {"email": ADA, "code": "1" * 10_000}, "code: is too long"),
    ("login-otp-email", {"email": ADA, "code": "\udfff" * 4}, "code: is malformed"),
    ("login-otp-email", {"email": ADA, "code": "1234", "challengeId": 7}, "challengeId: has the wrong type"),
    ("refresh-token", {}, "refreshToken: is required"),
    ("refresh-token", {"refreshToken": None}, "refreshToken: has the wrong type"),
    ("refresh-token", {"refresh_token": "x"}, "refreshToken: is required"),
]


@pytest.mark.parametrize("path", sorted({path for path, _, _ in WRONG}))
def test_each_wrong_member_is_named_by_its_name_on_the_wire(api: ApiDriver, path: str) -> None:
    for body, detail in [(body, detail) for its_path, body, detail in WRONG if its_path == path]:
        answer = api.call("POST", path, json.dumps(body).encode())
        assert outcome(answer) == INVALID, body
        assert detail in check_envelope(answer)["errors"][1:], body


def test_a_refusal_repeats_nothing_of_what_was_sent(api: ApiDriver) -> None:
    answer = api.post("login-otp-email", {"email": "<sesame>@x", "code": "sesame", "challengeId": "<sesame>"})
    assert "sesame" not in answer.text + str(answer.headers)


HOSTILE = {
    "Accept_Language": [
        "",
        "*",
        "en;q=abc",
        "tr;q=1e999",
        "en;q=nan",
        ",;q,,",
        "x" * 8_000,
        "\xff\xfe",
        "tr_TR-\x7f",
    ],
    "Host": ["", "a b", "[::1", "evil\\", "x" * 3_000, "a:99999999", "\xfc"],
    "Content_Length": ["abc", "-1", "99999999999999999999"],
    "User_Agent": ["", "\xff" * 5_000, '\'; DROP TABLE "user"; --'],
    "X_Forwarded_For": ["not an address", "::1, " * 2_000],
    "X_Request_Id": ["a\tb" * 50, "../../etc/passwd", "x" * 5_000],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_never_an_internal_error(api: ApiDriver, name: str) -> None:
    for value in HOSTILE[name]:
        answer = api.call("POST", "send-otp-email", {"email": "no address"}, **{name: value})
        check_envelope(answer)
        assert answer.status_code == 400, value
        assert len(answer.headers.get("X-Request-Id", "")) <= 64


def test_answers_of_the_api_are_neither_kept_nor_guessed(api: ApiDriver) -> None:
    """SES-18."""
    headers = api.send("no address").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers


NAMES = ["email", "code", "challengeId", "clientId", "locale", "refreshToken", "firstName", "acceptTerms"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("1234"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMED = st.dictionaries(st.sampled_from(NAMES), ANYTHING)


@FEW
@given(body=NAMED | ANYTHING, door=st.sampled_from([door for door in DOORS if door[1] != "me"]))
def test_any_json_gets_an_envelope_and_never_a_server_error(api: ApiDriver, body: Any, door: tuple[str, str]) -> None:
    answer = api.call(*door, json.dumps(body).encode(), token="a.b.c")
    check_envelope(answer)
    assert answer.status_code < 500


@FEW
@given(body=st.binary(max_size=200), door=st.sampled_from(DOORS))
def test_any_bytes_get_an_envelope_and_never_a_server_error(
    api: ApiDriver, bearers: dict[str, str], body: bytes, door: tuple[str, str]
) -> None:
    answer = knock(api, bearers, door, body)
    check_envelope(answer)
    assert answer.status_code < 500
