"""How often one person may be signed in at once: beyond that the least used session ends (SES-14)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, select, text

from auth_portal.db import utcnow
from auth_portal.models import Event, Session
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of
from tests.relying import RelyingParty
from tests.support.api import in_parallel
from tests.support.smtp import MailSink
from tests.test_growth import stepping
from tests.test_statements import counted

ADA, BOB = "ada@example.com", "bob@example.com"
DAY = 86_400


@pytest.fixture
def app(clock: time_machine.Traveller, make_app: Made) -> Flask:
    """A portal where one person may be signed in three times; the clock stands still."""
    made: Flask = make_app(sessions_per_user=3)
    return made


def sign_in(api: ApiDriver, clock: time_machine.Traveller, host: int) -> str:
    """The access token of one more device of Ada, a minute later."""
    clock.shift(60)
    return str(api.at(f"203.0.113.{host}").proven(ADA)["accessToken"])


def alive(api: ApiDriver, tokens: list[str]) -> list[bool]:
    """Which of them still open something. Changes what was used last, and so which is next."""
    return [api.call("GET", "me", token=token).status_code == 200 for token in tokens]


def open_count(app: Flask, email: str = ADA) -> int:
    """How often somebody is signed in."""
    with services_of(app).engine.connect() as connection:
        query = """SELECT count(*) FROM session JOIN identifier ON identifier.user_id = session.user_id
                   WHERE value = :email AND ended_at IS NULL AND parent_id IS NULL"""
        return int(connection.execute(text(query), {"email": email}).scalar_one())


def test_one_more_than_may_be_ends_the_one_that_was_not_used_for_longest(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    first = api.register(ADA)["accessToken"]
    tokens = [first, *(sign_in(api, clock, host) for host in (1, 2))]
    clock.shift(60)
    assert alive(api, [first]) == [True]  # so the second is the one
    tokens.append(sign_in(api, clock, 3))
    assert alive(api, tokens) == [True, False, True, True]
    with services_of(app).engine.connect() as connection:
        query = select(Event.actor, Event.facts).where(Event.kind == "sessions_ended")
        assert [tuple(row) for row in connection.execute(query)] == [("portal", {"count": 1, "reason": "too_many"})]


def test_apps_end_with_the_session_and_count_for_nothing(
    app: Flask, api: ApiDriver, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    browser.register(ADA)
    shop = RelyingParty(app, backchannel_logout_uri="https://shop.example/out")
    tokens = [shop.sign_in(browser) for _ in range(4)]
    for host in (1, 2):
        sign_in(api, clock, host)
    assert shop.userinfo(tokens[0]["access_token"]).status_code == 200, "four grants are no four sign-ins"
    sign_in(api, clock, 3)
    assert browser.get("/account").location == "/login"
    assert shop.userinfo(tokens[0]["access_token"]).status_code == 401
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM logout_notice")).scalar() == 1


def test_nobody_elses_sessions_count(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    bob = api.register(BOB)["accessToken"]
    api.register(ADA)
    for host in range(1, 6):
        sign_in(api, clock, host)
    assert (open_count(app), alive(api, [bob])) == (3, [True])


def test_what_is_over_goes_before_what_is_used(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    """A browser that was unused for a week is over, although an API device that lives was used less lately."""
    device = api.register(ADA)
    clock.shift(DAY)
    other = BrowserDriver(app, api.outbox, "198.51.100.7")
    other.prove(ADA)
    clock.shift(8 * DAY)
    sign_in(api, clock, 1)
    sign_in(api, clock, 2)
    refreshed = api.post("refresh-token", {"refreshToken": device["refreshToken"]})
    assert refreshed.status_code == 200
    assert other.get("/account").location == "/login"


@pytest.mark.parametrize("most", [1, 2])
def test_proving_again_in_a_browser_ends_nobodys_session(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller, most: int
) -> None:
    """SES-04: its own session goes on, and takes no second place."""
    app = make_app(sessions_per_user=most)
    browser, shop = BrowserDriver(app, outbox), RelyingParty(app)
    browser.register(ADA)
    others = [ApiDriver(app, outbox).at("203.0.113.1").proven(ADA)["accessToken"] for _ in range(most - 1)]
    tokens = shop.sign_in(browser)
    for _ in range(2):
        clock.shift(60)
        browser.get("/account/confirm")
        browser.follow(browser.post("/account/confirm", {}))
        assert browser.enter(browser.code_sent_to(ADA)).location == "/account"
    assert shop.userinfo(tokens["access_token"]).status_code == 200
    assert alive(ApiDriver(app, outbox), others) == [True] * (most - 1)
    assert open_count(app) == most


def test_a_suspended_persons_code_ends_nothing(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    api.register(ADA)
    for host in (1, 2):
        sign_in(api, clock, host)
    clock.shift(60)
    api.send(ADA)
    with services_of(app).engine.begin() as connection:
        connection.execute(text('UPDATE "user" SET suspended_at = created_at'))
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 403
    assert open_count(app) == 3


def test_of_sign_ins_at_one_moment_no_more_stay_than_may_be_after_the_next(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """On PostgreSQL those of one moment do not see each other; whoever comes next does."""
    app = make_app(sessions_per_user=3)
    api = ApiDriver(app, outbox)
    api.register(ADA)
    ready = []
    for host in range(1, 9):
        device = api.at(f"198.51.100.{host}")
        sent = data_of(device.send(ADA))
        ready.append((device, sent["challengeId"], api.code_sent_to(ADA)))
    answers = in_parallel(
        [lambda one=one: one[0].login(ADA, one[2], challengeId=one[1]).status_code for one in ready]
    )
    assert answers == [200] * 8
    sign_in(api, clock, 1)
    assert open_count(app) == 3


def test_the_usual_sign_in_costs_no_statement_more(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    """Contract 8: six, and four more where something has to end."""

    def statements(host: int) -> int:
        clock.shift(60)
        device = api.at(f"203.0.113.{host}")
        sent = data_of(device.send(ADA))
        code = api.code_sent_to(ADA)
        with counted(services_of(app).engine) as cost:
            assert device.login(ADA, code, challengeId=sent["challengeId"]).status_code == 200
        return len(cost.statements)

    api.register(ADA)
    assert [statements(host) for host in (1, 2, 3)] == [6, 6, 10]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_count_does_not_grow_with_what_ended(
    app: Flask, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """Of somebody who signed in and out thousands of times the few open sessions are read."""
    browser = BrowserDriver(app, outbox)
    browser.register(ADA)
    engine = services_of(app).engine
    with engine.connect() as connection:
        query = select(Session.user_id)
        user_id = connection.execute(query).scalar_one()

    def most() -> int:
        clock.shift(60)
        with stepping(engine) as steps:
            assert browser.prove(ADA).location == "/account"
        (found,) = [count for statement, count in steps.items() if "is_full" in statement]
        return found

    before = most()
    now = utcnow()
    with engine.begin() as connection:
        ended = {"user_id": user_id, "client_id": "portal", "authenticated_at": now, "last_seen_at": now,
                 "expires_at": now + timedelta(days=1), "ended_at": now, "device": "Firefox/Windows"}  # fmt: skip
        connection.execute(insert(Session), [{"id": f"e{n}", **ended} for n in range(5_000)])
    assert most() < before + 100
