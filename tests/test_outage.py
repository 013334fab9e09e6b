"""A database, a worker or a lock that goes away: what callers are told meanwhile, and what comes back by itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auth_portal import db as database
from auth_portal.app import create_app
from tests.conftest import environment, services_of, settings_for, unavailable
from tests.drivers import ApiDriver, BrowserDriver
from tests.faults import wait_until
from tests.support import smtp_session
from tests.support.api import Answer, Api, in_parallel
from tests.support.portal import PortalProcess
from tests.support.postgres import PostgresServer, StopMode
from tests.support.smtp import MailSink, code_in

NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}


def register(api: Api, sink: MailSink, email: str) -> dict[str, Any]:
    """The data of a new person's registration, and the ``code`` that was used."""
    assert api.send_code(email).status == 201
    code = code_in(sink.sent_to(email)[-1])
    proven = api.login(email, code)
    headers = {"Authorization": f"Bearer {proven.data['registrationToken']}"}
    answer = api.post("/api/v1/auth/complete-registration", NAMES, headers)
    assert answer.status == 201, answer.body
    return {**answer.data, "code": code, "email": email}


def me(api: Api, person: dict[str, Any]) -> Answer:
    """Ask who is signed in."""
    return api.get("/api/v1/auth/me", {"Authorization": f"Bearer {person['accessToken']}"})


def assert_unavailable(answer: Answer) -> None:
    """The contract's 503."""
    assert answer.status == 503, answer.body
    assert answer.json["errors"] == ["Service unavailable"]
    assert (answer.json["isSuccess"], answer.json["statusCode"], answer.data) == (False, 503, None)
    assert answer.error_code == "service_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture(scope="module")
def relay() -> Iterator[MailSink]:
    """A relay for the portals of this file."""
    with MailSink() as sink:
        yield sink


