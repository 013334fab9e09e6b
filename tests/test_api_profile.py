"""``GET`` and ``PATCH me``: what a person reads and changes."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.drivers import ApiDriver, data_of, outcome

INVALID = (400, "validation_failed")


@pytest.fixture
def tokens(api: ApiDriver) -> dict[str, Any]:
    """The data of a person who has just registered."""
    return api.register("ada@example.com")


def me(api: ApiDriver, token: str) -> TestResponse:
    """Ask for the profile."""
    return api.call("GET", "me", token=token)


def profile_in(answer: TestResponse) -> dict[str, Any]:
    """What a sign-in says of its person too; beside it stands all that they have proven (OTP-36)."""
    data = data_of(answer)
    assert [one["value"] for one in data.pop("emails")] == ["ada@example.com"]
    assert data.pop("phoneNumbers") == []
    return data


def test_the_profile_is_what_was_registered(api: ApiDriver, tokens: dict[str, Any]) -> None:
    answer = me(api, tokens["accessToken"])
    assert (answer.status_code, profile_in(answer)) == (200, tokens["user"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_change_of_the_profile_touches_only_what_is_named(api: ApiDriver, tokens: dict[str, Any]) -> None:
    token = tokens["accessToken"]
    changed = profile_in(api.call("PATCH", "me", {"firstName": " Grace ", "locale": "en"}, token=token))
    assert changed == {**tokens["user"], "firstName": "Grace", "locale": "en"} == profile_in(me(api, token))


@pytest.mark.parametrize("body", [{}, {"firstName": None}, {"id": "x", "email": "eve@example.com", "createdAt": "x"}])
def test_nothing_to_change_changes_nothing(api: ApiDriver, tokens: dict[str, Any], body: dict[str, Any]) -> None:
    answer = api.call("PATCH", "me", body, token=tokens["accessToken"])
    assert (answer.status_code, profile_in(answer)) == (200, tokens["user"])


@pytest.mark.parametrize(
    "body",
    [
        {"firstName": ""},
        {"lastName": "a" * 101},
        {"lastName": "\x00"},
        {"firstName": 7},
        {"locale": "xx"},
        {"locale": ""},
    ],
)
def test_a_bad_change_is_refused_whole(api: ApiDriver, tokens: dict[str, Any], body: dict[str, Any]) -> None:
    refused = api.call(
        "PATCH", "me", {"firstName": "Grace", "lastName": "Hopper", **body}, token=tokens["accessToken"]
    )
    assert outcome(refused) == INVALID
    assert refused.json["errors"][1].startswith(next(iter(body)))
    assert profile_in(me(api, tokens["accessToken"])) == tokens["user"]


def test_a_person_changes_nobody_elses_profile(api: ApiDriver, tokens: dict[str, Any]) -> None:
    bob = api.register("bob@example.com")
    api.call("PATCH", "me", {"firstName": "Eve", "id": tokens["user"]["id"]}, token=bob["accessToken"])
    assert profile_in(me(api, tokens["accessToken"]))["firstName"] == "Ada"
