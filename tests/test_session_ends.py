"""How sessions end or are renewed: what becomes of their grants, and which clients are to be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, text

from auth_portal.db import utcnow
from auth_portal.signin.sessions import LiveSession, OpenedSession
from tests.drivers import ApiDriver
from tests.granting import APP, OTHER, SILENT, World, assert_refused
from tests.support.api import in_parallel
from tests.test_statements import counted


@pytest.fixture
def world(clock: time_machine.Traveller, app: Flask, api: ApiDriver) -> World:
    """The scene; the clock stands still."""
    return World(app, api)


def test_grants_end_with_their_browsers_session_unless_they_may_outlive_it(world: World) -> None:
    """REF-07."""
    browser, elsewhere = world.browser(), world.browser()
    ends, token = world.grant(browser.id)
    stays, offline = world.grant(browser.id, is_offline=True)
    foreign, other = world.grant(elsewhere.id)
    world.sessions.end_session(browser.id)
    assert [world.is_live(one) for one in (browser.id, ends)] == [False, False]
    assert [world.is_live(one) for one in (stays, elsewhere.id, foreign)] == [True, True, True]
    assert_refused(lambda: world.refresh(token))
    assert world.refresh(offline) != offline
    assert world.refresh(other) != other


def test_suspending_a_person_ends_offline_grants_too(world: World) -> None:
    """REF-07, SES-10."""
    grant_id, token = world.grant(world.browser().id, is_offline=True)
    world.services.users.suspend(world.user_id)
    world.services.users.restore(world.user_id)
    assert not world.is_live(grant_id)
    assert_refused(lambda: world.refresh(token))


def test_one_grant_or_all_that_a_client_has_may_be_ended(world: World) -> None:
    browser = world.browser()
    one, two, three = (world.grant(browser.id, is_offline=number == 2)[0] for number in range(3))
    other = world.grant(browser.id, OTHER)[0]
    world.sessions.end_grant(one)
    assert [world.is_live(grant) for grant in (one, two, three, other)] == [False, True, True, True]
    world.sessions.end_client_grants(world.user_id, APP)
    assert [world.is_live(grant) for grant in (two, three, other, browser.id)] == [False, False, True, True]


def sign_out(world: World, session: OpenedSession) -> None:
    """The person signs out."""
    world.sessions.end_session(session.id)


def suspend(world: World, _session: OpenedSession) -> None:
    """An operator suspends the person."""
    world.services.users.suspend(world.user_id)


def end_by_time(world: World, _session: OpenedSession) -> None:
    """Upkeep notes that the session's time is over."""
    world.sessions.end_what_is_over()


ENDINGS = pytest.mark.parametrize("end", [sign_out, suspend, end_by_time])


def ending(world: World, clock: time_machine.Traveller, end: Callable[..., None]) -> OpenedSession:
    """A browser's session with grants of all clients, two of the first; its time is over where time ends it."""
    browser = world.browser()
    for client_id in (APP, APP, OTHER, SILENT):
        world.grant(browser.id, client_id, ttl=timedelta(days=90))
    if end is end_by_time:
        clock.shift(browser.expires_at - utcnow())
    return browser


@ENDINGS
def test_each_client_that_wants_news_is_told_once_of_a_sessions_end(
    world: World, clock: time_machine.Traveller, end: Callable[..., None]
) -> None:
    """OP-55, OP-58."""
    browser = ending(world, clock, end)
    for _ in range(2):
        end(world, browser)
        assert world.notices() == [(browser.id, APP), (browser.id, OTHER)]


@ENDINGS
def test_the_news_is_written_by_the_commit_that_ends_the_session(
    world: World, clock: time_machine.Traveller, end: Callable[..., None]
) -> None:
    """OP-55: so a crash loses neither."""
    browser = ending(world, clock, end)
    with counted(world.engine) as cost:
        end(world, browser)
    written = [statement.split()[:3] for statement, _parameters in cost.statements]
    assert (cost.commits, ["INSERT", "INTO", "logout_notice"] in written) == (1, True)


@ENDINGS
def test_a_crash_before_the_commit_leaves_session_grants_and_no_news(
    world: World, clock: time_machine.Traveller, end: Callable[..., None]
) -> None:
    browser = ending(world, clock, end)

    def crash(_connection: object) -> None:
        raise ConnectionAbortedError

    event.listen(world.engine, "commit", crash)
    try:
        with pytest.raises(ConnectionAbortedError):
            end(world, browser)
    finally:
        event.remove(world.engine, "commit", crash)
    assert world.notices() == []
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM session WHERE ended_at IS NOT NULL")).scalar() == 0


