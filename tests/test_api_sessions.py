"""The signed-in devices by JSON: who sees them, who ends which, and when a code is needed first (SES-11, SES-15)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from auth_portal.models import Event
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.granting import World
from tests.support.smtp import MailSink

ADA, BOB = "ada@example.com", "bob@example.com"
PHONE = "203.0.113.9"
UNAUTHORIZED, OLD, UNKNOWN = (401, "unauthorized"), (403, "reauthentication_required"), (404, "not_found")
MEMBERS = {"id", "device", "network", "place", "createdAt", "lastSeenAt", "expiresAt", "isCurrent"}


@pytest.fixture
def laptop(clock: time_machine.Traveller, api: ApiDriver) -> str:
    """The access token of Ada's first API device; the clock stands still."""
    return str(api.register(ADA)["accessToken"])


@pytest.fixture
def phone(laptop: str, clock: time_machine.Traveller, api: ApiDriver) -> dict[str, Any]:
    """The tokens of her second one, a minute later in another network."""
    clock.shift(60)
    return api.at(PHONE).proven(ADA)


def listed(api: ApiDriver, token: str) -> list[dict[str, Any]]:
    """What the token's person is signed in with."""
    answer = api.call("GET", "sessions", token=token)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = data_of(answer)["sessions"]
    return found


def id_of(api: ApiDriver, token: str) -> str:
    """The session of this token."""
    (own,) = [one["id"] for one in listed(api, token) if one["isCurrent"]]
    return str(own)


def is_in(api: ApiDriver, token: str) -> bool:
    """Whether a token still opens anything."""
    status = api.call("GET", "me", token=token).status_code
    assert status in (200, 401)
    return status == 200


def events(app: Flask) -> list[tuple[str, str, str | None, Any]]:
    """What was noted of endings: kind, actor, session, facts."""
    query = select(Event.kind, Event.actor, Event.session_id, Event.facts).order_by(Event.happened_at)
    with services_of(app).engine.connect() as connection:
        rows = connection.execute(query).all()
    return [tuple(row) for row in rows if row.kind not in ("registered", "signed_in")]


def test_each_session_says_where_and_when_and_which_is_this_one(
    api: ApiDriver, laptop: str, phone: dict[str, Any]
) -> None:
    """PRIV-05: no whole address."""
    newest, first = listed(api, phone["accessToken"])
    assert set(newest) == set(first) == MEMBERS
    assert (newest["isCurrent"], first["isCurrent"]) == (True, False)
    assert (newest["network"], first["network"]) == ("203.0.113.x", "127.0.0.x")
    assert (newest["device"], newest["place"]) == (None, None)
    assert first["createdAt"] == first["lastSeenAt"] == "2026-05-22T16:11:27.126Z"
    assert newest["createdAt"] == "2026-05-22T16:12:27.126Z"
    assert newest["expiresAt"] == "2026-06-21T16:12:27.126Z"
    assert {one["id"]: one["isCurrent"] for one in listed(api, laptop)} == {newest["id"]: False, first["id"]: True}


def test_a_browser_is_named_in_the_callers_language(api: ApiDriver, laptop: str, browser: BrowserDriver) -> None:
    browser.prove(ADA)
    words = {
        language: [one["device"] for one in data_of(answer)["sessions"]]
        for language in ("en", "tr")
        if (answer := api.call("GET", "sessions", token=laptop, Accept_Language=language))
    }
    assert "Firefox on Windows" in words["en"]
    assert len(words["tr"]) == 2


def test_apps_and_what_is_over_are_not_listed(
    api: ApiDriver, laptop: str, phone: dict[str, Any], clock: time_machine.Traveller
) -> None:
    api.post("logout", token=phone["accessToken"])
    assert [one["isCurrent"] for one in listed(api, laptop)] == [True]
    clock.shift(600)  # tokens are over by then
    clock.shift(14 * 86_400)
    token = api.at("203.0.113.10").proven(ADA)["accessToken"]
    assert [one["isCurrent"] for one in listed(api, token)] == [True]


def test_ending_another_session_takes_effect_on_its_next_request(
    app: Flask, api: ApiDriver, laptop: str, phone: dict[str, Any]
) -> None:
    """SES-11."""
    stranger = id_of(api, phone["accessToken"])
    assert outcome(api.call("DELETE", f"sessions/{stranger}", token=laptop)) == (200, None)
    assert not is_in(api, phone["accessToken"])
    assert outcome(api.post("refresh-token", {"refreshToken": phone["refreshToken"]})) == UNAUTHORIZED
    assert is_in(api, laptop)
    assert events(app) == [("session_ended", "person", stranger, None)]


