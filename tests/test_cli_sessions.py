"""``auth-portal user sessions`` and ``user sign-out``: what an operator sees and ends (SES-13)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from auth_portal.models import Event
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.operating import Run, json_of, run
from tests.relying import RelyingParty

__all__ = ["run"]
ADA = "ada@example.com"
COLUMNS = ["id", "device", "network", "place", "created_at", "last_seen_at", "expires_at", "apps"]


@pytest.fixture
def laptop(clock: time_machine.Traveller, app: Flask, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, which has opened an app; a minute later."""
    browser.register(ADA)
    RelyingParty(app, name="Wiki").sign_in(browser)
    clock.shift(60)
    return browser


@pytest.fixture
def phone(laptop: BrowserDriver, api: ApiDriver) -> dict[str, Any]:
    """The tokens of her API device."""
    return api.at("203.0.113.9").proven(ADA)


def test_an_operator_sees_what_somebody_is_signed_in_with(laptop: BrowserDriver, phone: Any, run: Run) -> None:
    newest, first = json_of(run("user", "sessions", ADA, "--json"))
    assert list(first) == COLUMNS
    assert (first["device"], first["network"], first["place"]) == ("Firefox on Windows", "127.0.0.x", None)
    assert (first["created_at"], first["apps"]) == ("2026-05-22T16:11:27.126Z", "Wiki")
    assert (newest["device"], newest["network"], newest["apps"]) == (None, "203.0.113.x", "")
    table = run("user", "sessions", phone["user"]["id"]).stdout.splitlines()
    assert [line.split()[0] for line in table] == ["id", newest["id"], first["id"]]


def test_who_is_signed_in_nowhere_has_an_empty_list(api: ApiDriver, run: Run) -> None:
    api.post("logout", token=api.register(ADA)["accessToken"])
    assert json_of(run("user", "sessions", ADA, "--json")) == []
    assert run("user", "sessions", ADA).exit_code == 0


def test_an_operator_ends_one_session_or_all_and_it_takes_effect_at_once(
    app: Flask, laptop: BrowserDriver, phone: dict[str, Any], api: ApiDriver, run: Run
) -> None:
    """SES-13."""
    listed = json_of(run("user", "sessions", ADA, "--json"))
    assert run("user", "sign-out", ADA, listed[0]["id"]).exit_code == 0
    assert outcome(api.call("GET", "me", token=phone["accessToken"])) == (401, "unauthorized")
    assert laptop.get("/account").status_code == 200
    assert run("user", "sign-out", ADA).exit_code == 0
    assert laptop.get("/account").location == "/login"
    assert run("user", "sign-out", ADA).exit_code == 0, "where there is nothing to end it is well, too"
    with services_of(app).engine.connect() as connection:
        query = select(Event.kind, Event.session_id, Event.facts).where(
            Event.actor == "operator", Event.kind.like("session%")
        )
        rows = [tuple(row) for row in connection.execute(query.order_by(Event.happened_at))]
    assert sorted(rows, key=str) == sorted(
        [
            ("session_ended", listed[0]["id"], None),
            ("sessions_ended", None, {"count": 1, "reason": "all"}),
            ("sessions_ended", None, {"count": 0, "reason": "all"}),
        ],
        key=str,
    )


def test_a_session_that_is_not_this_persons_is_not_ended(
    laptop: BrowserDriver, phone: Any, api: ApiDriver, run: Run
) -> None:
    api.at("203.0.113.77").register("bob@example.com")
    listed = json_of(run("user", "sessions", ADA, "--json"))
    for given in (listed[0]["id"], "0" * 32, "x", ""):
        result = run("user", "sign-out", "bob@example.com", given)
        assert (result.exit_code, "no such session" in result.output) == (1, True), given
    assert json_of(run("user", "sessions", ADA, "--json")) == listed


@pytest.mark.parametrize("command", ["sessions", "sign-out"])
def test_a_user_who_is_not_there_ends_with_1_and_a_sentence(run: Run, command: str) -> None:
    for who in ("nobody@example.com", "0" * 32, ""):
        result = run("user", command, who)
        assert (result.exit_code, "no such user" in result.output) == (1, True), who