def test_sessions_that_end_at_once_are_told_once(app: Flask, api: ApiDriver) -> None:
    world = World(app, api)
    browser = world.browser()
    world.grant(browser.id)
    assert in_parallel([lambda: world.sessions.end_session(browser.id)] * 10) == [None] * 10
    assert world.notices() == [(browser.id, APP)]


def test_a_session_without_a_client_that_wants_news_makes_none(world: World) -> None:
    browser, bare = world.browser(), world.browser()
    world.grant(browser.id, SILENT)
    for session in (browser, bare):
        world.sessions.end_session(session.id)
    assert world.notices() == []


def test_a_client_whose_grant_had_ended_already_is_told_too(world: World) -> None:
    """OP-55: its own session of the person may still live."""
    browser = world.browser()
    world.sessions.end_grant(world.grant(browser.id)[0])
    world.sessions.end_session(browser.id)
    assert world.notices() == [(browser.id, APP)]


def test_only_sessions_whose_time_is_over_and_that_clients_know_are_ended_by_upkeep(
    world: World, clock: time_machine.Traveller
) -> None:
    """OP-58: by the absolute end or by idleness; a session that nobody is to be told of just expires."""
    idle_ttl = world.services.settings.session_idle_ttl
    idle, bare = world.browser(), world.browser()
    world.grant(idle.id, ttl=timedelta(days=90))
    clock.shift(idle_ttl - timedelta(seconds=1))
    used = world.browser()
    world.grant(used.id, ttl=timedelta(days=90))
    assert world.sessions.end_what_is_over() == 0
    clock.shift(1)
    assert world.sessions.end_what_is_over() == 1
    assert world.notices() == [(idle.id, APP)]
    assert world.is_live(used.id)
    with world.engine.connect() as connection:
        query = text("SELECT ended_at FROM session WHERE id = :id")
        assert connection.execute(query, {"id": bare.id}).scalar() is None


def test_a_sites_secret_is_no_cookie_of_the_portal(world: World) -> None:
    """Forward-auth: what a guarded site holds opens that site and nothing else."""
    browser = world.browser()
    grant_id, secret = world.grant(browser.id, has_secret=True)
    found = world.sessions.find_by_secret(secret, APP)
    assert found is not None
    assert (found.id, found.client_id, found.parent_id) == (grant_id, APP, browser.id)
    assert world.sessions.find_by_secret(secret) is None
    assert world.sessions.find_by_secret(secret, OTHER) is None
    assert world.sessions.find_by_secret(browser.secret, APP) is None
    assert_refused(lambda: world.refresh(secret))
    world.sessions.end_session(browser.id)
    assert world.sessions.find_by_secret(secret, APP) is None


def live(world: World, session: OpenedSession) -> LiveSession:
    """The live session behind a browser's cookie."""
    found = world.sessions.find_by_secret(session.secret)
    assert found is not None
    return found


def test_a_renewed_session_keeps_its_id_and_grants_and_changes_its_secret(
    world: World, clock: time_machine.Traveller
) -> None:
    """SES-04."""
    former = world.browser()
    grant_id, token = world.grant(former.id)
    clock.shift(3_600)
    known, opened = live(world, former), world.browser()
    renewed = world.sessions.renew(known, opened)
    assert (renewed.id, renewed.secret) == (former.id, opened.secret)
    assert world.sessions.find_by_secret(former.secret) is None
    now = live(world, renewed)
    assert (now.id, now.authenticated_at, now.expires_at) == (former.id, opened.authenticated_at, opened.expires_at)
    assert now.authenticated_at > known.authenticated_at
    assert not world.is_live(opened.id)
    assert (world.is_live(grant_id), world.notices()) == (True, [])
    assert world.refresh(token) != token
    world.sessions.end_session(renewed.id)
    assert not world.is_live(grant_id)


def test_a_session_that_ended_meanwhile_is_not_renewed(world: World) -> None:
    """The new one stays what it is."""
    former = world.browser()
    known, opened = live(world, former), world.browser()
    world.sessions.end_session(former.id)
    assert world.sessions.renew(known, opened) == opened
    assert world.sessions.find_by_secret(former.secret) is None
    assert live(world, opened).id == opened.id