def test_for_anothers_end_a_recent_sign_in_is_needed_for_ones_own_not(
    api: ApiDriver, laptop: str, phone: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """SES-15."""
    token = phone["accessToken"]
    own, other = id_of(api, token), id_of(api, laptop)
    refreshed = phone
    for _ in range(2):
        clock.shift(300)
        refreshed = data_of(api.post("refresh-token", {"refreshToken": refreshed["refreshToken"]}))
    token = refreshed["accessToken"]
    assert outcome(api.call("DELETE", f"sessions/{other}", token=token)) == OLD
    assert outcome(api.post("logout-others", token=token)) == OLD
    assert len(listed(api, token)) == 2
    assert outcome(api.call("DELETE", f"sessions/{own}", token=token)) == (200, None)
    assert not is_in(api, token)


@pytest.mark.parametrize("given", ["0" * 32, "x", "%00", "' OR 1=1", "é", "a" * 5_000])
def test_an_unknown_session_is_not_found(api: ApiDriver, laptop: str, given: str) -> None:
    assert outcome(api.call("DELETE", f"sessions/{given}", token=laptop)) == UNKNOWN


def test_somebody_elses_session_is_as_unknown_as_one_that_is_over(
    app: Flask, api: ApiDriver, laptop: str, phone: dict[str, Any]
) -> None:
    mine = api.at("203.0.113.77").register(BOB)["accessToken"]
    for given in (id_of(api, laptop), id_of(api, phone["accessToken"])):
        assert outcome(api.call("DELETE", f"sessions/{given}", token=mine)) == UNKNOWN
    assert is_in(api, laptop)
    over = id_of(api, phone["accessToken"])
    answers = [outcome(api.call("DELETE", f"sessions/{over}", token=laptop)) for _ in range(2)]
    assert answers == [(200, None), UNKNOWN]
    assert [kind for kind, *_ in events(app)] == ["session_ended"]


def test_an_apps_grant_is_no_session_that_could_be_ended_here(app: Flask, api: ApiDriver) -> None:
    """Connected apps end where they are listed."""
    world = World(app, api)
    browser = world.browser()
    grant_id, _token = world.grant(browser.id, is_offline=True)
    token = api.at(PHONE).proven()["accessToken"]
    assert grant_id not in [one["id"] for one in listed(api, token)]
    assert outcome(api.call("DELETE", f"sessions/{grant_id}", token=token)) == UNKNOWN
    assert world.is_live(grant_id)


def test_all_others_end_and_this_one_goes_on(
    app: Flask, api: ApiDriver, laptop: str, phone: dict[str, Any], browser: BrowserDriver
) -> None:
    browser.prove(ADA)
    bob = api.at("203.0.113.77").register(BOB)["accessToken"]
    own = id_of(api, phone["accessToken"])
    answer = api.post("logout-others", token=phone["accessToken"])
    assert (answer.status_code, data_of(answer)) == (200, {"ended": 2})
    assert [is_in(api, token) for token in (laptop, phone["accessToken"], bob)] == [False, True, True]
    assert browser.get("/account").location == "/login"
    assert api.post("refresh-token", {"refreshToken": phone["refreshToken"]}).status_code == 200
    assert data_of(api.post("logout-others", token=phone["accessToken"])) == {"ended": 0}
    told = [event for event in events(app) if event[0] == "sessions_ended"]
    assert [facts["count"] for *_, facts in told] == [2, 0]
    assert {(actor, session) for _, actor, session, _ in told} == {("person", own)}


def test_all_end_however_old_the_sign_in_is(
    app: Flask, api: ApiDriver, laptop: str, phone: dict[str, Any], clock: time_machine.Traveller
) -> None:
    """An emergency: nothing may stand in between."""
    clock.shift(590)
    token = data_of(api.post("refresh-token", {"refreshToken": phone["refreshToken"]}))["accessToken"]
    clock.shift(20)
    answer = api.post("logout-all", token=token)
    assert (answer.status_code, data_of(answer)) == (200, {"ended": 2})
    assert not is_in(api, token)
    assert outcome(api.post("logout-all", token=token)) == UNAUTHORIZED
    assert [(kind, actor, facts) for kind, actor, _, facts in events(app)] == [
        ("sessions_ended", "person", {"count": 2, "reason": "all"})
    ]


def test_signing_out_is_noted_once_and_by_whom(app: Flask, api: ApiDriver, laptop: str) -> None:
    own = id_of(api, laptop)
    assert api.post("logout", token=laptop).status_code == 200
    assert outcome(api.post("logout", token=laptop)) == UNAUTHORIZED
    assert events(app) == [("signed_out", "person", own, None)]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "sessions"), ("DELETE", f"sessions/{'0' * 32}"), ("POST", "logout-others"), ("POST", "logout-all")],
)
def test_nothing_of_it_without_a_live_token(app: Flask, outbox: MailSink, method: str, path: str) -> None:
    api = ApiDriver(app, outbox)
    assert outcome(api.call(method, path)) == UNAUTHORIZED
    assert outcome(api.call(method, path, token="no.token.ofours")) == UNAUTHORIZED
    tokens = api.register(ADA)
    assert outcome(api.call(method, path, token=tokens["refreshToken"])) == UNAUTHORIZED
    api.post("logout", token=tokens["accessToken"])
    assert outcome(api.call(method, path, token=tokens["accessToken"])) == UNAUTHORIZED
