"""A database that is lost in the middle of a request: PostgreSQL stops, SQLite's disk is full (OPS-05, OPS-07).

Between requests, and as a lock that is held too long, see ``test_outage``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import Engine, create_engine, event
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from auth_portal.db import configure_engine, engine_options
from tests.conftest import environment, services_of, settings_for, unavailable
from tests.drivers import outcome
from tests.faults import (
    Kill,
    Stage,
    by_json,
    by_json_form,
    by_link,
    by_page,
    by_page_form,
    guess,
    seen,
    send_by_json,
    send_by_page,
    wait_until,
)
from tests.support.faulty_portal import FaultyPortal, RemoteApp, holding
from tests.support.postgres import PostgresServer
from tests.support.smtp import MailSink

AWAY, AWAY_PAGE = (503, "service_unavailable"), (503, "Back in a moment")
ATTEMPTS = 5
THREADS = 12
MOST_TRIES = 20


@pytest.fixture(scope="module")
def stage(postgres: PostgresServer) -> Iterator[Stage]:
    """A portal of one worker with many threads on PostgreSQL, which runs again at the end."""
    if not postgres.can_restart:
        unavailable("the server of TEST_POSTGRES_URL is not ours to stop")
    url = postgres.create_database("faults")
    real, options = engine_options(url, 1)
    engine = create_engine(real, **options)
    configure_engine(engine)
    with MailSink() as sink, FaultyPortal(environment(url, sink.url, worker_threads=THREADS), THREADS) as portal:
        yield Stage(RemoteApp(portal), sink, engine)
    engine.dispose()
    postgres.start()
    postgres.drop_database("faults")


Make = Callable[[Stage, str], Kill]
LOST_BETWEEN: dict[str, tuple[Make, str, tuple[int, str], tuple[int, str]]] = {
    # the request, the step before which the database is lost, what is told, what the same request says afterwards
    "json send": (send_by_json, "COMMIT", AWAY, (201, "")),
    "page send": (send_by_page, "INSERT challenge", AWAY_PAGE, (303, "/login/code")),
    "sent": (send_by_json, "SMTP letter", (201, ""), (409, "resend_too_soon")),
    "guess": (by_json, "UPDATE challenge", AWAY, (200, "")),
    "counted guess": (by_json, "compare", AWAY, (200, "")),
    "consume": (by_page, "COMMIT", AWAY_PAGE, (303, "/register")),
    "link": (by_link, "COMMIT", AWAY_PAGE, (303, "/register")),
    "registration": (by_json_form, "COMMIT", AWAY, (201, "")),
    "signed in": (by_page, "answer", (303, "/register"), (303, "/register")),
}


def test_postgresql_that_stops_between_two_statements_is_told_and_costs_nobody_a_code_or_a_guess(
    stage: Stage, postgres: PostgresServer
) -> None:
    """OPS-05, OTP-05, OTP-08: what was committed is kept, what was not is done again with the same code."""
    kills = {name: make(stage, stage.person()) for name, (make, *_) in LOST_BETWEEN.items()}
    with ThreadPoolExecutor(len(kills)) as pool, holding() as (port, wait):
        answers: dict[str, Future[TestResponse]] = {}
        for name, (_make, step, _told, _then) in LOST_BETWEEN.items():
            stage.app.order = f"hold:{port} {step}"
            answers[name] = pool.submit(kills[name].act)
            wait()
        letters = len(stage.sink.messages)
        postgres.stop("immediate")
    told = {name: answer.result() for name, answer in answers.items()}
    assert {name: seen(kills[name], answer) for name, answer in told.items()} == {
        name: expected for name, (_make, _step, expected, _then) in LOST_BETWEEN.items()
    }
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in told.values() if answer.status_code == 503)
    assert len(stage.sink.messages) == letters + 1, "only what was committed is sent"

    postgres.start()
    wait_until(lambda: stage.api.call("GET", "/readyz").status_code == 200, "ready again")
    assert {name: stage.attempts(kill.email) for name, kill in kills.items() if "guess" in name} == {
        "guess": 0,
        "counted guess": 1,
    }
    assert {name: seen(kill, kill.again()) for name, kill in kills.items()} == {
        name: then for name, (_make, _step, _told, then) in LOST_BETWEEN.items()
    }
    for name in ("counted guess", "consume", "link", "signed in"):
        assert stage.count("registration", kills[name].email) == 1, name
    assert outcome(stage.api.login(kills["sent"].email, stage.code(kills["sent"].email))) == (200, None)


def test_a_letter_that_fails_while_postgresql_is_away_is_sent_again_after_the_announced_wait(
    stage: Stage, postgres: PostgresServer
) -> None:
    """OTP-15: the challenge could not be withdrawn, so it counts as sent; its code is the one that comes later."""
    kill = send_by_json(stage, stage.person())
    with ThreadPoolExecutor(1) as pool, holding() as (port, wait):
        stage.app.order = f"hold:{port} SMTP MAIL"
        answer = pool.submit(kill.act)
        wait()
        postgres.stop("immediate")
        stage.sink.fault = "reject_5xx"
    assert seen(kill, answer.result()) == AWAY
    stage.sink.fault = None
    postgres.start()
    wait_until(lambda: stage.api.call("GET", "/readyz").status_code == 200, "ready again")

    assert seen(kill, kill.act()) == (409, "resend_too_soon")
    stage.later()
    assert seen(kill, kill.act()) == (201, "")
    assert outcome(stage.api.login(kill.email, stage.code(kill.email))) == (200, None)


class Disk:
    """The disk of a SQLite file: once it is full, the file cannot grow by a single page."""

    def __init__(self, engine: Engine) -> None:
        self.is_full = False
        event.listen(engine, "checkout", self._limit)

    def _limit(self, connection: sqlite3.Connection, *_rest: object) -> None:
        # SQLite does not go below the present size: one page means as many as there are.
        connection.execute(f"PRAGMA max_page_count={1 if self.is_full else 2**30}")

    def fail(self, prepare: Callable[[], Kill]) -> Kill:
        """Make a request that has no room left: the first few may still find some in the file's last pages."""
        for _ in range(MOST_TRIES):
            kill = prepare()
            self.is_full = True
            answer = kill.act()
            self.is_full = False
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                assert seen(kill, answer) in (AWAY, AWAY_PAGE)
                return kill
        raise AssertionError("a full disk stopped nobody")


