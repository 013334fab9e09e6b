"""Tabs that refresh one token at once, at four workers, over and over: nobody is signed out, no branch lives twice.

``REFRESH_ROUNDS`` sets how many rounds (see CONTRIBUTING.md); 1,000 of them take minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from auth_portal.signin.refreshing import REFRESH_GRACE
from tests.support.api import Answer, Api, in_parallel
from tests.test_races import Portal, portal, statuses

__all__ = ["portal"]
ROUNDS = int(os.environ.get("REFRESH_ROUNDS", "100"))
TABS = 20
CHAIN = """
    SELECT count(*), count(used_at), count(DISTINCT session_id) FROM refresh_token
    WHERE session_id IN (SELECT id FROM session WHERE user_id = :user)"""
ENDED = "SELECT count(ended_at) FROM session WHERE user_id = :user"
REUSED = "SELECT count(*) FROM event WHERE user_id = :user AND kind = 'refresh_reused'"


@pytest.fixture
def tabs(portal: Portal) -> Iterator[Api]:
    """The connections of the tabs, kept open over the rounds."""
    with Api(portal.process.url) as api:
        yield api


def refresh(tabs: Api, token: str, count: int = TABS) -> list[Answer]:
    """Present one token in all tabs at the same moment; every one must be answered."""
    body = {"refreshToken": token}
    answers = in_parallel([lambda: tabs.post("/api/v1/auth/refresh-token", body)] * count)
    lost = [answer for answer in answers if not isinstance(answer, Answer)]
    assert lost == []
    return [answer for answer in answers if isinstance(answer, Answer)]


def is_in(tabs: Api, access_token: str) -> bool:
    """Whether the API takes an access token."""
    answer = tabs.get("/api/v1/auth/me", {"Authorization": f"Bearer {access_token}"})
    assert answer.status in (200, 401)
    return answer.status == 200


def spend_grace(portal: Portal, user: str) -> None:
    """Let every token that was used so far have been used longer ago than a retry may come."""
    shift = "datetime(used_at, :by)" if portal.engine.dialect.name == "sqlite" else "used_at + CAST(:by AS interval)"
    of_user = "session_id IN (SELECT id FROM session WHERE user_id = :user)"
    with portal.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE refresh_token SET used_at = {shift} WHERE {of_user}"),
            {"by": f"-{REFRESH_GRACE.total_seconds() + 1:.0f} seconds", "user": user},
        )


def test_tabs_that_refresh_one_token_at_once_stay_signed_in_by_one_branch(portal: Portal, tabs: Api) -> None:
    """REF-02, REF-04, OPS-06."""
    first = portal.register("tabs@example.com")
    user, token = {"user": first["user"]["id"]}, first["refreshToken"]
    for number in range(1, ROUNDS + 1):
        answers = refresh(tabs, token)
        assert statuses(answers) == {200: TABS}, f"round {number}"
        successors = {answer.data["refreshToken"] for answer in answers}
        assert len(successors) == 1, f"round {number}"
        assert portal.rows(CHAIN, **user) == [(number + 1, number, 1)], f"round {number}"
        token = successors.pop()
    assert all(is_in(tabs, answer.data["accessToken"]) for answer in answers)
    assert (portal.rows(ENDED, **user), portal.rows(REUSED, **user)) == ([(0,)], [(0,)])


@pytest.mark.parametrize("is_late", [True, False], ids=["after the grace", "once its successor was used"])
def test_a_replay_kills_the_whole_family_however_many_come_at_once(portal: Portal, tabs: Api, is_late: bool) -> None:
    """REF-03: and that is noted once."""
    first = portal.register(f"stolen{int(is_late)}@example.com")
    user = first["user"]["id"]
    newest: dict[str, Any] = first
    for _ in range(1 if is_late else 2):
        newest = refresh(tabs, newest["refreshToken"], 1)[0].data
    if is_late:
        spend_grace(portal, user)
    assert is_in(tabs, newest["accessToken"])

    assert statuses(refresh(tabs, first["refreshToken"])) == {401: TABS}

    assert statuses(refresh(tabs, newest["refreshToken"])) == {401: TABS}
    assert [is_in(tabs, one["accessToken"]) for one in (first, newest)] == [False, False]
    assert (portal.rows(ENDED, user=user), portal.rows(REUSED, user=user)) == ([(1,)], [(1,)])


def test_a_replay_beside_the_owners_refresh_leaves_nothing_alive(portal: Portal, tabs: Api) -> None:
    """REF-03, REF-04: whichever of them comes first."""
    for number in range(max(3, ROUNDS // 20)):
        first = portal.register(f"both{number}@example.com")
        user = first["user"]["id"]
        second = refresh(tabs, first["refreshToken"], 1)[0].data
        spend_grace(portal, user)
        calls = [first["refreshToken"], second["refreshToken"]] * (TABS // 2)
        bodies = [{"refreshToken": token} for token in calls]
        answers = in_parallel([lambda b=body: tabs.post("/api/v1/auth/refresh-token", b) for body in bodies])
        found = [answer for answer in answers if isinstance(answer, Answer)]
        assert len(found) == TABS
        given = [answer.data for answer in found if answer.status == 200]
        for token in {second["refreshToken"], *(data["refreshToken"] for data in given)}:
            assert statuses(refresh(tabs, token, 1)) == {401: 1}
        assert not any(is_in(tabs, data["accessToken"]) for data in [first, second, *given])
        assert portal.rows(REUSED, user=user) == [(1,)]