@pytest.fixture
def stoppable(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The PostgreSQL server, which runs again after the test."""
    if not postgres.can_restart:
        unavailable("the server of TEST_POSTGRES_URL is not ours to stop")
    yield postgres
    postgres.start()


@pytest.fixture(scope="module")
def portal(postgres: PostgresServer, relay: MailSink) -> Iterator[PortalProcess]:
    """A portal of two workers on PostgreSQL."""
    with PortalProcess(environment(postgres.create_database("outage"), relay.url), workers=2) as process:
        yield process
    postgres.drop_database("outage")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_while_postgresql_is_away_everybody_is_told_so_and_afterwards_all_goes_on(
    mode: StopMode, portal: PortalProcess, relay: MailSink, stoppable: PostgresServer
) -> None:
    workers = portal.pids()
    with Api(portal.url) as api:
        person = register(api, relay, f"{mode}@example.com")
        bodies = {
            "send-otp-email": {"email": "new@example.com"},
            "login-otp-email": {"email": "new@example.com", "code": "0000"},
            "refresh-token": {"refreshToken": person["refreshToken"]},
        }
        stoppable.stop(mode)
        calls = [lambda path=path, body=body: api.post(f"/api/v1/auth/{path}", body) for path, body in bodies.items()]
        calls = [*calls, lambda: me(api, person)] * 4

        for answer in in_parallel(calls):
            assert isinstance(answer, Answer)
            assert_unavailable(answer)
        page = api.get("/account", {"Accept": "text/html", "Cookie": f"portal-session={'a' * 43}"})
        assert (page.status, page.headers.get_content_type()) == (503, "text/html")
        assert int(page.headers["Retry-After"]) > 0
        assert api.get("/healthz").status == 200
        ready = api.get("/readyz")
        assert (ready.status, ready.json["status"]) == (503, "database unavailable")

        stoppable.start()
        wait_until(lambda: api.get("/readyz").status == 200, "ready again")
        wait_until(lambda: _all_ok(api, person), "every pooled connection works again")
        assert api.login(person["email"], person["code"]).status == 401, "a used code works again"
        refreshed = api.post("/api/v1/auth/refresh-token", bodies["refresh-token"])
        assert refreshed.status == 200
        register(api, relay, f"after-{mode}@example.com")
    assert portal.pids() == workers, "a process of the portal was replaced"


def _all_ok(api: Api, person: dict[str, Any]) -> bool:
    answers = in_parallel([lambda: me(api, person)] * 40)
    return all(isinstance(answer, Answer) and answer.status == 200 for answer in answers)


def test_a_restart_under_load_never_costs_more_than_503(
    portal: PortalProcess, relay: MailSink, stoppable: PostgresServer
) -> None:
    found: set[int | str] = set()
    over = threading.Event()
    with Api(portal.url) as api:
        person = register(api, relay, "busy@example.com")

        def ask() -> None:
            number = 0
            while not over.is_set():
                number += 1
                email = f"load{threading.get_ident()}-{number}@example.com"
                sent = api.send_code(email)
                # So many wrong codes make the next ones longer; one of another length is no guess.
                code = "0" * sent.data["codeLength"] if sent.status == 201 else "0000"
                guess = api.login(email if sent.status == 201 else "nobody@example.com", code)
                for answer in (me(api, person), sent, guess):
                    found.add(answer.status)
                    if answer.status == 503:
                        assert_unavailable(answer)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for mode in ("fast", "immediate"):
            stoppable.stop(mode)
            wait_until(lambda: 503 in found, "the outage was noticed")
            found.discard(503)
            stoppable.start()
            wait_until(lambda: api.get("/readyz").status == 200, "ready again")
        over.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: _all_ok(api, person), "every pooled connection works again")

    assert found - {200, 201, 401, 503} == set()
    assert {200, 201, 401} <= found


def test_a_portal_that_starts_before_its_database_works_once_that_is_there(
    relay: MailSink, stoppable: PostgresServer, portal: PortalProcess
) -> None:
    stoppable.stop()
    with PortalProcess(portal.env, migrate=False) as early, Api(early.url) as api:
        assert api.get("/readyz").status == 503
        assert_unavailable(api.send_code("early@example.com"))
        stoppable.start()
        wait_until(lambda: api.get("/readyz").status == 200, "ready")
        assert register(api, relay, "early@example.com")["user"]["email"] == "early@example.com"


def test_a_restart_between_two_requests_is_not_noticed_by_an_idle_pool(
    stoppable: PostgresServer, new_database: Callable[[str], str], outbox: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PING_AFTER_IDLE_S", 0.0)  # every pause is a long one
    app = create_app(settings_for(new_database("postgresql"), outbox.url))
    engine, api = services_of(app).engine, ApiDriver(app, outbox)
    held = [engine.connect() for _ in range(4)]
    for connection in held:
        connection.close()

    stoppable.restart("fast")

    assert [api.send(f"idle{number}@example.com").status_code for number in range(6)] == [201] * 6
    engine.dispose()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux tells")
def test_connections_to_postgresql_give_a_silent_network_up_within_seconds(
    new_database: Callable[[str], str], outbox: MailSink
) -> None:
    engine = services_of(create_app(settings_for(new_database("postgresql"), outbox.url))).engine
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as tcp:
            unanswered_ms = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            idle_s = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    engine.dispose()

    assert 0 < unanswered_ms <= 10_000, "0 is the system's default: up to a quarter of an hour"
    assert idle_s <= 10


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Another process holds the write lock of this SQLite file."""
    program = """if True:
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        print("locked", flush=True)
        sys.stdin.read()
        connection.close()"""
    command = [sys.executable, "-c", program, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        assert locker.stdout.readline().strip() == b"locked"
        yield
        locker.communicate(timeout=10)
    assert locker.returncode == 0


def test_a_sqlite_file_locked_for_too_long_is_503_and_not_500(
    new_database: Callable[[str], str], outbox: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 100)
    url = new_database("sqlite")
    app = create_app(settings_for(url, outbox.url))
    api = ApiDriver(app, outbox)
    person = api.register("ada@example.com")
    browser = BrowserDriver(app, outbox)
    browser.get("/login")

    with locked(url.removeprefix("sqlite:///")):
        refused = [
            api.send("eve@example.com"),
            api.login("ada@example.com", "0000"),
            api.post("refresh-token", {"refreshToken": person["refreshToken"]}),
        ]
        page = browser.post("/login", {"email": "eve@example.com"})
        assert api.call("GET", "/healthz").status_code == 200
        # Readers of a WAL never wait for a writer.
        assert api.call("GET", "me", token=person["accessToken"]).status_code == 200

    for answer in refused:
        assert (answer.status_code, answer.json and answer.json["errors"]) == (503, ["Service unavailable"])
        assert int(answer.headers["Retry-After"]) > 0
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert outbox.sent_to("eve@example.com") == []
    assert api.send("eve@example.com").status_code == 201
    services_of(app).engine.dispose()


@pytest.fixture
def file_portal(relay: MailSink, tmp_path: Path) -> Iterator[PortalProcess]:
    """A portal of two workers on SQLite."""
    with PortalProcess(environment(f"sqlite:///{tmp_path / 'portal.db'}", relay.url), workers=2) as process:
        yield process


def test_killed_workers_are_replaced_and_what_was_committed_is_still_there(
    file_portal: PortalProcess, relay: MailSink
) -> None:
    master, *workers = file_portal.pids()
    with Api(file_portal.url) as api:
        person = register(api, relay, "survivor@example.com")
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(file_portal.pids()) - {master, *workers}) == 2, "two new workers")

    with Api(file_portal.url) as api:
        assert _all_ok(api, person)
        assert api.login(person["email"], person["code"]).status == 401
        assert api.post("/api/v1/auth/refresh-token", {"refreshToken": person["refreshToken"]}).status == 200
    assert file_portal.pids()[0] == master


def test_a_graceful_stop_lets_a_request_in_flight_finish(
    file_portal: PortalProcess, relay: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_session, "SLOWNESS", 0.5)
    monkeypatch.setattr(relay, "fault", "slow_reply")
    before, answers = relay.connections, []
    with Api(file_portal.url) as api:
        thread = threading.Thread(target=lambda: answers.append(api.send_code("patient@example.com")))
        thread.start()
        wait_until(lambda: relay.connections > before, "the relay is being talked to")
        in_flight = thread.is_alive()
        file_portal.stop()
        thread.join()

    assert in_flight
    assert [answer.status for answer in answers] == [201]
    assert len(relay.sent_to("patient@example.com")) == 1
    with pytest.raises(OSError, match="refused"), Api(file_portal.url) as api:
        api.get("/healthz")