@pytest.fixture
def small(new_database: Callable[[str], str], outbox: MailSink) -> Iterator[Stage]:
    """A portal on a SQLite file of small pages, so that hardly a row fits into what is there."""
    url = new_database("sqlite")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        for pragma in ("journal_mode=DELETE", "page_size=512", "journal_mode=WAL"):
            connection.execute(f"PRAGMA {pragma}")
            connection.execute("VACUUM")
    app = create_app(settings_for(url, outbox.url))
    yield Stage(app, outbox, services_of(app).engine)
    services_of(app).background.wait()
    services_of(app).engine.dispose()


@pytest.fixture
def disk(small: Stage) -> Disk:
    """The disk of that file."""
    return Disk(small.engine)


@pytest.mark.parametrize("make", [send_by_json, send_by_page])
def test_a_full_disk_at_a_send_brings_no_letter_and_is_told(make: Make, small: Stage, disk: Disk) -> None:
    """OPS-05: no letter without a challenge, no challenge without a letter."""
    kill = disk.fail(lambda: make(small, small.person()))

    assert small.sink.sent_to(kill.email) == []
    assert small.rows("SELECT count(*) FROM challenge WHERE destination = :email", email=kill.email) == [(0,)]
    assert kill.again().status_code in (201, 303)
    assert len(small.sink.sent_to(kill.email)) == 1


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("make", [by_json, by_page])
def test_a_full_disk_at_a_verify_evaluates_no_guess_that_is_not_counted_and_leaves_the_code_good(
    make: Make, is_known: bool, small: Stage, disk: Disk
) -> None:
    """OPS-05, OTP-08: counting a guess needs no room, what it opens does. Each try costs one, as always."""
    table = "session" if is_known else "registration"
    kill = disk.fail(lambda: make(small, small.person(is_known)))
    assert small.attempts(kill.email) == 1
    disk.is_full = True
    told = [guess(small, kill, step).again().status_code for step in (1, 2)]
    assert kill.again().status_code == 503
    disk.is_full = False

    assert told.count(401) <= small.attempts(kill.email) - 1 <= ATTEMPTS - 2
    assert small.count(table, kill.email) == 0
    assert kill.again().status_code in (200, 303)
    kill.again()
    assert small.count(table, kill.email) == 1


@pytest.mark.parametrize("make", [by_json_form, by_page_form])
def test_a_full_disk_at_a_registration_keeps_the_proof(make: Make, small: Stage, disk: Disk) -> None:
    """OPS-05: the person sends the form again; there is one user at the end, and none before."""
    kill = disk.fail(lambda: make(small, small.person()))

    users = "SELECT count(*) FROM identifier WHERE value = :email"
    assert small.rows(users, email=kill.email) == [(0,)]
    assert kill.again().status_code in (201, 303)
    assert small.rows(users, email=kill.email) == [(1,)]
