"""Grants: what a client has of a person, by refresh and access tokens. How they end is in ``test_session_ends``."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from auth_portal.db import utcnow
from auth_portal.settings import ROOT
from auth_portal.signin.refreshing import REFRESH_GRACE
from auth_portal.signin.tokens import AccessDraft
from tests.conftest import environment
from tests.drivers import ApiDriver, outcome
from tests.granting import APP, OTHER, World, assert_refused
from tests.support.api import in_parallel

AFTER_GRACE = REFRESH_GRACE + timedelta(seconds=1)


@pytest.fixture
def world(clock: time_machine.Traveller, app: Flask, api: ApiDriver) -> World:
    """The scene; the clock stands still."""
    return World(app, api)


def test_a_grant_goes_on_with_each_refresh_and_keeps_what_was_granted(
    world: World, clock: time_machine.Traveller
) -> None:
    browser = world.browser()
    grant_id, token = world.grant(browser.id)
    ends_at = world.sessions.get_by_id(grant_id).expires_at
    for number in range(1, 4):
        clock.shift(3_600)
        token = world.refresh(token)
        assert world.chain(grant_id) == (number + 1, number)
    live = world.sessions.find_refreshed(token, APP)
    assert live is not None
    assert (live.id, live.user.id, live.client_id, live.parent_id) == (grant_id, world.user_id, APP, browser.id)
    assert (live.scope, live.parameters) == ("openid profile", {"nonce": "n"})
    assert live.expires_at == ends_at, "a family keeps its end (REF-05)"
    clock.shift(7 * 86_400)
    assert_refused(lambda: world.refresh(token))


def test_a_refresh_token_is_kept_as_a_hash_only(world: World) -> None:
    """REF-01."""
    _grant_id, token = world.grant(world.browser().id)
    with world.engine.connect() as connection:
        rows = [connection.execute(text(f"SELECT * FROM {table}")).all() for table in ("refresh_token", "session")]
    assert token not in str(rows)
    assert len(token) >= 43


@pytest.mark.parametrize("stranger", [OTHER, "portal", "nobody", ""])
def test_another_clients_use_of_a_refresh_token_is_refused_and_changes_nothing(
    world: World, clock: time_machine.Traveller, stranger: str
) -> None:
    """REF-01: be it unused, used a moment ago or long ago, when its own client would lose the grant."""
    grant_id, first = world.grant(world.browser().id)
    assert_refused(lambda: world.refresh(first, stranger))
    assert world.sessions.find_refreshed(first, stranger) is None
    assert world.chain(grant_id) == (1, 0)
    second = world.refresh(first)
    assert_refused(lambda: world.refresh(first, stranger))
    clock.shift(AFTER_GRACE)
    assert_refused(lambda: world.refresh(first, stranger))
    assert (world.is_live(grant_id), world.chain(grant_id)) == (True, (2, 1))
    assert world.refresh(second) not in (first, second)


def test_the_json_api_takes_no_clients_refresh_token_and_no_client_takes_its(world: World, api: ApiDriver) -> None:
    """REF-01."""
    _grant_id, token = world.grant(world.browser().id)
    assert outcome(api.post("refresh-token", {"refreshToken": token})) == (401, "unauthorized")
    own = api.at("203.0.113.9").proven()["refreshToken"]
    assert_refused(lambda: world.refresh(own))
    assert api.post("refresh-token", {"refreshToken": own}).status_code == 200
    assert world.refresh(token) != token


def test_twenty_refreshes_at_once_give_one_live_branch(app: Flask, api: ApiDriver) -> None:
    """REF-04."""
    world = World(app, api)
    grant_id, token = world.grant(world.browser().id)
    made = in_parallel([lambda: world.refresh(token)] * 20)
    (successor,) = set(made)
    assert isinstance(successor, str)
    assert successor != token
    assert (world.chain(grant_id), world.is_live(grant_id)) == ((2, 1), True)
    assert world.refresh(successor) not in (token, successor)


NODE = """
import json, sys
from auth_portal.cli.context import load_services
from tests.support.api import in_parallel
sessions = load_services().sessions
sessions.is_refresh_token_live("warm")
print("ready", flush=True)
token, client_id = json.loads(sys.stdin.readline())
made = in_parallel([lambda: sessions.rotate_refresh_token(token, client_id).secret] * 7)
print(json.dumps([one if isinstance(one, str) else repr(one) for one in made]))
"""


def test_refreshes_by_several_processes_at_once_give_one_live_branch(
    app: Flask, api: ApiDriver, database_url: str
) -> None:
    """REF-04."""
    world = World(app, api)
    grant_id, token = world.grant(world.browser().id)
    command, env, pipe = (
        [sys.executable, "-c", NODE],
        environment(database_url, "smtp://127.0.0.1:1"),
        subprocess.PIPE,
    )
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
            )
            for _ in range(3)
        ]
        for node in nodes:
            assert node.stdout is not None
            assert node.stdout.readline() == "ready\n"
        line = json.dumps([token, APP]) + "\n"
        for node in nodes:
            assert node.stdin is not None
            node.stdin.write(line)
            node.stdin.flush()
        ended = [node.communicate(timeout=60) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0, 0], ended
    made = list(itertools.chain.from_iterable(json.loads(output) for output, _errors in ended))
    assert (len(made), len(set(made))) == (21, 1), made
    assert (world.chain(grant_id), world.is_live(grant_id)) == ((2, 1), True)
    assert world.refresh(made[0]) != made[0]


def test_a_retry_within_the_grace_gets_the_same_successor(world: World, clock: time_machine.Traveller) -> None:
    """D10."""
    grant_id, token = world.grant(world.browser().id)
    successor = world.refresh(token)
    clock.shift(REFRESH_GRACE)
    assert world.refresh(token) == successor
    assert world.chain(grant_id) == (2, 1)


@pytest.mark.parametrize(("uses", "wait"), [(1, AFTER_GRACE), (2, timedelta(0)), (2, AFTER_GRACE)])
def test_a_replay_ends_the_grant_and_nothing_else(
    world: World, clock: time_machine.Traveller, uses: int, wait: timedelta
) -> None:
    """REF-03: after the grace, or once the successor was used."""
    browser = world.browser()
    grant_id, first = world.grant(browser.id)
    other_id, other = world.grant(browser.id, OTHER)
    newest = first
    for _ in range(uses):
        newest = world.refresh(newest)
    clock.shift(wait)
    assert_refused(lambda: world.refresh(first))
    assert_refused(lambda: world.refresh(newest))
    assert world.sessions.find_refreshed(newest, APP) is None
    assert [world.is_live(one) for one in (grant_id, other_id, browser.id)] == [False, True, True]
    assert world.refresh(other, OTHER) != other
    assert world.notices() == []


def test_a_clients_access_token_is_good_but_not_for_the_json_api(world: World, api: ApiDriver) -> None:
    """JWT-15: 403, and nothing happens; one for another audience is no token of this API at all (JWT-05)."""
    browser = world.browser()
    grant_id, _token = world.grant(browser.id)

    def token(**draft: Any) -> str:
        values = {"session_id": browser.id, "grant_id": grant_id, "authenticated_at": utcnow()}
        return world.services.tokens.access_token(
            AccessDraft(**({"subject": world.user_id, "client_id": APP, "scope": "openid profile"} | values | draft))
        )

    for method, path, body in (("GET", "me", None), ("PATCH", "me", {"firstName": "X"}), ("POST", "logout", None)):
        answer = api.call(method, path, body, token=token())
        assert outcome(answer) == (403, "insufficient_scope")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="account"'
        assert answer.json["isSuccess"] is False
    assert world.is_live(browser.id)
    own = {"session_id": None, "grant_id": None, "authenticated_at": None}
    assert outcome(api.call("GET", "me", token=token(**own))) == (403, "insufficient_scope")
    for scope in ("openid accounts", "my-account", ""):
        assert api.call("GET", "me", token=token(scope=scope)).status_code == 403
    elsewhere = api.call("GET", "me", token=token(audience=["https://api.example"]))
    assert outcome(elsewhere) == (401, "unauthorized")


def test_an_access_token_ends_with_its_grant(world: World, api: ApiDriver) -> None:
    """JWT-16: where a token names a grant, that must live, not only the session."""
    browser = world.browser()
    grant_id, _token = world.grant(browser.id)
    draft = AccessDraft(world.user_id, APP, browser.id, grant_id, utcnow(), scope="openid")
    claims = world.services.tokens.check_access_token(world.services.tokens.access_token(draft), "openid")
    assert claims.session_id == grant_id
    world.sessions.end_grant(grant_id)
    assert_refused(lambda: world.sessions.get_by_id(claims.session_id or ""))
