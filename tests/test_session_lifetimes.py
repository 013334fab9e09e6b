"""How long sessions and families of refresh tokens live, used and unused, and how exactly that is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, select

from auth_portal.db import utcnow
from auth_portal.models import Event, Session
from auth_portal.signin.refreshing import REFRESH_GRACE
from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.granting import World, assert_refused
from tests.support.api import in_parallel
from tests.support.smtp import MailSink
from tests.test_statements import counted

ADA = "ada@example.com"
DAY, MINUTE = 86_400, 60
UNAUTHORIZED = (401, "unauthorized")


@pytest.fixture
def world(clock: time_machine.Traveller, app: Flask, api: ApiDriver) -> World:
    """A person with a browser and clients; the clock stands still."""
    return World(app, api)


def refreshed(api: ApiDriver, tokens: dict[str, Any]) -> dict[str, Any]:
    """The tokens that follow these; they must."""
    answer = api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})
    assert answer.status_code == 200, answer.text
    return data_of(answer)


def seen_at(app: Flask) -> list[Any]:
    """When each session was last seen, the newest first."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(select(Session.last_seen_at).order_by(Session.last_seen_at.desc())).scalars())


@pytest.mark.parametrize(("unused", "alive"), [(14 * DAY - 1, True), (14 * DAY, False)])
def test_an_api_sign_in_that_is_not_used_ends_after_two_weeks(
    clock: time_machine.Traveller, api: ApiDriver, unused: int, alive: bool
) -> None:
    """SES-07, REF-05."""
    tokens = api.register(ADA)
    clock.shift(unused)
    answer = api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})
    assert outcome(answer) == ((200, None) if alive else UNAUTHORIZED)


def test_an_api_sign_in_that_is_used_ends_after_a_month(clock: time_machine.Traveller, api: ApiDriver) -> None:
    """REF-05: the end stays where it was."""
    tokens = api.register(ADA)
    for left in (20, 10):
        clock.shift(10 * DAY)
        tokens = refreshed(api, tokens)
        assert tokens["refreshExpiresIn"] == left * DAY
    clock.shift(10 * DAY - 1)
    tokens = refreshed(api, tokens)
    clock.shift(1)
    assert outcome(api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})) == UNAUTHORIZED
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == UNAUTHORIZED


def test_an_apps_family_ends_unused_and_by_its_own_end(world: World, clock: time_machine.Traveller) -> None:
    """REF-05: also one that may go on while its person is signed out."""
    browser = world.browser()
    _unused_id, unused = world.grant(browser.id, is_offline=True, ttl=timedelta(days=90))
    _used_id, used = world.grant(browser.id, is_offline=True, ttl=timedelta(days=30))
    for _ in range(2):
        clock.shift(13 * DAY)
        used = world.refresh(used)
    assert_refused(lambda: world.refresh(unused))
    clock.shift(4 * DAY)
    assert_refused(lambda: world.refresh(used))


def test_lifetimes_are_what_the_settings_say(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(refresh_token_ttl=300, refresh_idle_ttl=120), outbox)
    used, unused = api.register(ADA), api.at("203.0.113.9").proven(ADA)
    for _ in range(2):
        clock.shift(119)
        used = refreshed(api, used)
    assert outcome(api.post("refresh-token", {"refreshToken": unused["refreshToken"]})) == UNAUTHORIZED
    clock.shift(62)
    assert outcome(api.post("refresh-token", {"refreshToken": used["refreshToken"]})) == UNAUTHORIZED


def test_calls_with_the_access_token_are_use_too(
    clock: time_machine.Traveller, make_app: Made, outbox: MailSink
) -> None:
    api = ApiDriver(make_app(refresh_idle_ttl=300), outbox)
    tokens = api.register(ADA)
    for _ in range(3):
        clock.shift(199)
        assert api.call("GET", "me", token=tokens["accessToken"]).status_code == 200
    refreshed(api, tokens)
    clock.shift(300)
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == UNAUTHORIZED


