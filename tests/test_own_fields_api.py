"""The portal's own fields by JSON: what each type takes, at the registration and later; and who is told of them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, data_of, outcome
from tests.filling import ALL, COMPANY, FILLED, NEWS, RULES, SEATS, TEAM, declared
from tests.operating import Run, json_of, run
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

__all__ = ["run"]
ADA = "ada@example.com"
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
INVALID = (400, "validation_failed")


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal with fields of every type."""
    made: Flask = make_app(**declared())
    return made


@pytest.fixture
def token(api: ApiDriver) -> str:
    """The registration token of a new person."""
    return str(api.proven(ADA)["registrationToken"])


def registered(api: ApiDriver, **fields: Any) -> dict[str, Any]:
    """The data of somebody who filled all of it in."""
    token = api.proven(ADA)["registrationToken"]
    answer = api.post("complete-registration", {**NAMES, "fields": {**FILLED, **fields}}, token=token)
    assert answer.status_code == 201, answer.text
    return data_of(answer)


def me(api: ApiDriver, token: str) -> dict[str, Any]:
    """The profile; of it what every answer has of a person."""
    profile = data_of(api.call("GET", "me", token=token))
    return {name: value for name, value in profile.items() if name not in ("emails", "phoneNumbers")}


def test_what_was_filled_in_is_in_the_profile_wherever_it_is_told(api: ApiDriver) -> None:
    data = registered(api)
    assert data["user"]["fields"] == FILLED
    assert data["user"]["missingFields"] == []
    assert me(api, data["accessToken"]) == data["user"]
    assert data_of(api.post("refresh-token", {"refreshToken": data["refreshToken"]}))["user"] == data["user"]
    assert api.at("203.0.113.9").proven(ADA)["user"] == data["user"]


def test_what_may_be_left_out_is_null(api: ApiDriver) -> None:
    optional = {name: None for name in FILLED if name not in ("company", "rules")}
    data = registered(api, **optional)
    assert data["user"]["fields"] == {**FILLED, **optional}


def test_a_portal_without_fields_of_its_own_says_so(make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(), outbox)
    token = api.proven(ADA)["registrationToken"]
    refused = api.post("complete-registration", {**NAMES, "fields": {"company": "x"}}, token=token)
    assert outcome(refused) == INVALID
    user = data_of(api.post("complete-registration", {**NAMES, "fields": {}}, token=token))["user"]
    assert (user["fields"], user["missingFields"], user["termsAccepted"]) == ({}, [], True)


WRONG: list[tuple[str, Any, str]] = [
    ("company", None, "is required"),
    ("company", "", "is required"),
    ("company", " \u200b ", "is required"),
    ("company", "x" * 41, "is too long"),
    ("company", "a\nb", "has characters that cannot be shown"),
    ("company", "\u202egnp", "has characters that cannot be shown"),
    ("company", 7, "has the wrong type"),
    ("company", ["x"], "has the wrong type"),
    ("company", {"x": 1}, "has the wrong type"),
    ("seats", "12", "is not a whole number"),
    ("seats", 1.5, "is not a whole number"),
    ("seats", " ", "is not a whole number"),
    ("seats", True, "is not a whole number"),
    ("seats", 2**53, "is not a whole number"),
    ("seats", -(2**53), "is not a whole number"),
    ("seats", 10**300, "is not a whole number"),
    ("born", "1815-13-10", "is not a date"),
    ("born", "1815-02-29", "is not a date"),
    ("born", "10.12.1815", "is not a date"),
    ("born", "18151210", "is not a date"),
    ("born", "1815-12-10T00:00:00Z", "is not a date"),
    ("born", "1815-W50-7", "is not a date"),
    ("born", "0000-01-01", "is not a date"),
    ("born", 18151210, "is not a date"),
    ("team", "hr", "is none of the choices"),
    ("team", "Development", "is none of the choices"),
    ("team", ["dev"], "is none of the choices"),
    ("site", "javascript:alert(1)", "is not a web address"),
    ("site", "https://", "is not a web address"),
    ("site", "ada", "is not a web address"),
    ("site", "ftp://ada.example", "is not a web address"),
    ("site", "https://ada.example/a b", "is not a web address"),
    ("site", "https://ada.example:port/", "is not a web address"),
    ("site", "https://ada.example@evil.example/", "is not a web address"),
    ("site", 'https://ada.example/"onload="x', "is not a web address"),
    ("site", "mailto:ada@example.com", "is not a web address"),
    ("site", "https://[::1", "is not a web address"),
    ("site", "https://ada.example/" + "x" * 300, "is too long"),
    ("news", "true", "has the wrong type"),
    ("news", 1, "has the wrong type"),
    ("rules", None, "is required"),
    ("rules", False, "must be accepted"),
]