def test_trying_again_with_what_is_over_is_no_replay(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """REF-03: a family that went unused ended by time, and nobody stole it."""
    tokens = api.register(ADA)
    clock.shift(14 * DAY)
    for _ in range(3):
        assert outcome(api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})) == UNAUTHORIZED
        clock.shift(REFRESH_GRACE + timedelta(seconds=1))
    with services_of(app).engine.connect() as connection:
        assert list(connection.execute(select(Event.kind).where(Event.kind == "refresh_reused"))) == []


def test_a_replay_is_noted_once_with_where_it_came_from(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """REF-03: the family ends and that is told, in one transaction."""
    tokens = api.register(ADA)
    refreshed(api, tokens)
    clock.shift(REFRESH_GRACE + timedelta(seconds=1))
    for _ in range(2):
        answer = api.at("203.0.113.66").post("refresh-token", {"refreshToken": tokens["refreshToken"]})
        assert outcome(answer) == UNAUTHORIZED
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == UNAUTHORIZED
    query = select(Event.outcome, Event.actor, Event.network, Event.user_id, Event.client_id, Session.ended_at)
    joined = query.join(Session, Session.id == Event.session_id).where(Event.kind == "refresh_reused")
    with services_of(app).engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(joined)]
    assert rows == [("refused", "portal", "203.0.113.0/24", tokens["user"]["id"], "portal", utcnow())]


def use_cookie(app: Flask, outbox: MailSink) -> Callable[[], int]:
    """A page that a signed-in browser opens."""
    browser = BrowserDriver(app, outbox)
    browser.register(ADA)
    return lambda: browser.get("/account").status_code


def use_access_token(app: Flask, outbox: MailSink) -> Callable[[], int]:
    """A call of the API."""
    api = ApiDriver(app, outbox)
    token = api.register(ADA)["accessToken"]
    return lambda: api.call("GET", "me", token=token).status_code


def use_refresh_token(app: Flask, outbox: MailSink) -> Callable[[], int]:
    """A refresh, each with the token of the one before."""
    api = ApiDriver(app, outbox)
    tokens = api.register(ADA)

    def refresh() -> int:
        tokens.update(refreshed(api, tokens))
        return 200

    return refresh


@pytest.mark.parametrize("begin", [use_cookie, use_access_token, use_refresh_token])
def test_that_a_session_is_used_is_written_once_a_minute(
    begin: Callable[[Flask, MailSink], Callable[[], int]], app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    use = begin(app, outbox)
    with counted(services_of(app).engine) as cost:
        for after in (0, 59, 1, 1, 58, 1):  # the third is a minute after the sign-in, the last one after that
            clock.shift(after)
            assert use() == 200
    written = [sql for sql, _ in cost.statements if sql.startswith("UPDATE session")]
    assert len(written) == 2
    assert seen_at(app) == [NOW + timedelta(minutes=2)]


def test_of_many_calls_at_once_one_notes_it(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    """The condition stands in the UPDATE, too: what others have just written is not written again."""
    token = api.register(ADA)["accessToken"]
    clock.shift(MINUTE)
    changed: list[int] = []

    def note(_connection: object, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE session"):
            changed.append(cursor.rowcount)

    event.listen(services_of(app).engine, "after_cursor_execute", note)
    try:
        answers = in_parallel([lambda: api.call("GET", "me", token=token).status_code] * 12)
    finally:
        event.remove(services_of(app).engine, "after_cursor_execute", note)
    assert (answers, sum(changed)) == ([200] * 12, 1)


def test_what_is_over_is_never_seen_again(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    tokens = api.register(ADA)
    api.post("logout", token=tokens["accessToken"])
    clock.shift(MINUTE)
    for answer in (
        api.call("GET", "me", token=tokens["accessToken"]),
        api.post("refresh-token", {"refreshToken": tokens["refreshToken"]}),
    ):
        assert outcome(answer) == UNAUTHORIZED
    assert seen_at(app) == [NOW]