def test_a_value_that_is_wrong_is_named_and_the_token_stays_good(api: ApiDriver, token: str) -> None:
    for name, value, detail in WRONG:
        body = {**NAMES, "fields": {**FILLED, name: value}}
        refused = api.post("complete-registration", body, token=token)
        assert outcome(refused) == INVALID, (name, value)
        assert refused.json["errors"] == ["Validation failed", f"fields.{name}: {detail}"], (name, value)
    assert api.post("complete-registration", {**NAMES, "fields": FILLED}, token=token).status_code == 201


RIGHT: list[tuple[str, Any, Any]] = [
    ("company", "  Şirket A.Ş. ", "Şirket A.Ş."),
    ("company", "👩‍💻" * 13, "👩‍💻" * 13),
    ("company", "<b>&amp;</b>", "<b>&amp;</b>"),
    ("seats", 0, 0),
    ("seats", -(2**53) + 1, -(2**53) + 1),
    ("seats", 12.0, 12),
    ("seats", "", None),
    ("born", "2024-02-29", "2024-02-29"),
    ("team", "ops", "ops"),
    ("site", "ada.example", "https://ada.example"),
    ("site", " HTTP://[::1]:80/x?y=%20#z ", "HTTP://[::1]:80/x?y=%20#z"),
    ("site", "https://wiki/", "https://wiki/"),
    ("news", None, None),
    ("news", True, True),
]


def test_a_value_that_is_good_is_kept(api: ApiDriver) -> None:
    token = registered(api)["accessToken"]
    for name, value, kept in RIGHT:
        changed = api.call("PATCH", "me", {"fields": {name: value}}, token=token)
        assert changed.status_code == 200, (name, value, changed.text)
        assert data_of(changed)["fields"][name] == kept, (name, value)


@pytest.mark.parametrize("fields", [[], "x", 5, [{"company": "x"}]])
def test_fields_are_an_object(api: ApiDriver, token: str, fields: Any) -> None:
    refused = api.post("complete-registration", {**NAMES, "fields": fields}, token=token)
    assert outcome(refused) == INVALID
    assert refused.json["errors"][1] == "fields: has the wrong type"


def test_a_member_that_is_no_field_is_refused_and_not_repeated(api: ApiDriver, token: str) -> None:
    """API-06: no mass assignment, and nothing that was sent comes back."""
    for name in ("firstName", "own_company", "Company", "<script>", "suspended_at", "x" * 5_000):
        refused = api.post("complete-registration", {**NAMES, "fields": {**FILLED, name: "evil"}}, token=token)
        assert outcome(refused) == INVALID, name
        assert refused.json["errors"][1:] == ["fields: has an unknown member"], name


def test_every_fault_is_named_at_once(api: ApiDriver, token: str) -> None:
    body = {"firstName": "", "lastName": "x" * 101, "acceptTerms": False, "fields": {"seats": "x", "evil": 1}}
    errors = api.post("complete-registration", body, token=token).json["errors"]
    named = sorted(entry.partition(":")[0] for entry in errors[1:])
    own = ["fields", "fields.company", "fields.rules", "fields.seats"]
    assert named == ["acceptTerms", *own, "firstName", "lastName"]


def test_without_fields_the_required_ones_are_missing(api: ApiDriver, token: str) -> None:
    for body in (NAMES, {**NAMES, "fields": None}, {**NAMES, "fields": {}}):
        errors = api.post("complete-registration", body, token=token).json["errors"]
        assert errors[1:] == ["fields.company: is required", "fields.rules: is required"]


def test_a_change_touches_only_what_is_named(api: ApiDriver) -> None:
    """PRIV-09."""
    data = registered(api)
    body = {"firstName": "Augusta", "fields": {"seats": 3, "team": None}}
    changed = {**data["user"], "firstName": "Augusta", "fields": {**FILLED, "seats": 3, "team": None}}
    for patch in (body, {"fields": {}}):
        assert api.call("PATCH", "me", patch, token=data["accessToken"]).status_code == 200
        assert me(api, data["accessToken"]) == changed


def test_a_change_with_a_fault_is_refused_whole(api: ApiDriver) -> None:
    data = registered(api)
    for fields in ({"seats": 3, "team": "hr"}, {"seats": 3, "company": None}, {"seats": 3, "evil": 1}):
        refused = api.call("PATCH", "me", {"firstName": "Eve", "fields": fields}, token=data["accessToken"])
        assert outcome(refused) == INVALID, fields
    assert me(api, data["accessToken"]) == data["user"]


def test_changes_of_different_fields_at_once_are_all_kept(app: Flask, api: ApiDriver) -> None:
    """Each of them reads what was there and writes it back: none may write over another."""
    token = registered(api)["accessToken"]
    changes: list[dict[str, Any]] = [{"seats": 77}, {"team": "ops"}, {"site": "https://b.example"}, {"news": True}]

    def change(fields: dict[str, Any]) -> int:
        return api.call("PATCH", "me", {"fields": fields}, token=token).status_code

    answers = in_parallel([lambda fields=fields: change(fields) for fields in changes * 3])
    assert answers == [200] * 12
    merged = {name: value for fields in changes for name, value in fields.items()}
    assert data_of(api.call("GET", "me", token=token))["fields"] == {**FILLED, **merged}


def test_a_field_that_became_required_is_told_and_breaks_nothing(make_app: Made, outbox: MailSink) -> None:
    """Apps go on; it is theirs to ask."""
    before = ApiDriver(make_app(**declared(SEATS)), outbox)
    first = before.register(ADA)
    after = ApiDriver(make_app(**declared(SEATS, COMPANY, RULES)), outbox)
    refreshed = data_of(after.post("refresh-token", {"refreshToken": first["refreshToken"]}))
    assert refreshed["user"]["missingFields"] == ["company", "rules"]
    token = refreshed["accessToken"]
    half = api_patch(after, token, {"company": "Engines"})
    assert (half["missingFields"], half["fields"]["company"]) == (["rules"], "Engines")
    assert api_patch(after, token, {"rules": True})["missingFields"] == []


def api_patch(api: ApiDriver, token: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The profile after a change."""
    answer = api.call("PATCH", "me", {"fields": fields}, token=token)
    assert answer.status_code == 200, answer.text
    return data_of(answer)


def test_a_value_that_is_no_longer_good_is_missing_if_it_is_required(make_app: Made, outbox: MailSink) -> None:
    must = {**TEAM, "required": True}
    before = ApiDriver(make_app(**declared(must, NEWS)), outbox)
    token = before.proven(ADA)["registrationToken"]
    body = {**NAMES, "fields": {"team": "dev", "news": True}}
    data = data_of(before.post("complete-registration", body, token=token))
    fewer = {**must, "choices": {"ops": TEAM["choices"]["ops"]}}
    after = ApiDriver(make_app(**declared(fewer)), outbox)
    user = data_of(after.call("GET", "me", token=data["accessToken"]))
    assert (user["fields"], user["missingFields"]) == ({"team": "dev"}, ["team"])
    back = ApiDriver(make_app(**declared(must, NEWS)), outbox)
    assert data_of(back.call("GET", "me", token=data["accessToken"]))["fields"] == {"team": "dev", "news": True}


def test_nothing_is_stored_where_nothing_was_filled_in(make_app: Made, outbox: MailSink) -> None:
    app = make_app(**declared(SEATS))
    ApiDriver(app, outbox).register(ADA)
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text('SELECT fields FROM "user"')).scalar() is None


def test_the_operator_sees_what_was_filled_in_and_which_terms_were_accepted(
    make_app: Made, outbox: MailSink, run: Run
) -> None:
    registered(ApiDriver(make_app(terms_version="2026-05", **declared()), outbox))
    (row,) = json_of(run("user", "show", ADA, "--json"))
    assert (row["fields"], row["terms_version"]) == (FILLED, "2026-05")


def test_every_type_has_its_wrong_and_its_right_values() -> None:
    """The tables above are complete."""
    names = {field["name"] for field in ALL}
    assert {name for name, *_ in WRONG} == names
    assert {name for name, *_ in RIGHT} == names - {"rules"}
