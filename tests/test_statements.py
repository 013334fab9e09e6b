"""What a sign-in costs the database: how many statements and commits, and that none of them reads a whole table."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event

from auth_portal.db import NO_BEGIN
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, wrong_code
from tests.rows import fill
from tests.support.letters import text_of
from tests.support.outboxes import Outboxes
from tests.support.smtp import MailSink

LIMITS_ON = {
    "sends_per_inbox_per_hour": 5,
    "sends_per_inbox_per_day": 20,
    "sends_per_source_per_hour": 100,
    "sms_per_range_per_hour": 20,
    "sms_per_site_per_day": 1_000,
}


@dataclass
class Cost:
    """What an engine did: the statements with their parameters, and how often something became durable."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counted(engine: Engine, *, in_background: bool = False) -> Iterator[Cost]:
    """Count what the engine does meanwhile; what is done in the background only if told so, for nobody waits for it.

    A written statement in autocommit is a commit of its own.
    """
    cost, own = Cost(), threading.get_ident()

    def execute(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if threading.get_ident() != own and not in_background:
            return
        if not statement.startswith("BEGIN"):
            cost.statements.append((statement, parameters))
        is_write = not statement.lstrip().upper().startswith(("SELECT", "BEGIN"))
        options = connection.get_execution_options()
        if is_write and (options.get("isolation_level") == "AUTOCOMMIT" or NO_BEGIN in options):
            cost.commits += 1

    def commit(_connection: Connection) -> None:
        cost.commits += threading.get_ident() == own

    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)
    try:
        yield cost
    finally:
        event.remove(engine, "before_cursor_execute", execute)
        event.remove(engine, "commit", commit)


@pytest.fixture
def warm_app(make_app: Callable[..., Flask], outbox: MailSink) -> Flask:
    """A portal with send limits that has its keys and its connections; ada@example.com is known to it."""
    return _warm(make_app(resend_after=0, **LIMITS_ON), outbox)


def _warm(app: Flask, outbox: MailSink) -> Flask:
    ApiDriver(app, outbox).register("ada@example.com")
    return app


def costs(app: Flask, act: Callable[[], Any], status: int) -> tuple[int, int]:
    """Statements and commits of one request, which must answer with this status."""
    with counted(services_of(app).engine) as cost:
        answer = act()
    assert answer.status_code == status, answer.text
    return len(cost.statements), cost.commits


def assert_within(cost: tuple[int, int], statements: int, commits: int) -> None:
    """Neither more nor nothing."""
    assert 1 <= cost[0] <= statements, f"{cost[0]} statements"
    assert cost[1] <= commits, f"{cost[1]} commits"


@pytest.mark.parametrize("limits", [{}, LIMITS_ON], ids=["limits_off", "limits_on"])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_json_send_and_a_resend_take_two_statements_and_one_commit(
    limits: dict[str, int], channel: str, make_app: Callable[..., Flask], outboxes: Outboxes
) -> None:
    app = make_app(resend_after=0, sms_url=outboxes.sms.setting, **limits)
    api = ApiDriver(app, outboxes, channel=channel)
    api.register("ada@example.com")

    for email in ("ada@example.com", "new@example.com", "new@example.com"):
        cost = costs(app, lambda email=email: api.send(email), 201)
        assert_within(cost, 2, 1)
        assert cost[1] == 1, "nothing was committed before the letter left"


@pytest.mark.parametrize("email", ["ada@example.com", "new@example.com"])
@pytest.mark.parametrize("names", [["challengeId"], []], ids=["with_handle", "without_handle"])
def test_a_json_verify_takes_six_statements_and_two_commits(
    email: str, names: list[str], warm_app: Flask, outbox: MailSink
) -> None:
    api = ApiDriver(warm_app, outbox)
    sent = data_of(api.send(email))
    handle = {name: sent[name] for name in names}
    code = api.code_sent_to(email)
    wrong = wrong_code(code)

    assert_within(costs(warm_app, lambda: api.login(email, wrong, **handle), 401), 2, 1)
    right = costs(warm_app, lambda: api.login(email, code, **handle), 200)
    assert_within(right, 6, 2)
    assert right[1] == 2, "the attempt is committed before the code is compared"
    assert_within(costs(warm_app, lambda: api.login(email, code, **handle), 401), 3, 2)


def test_a_guess_from_a_foreign_network_takes_three_statements(warm_app: Flask, outbox: MailSink) -> None:
    api = ApiDriver(warm_app, outbox)
    api.send("ada@example.com")
    wrong = wrong_code(api.code_sent_to("ada@example.com"))

    assert_within(costs(warm_app, lambda: api.at("192.0.2.9").login("ada@example.com", wrong), 401), 3, 2)


@pytest.mark.parametrize("email", ["ada@example.com", "new@example.com"])
def test_the_pages_cost_no_more_than_json(email: str, warm_app: Flask, outbox: MailSink) -> None:
    browser = BrowserDriver(warm_app, outbox)
    browser.get("/login")

    for _ in range(2):
        assert_within(costs(warm_app, lambda: browser.post("/login", {"email": email}), 303), 2, 1)
    browser.get("/login/code")
    code = browser.code_sent_to(email)
    wrong = wrong_code(code)
    # One more than JSON: for which app the code was asked for.
    assert_within(costs(warm_app, lambda: browser.enter(wrong), 401), 3, 1)
    # One more than JSON: a browser is remembered, or the next one is not known by its cookie (OTP-17).
    assert_within(costs(warm_app, lambda: browser.enter(code), 303), 7, 2)

    if email == "ada@example.com":
        browser.post("/login", {"email": email})
        code = browser.code_sent_to(email)
        assert_within(costs(warm_app, lambda: browser.enter(code), 303), 9, 4)


def sign_in_everywhere(app: Flask, outbox: MailSink) -> None:
    """Every statement of the hot path, and those of its refusals."""
    api = ApiDriver(app, outbox)
    first = api.register("known@example.com")
    second = data_of(api.post("refresh-token", {"refreshToken": first["refreshToken"]}))
    api.post("refresh-token", {"refreshToken": first["refreshToken"]})
    for email in ("known@example.com", "p7@example.com"):
        sent = data_of(api.send(email))
        api.send(email)
        code = api.code_sent_to(email)
        api.at("192.0.2.9").login(email, wrong_code(code))
        api.login(email, wrong_code(code), challengeId=sent["challengeId"])
        api.login(email, code)
    assert api.call("GET", "me", token=second["accessToken"]).status_code == 200
    api.call("PATCH", "me", {"firstName": "Augusta"}, token=second["accessToken"])
    assert api.call("GET", "sessions", token=second["accessToken"]).status_code == 200
    assert api.post("logout", token=second["accessToken"]).status_code == 200
    browser = BrowserDriver(app, outbox)
    browser.register("page@example.com")
    assert browser.get("/account").status_code == 200
    assert browser.get("/account/sessions").status_code == 200
    browser.post("/logout", {})
    browser.prove("page@example.com")
    browser.ask("page@example.com")
    browser.get("/login/code/state")
    for kind in ("link", "not-me"):
        address = text_of(outbox.sent_to("page@example.com")[-1])
        found = re.search(rf"/login/{kind}/[0-9a-f]+", address)
        assert found is not None
        browser.get(found[0])
        browser.post(found[0], {})


def flood(app: Flask, outbox: MailSink) -> None:
    """Ask for more codes than an inbox gets, and use the one that all share."""
    api = ApiDriver(app, outbox)
    for host in range(7):
        assert api.at(f"203.0.113.{host}").send("p9@example.com").status_code == 201
    assert api.at("203.0.113.6").login("p9@example.com", api.code_sent_to("p9@example.com")).status_code == 200


def plan(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """What the database means to do, line by line."""
    verb = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return [str(row[-1]) for row in connection.exec_driver_sql(f"{verb} {statement}", parameters)]


def whole_tables(lines: list[str]) -> list[str]:
    """The lines of a plan that read a whole table or index. The few signing keys may be read all."""
    found = [line for line in lines if "Seq Scan" in line or line.startswith("SCAN ")]
    # What a statement put together before, from indexes: one row, or no more of the site's than its budget.
    made = tuple(f"SCAN {name}" for name in ("asking", "ledger", "newest", "chosen", "failures", "waiting", "anon_1"))
    few = ("signing_key", "CONSTANT ROW")
    return [line for line in found if not line.startswith(made) and not any(name in line for name in few)]


def test_a_plan_that_reads_a_whole_table_is_noticed(make_app: Callable[..., Flask]) -> None:
    with services_of(make_app()).engine.connect() as connection:
        for table in ("challenge", "identifier", "session", "refresh_token"):
            assert whole_tables(plan(connection, f"SELECT count(*) FROM {table}", ())), table


def test_no_statement_of_a_sign_in_reads_a_whole_table(make_app: Callable[..., Flask], outbox: MailSink) -> None:
    app = make_app(resend_after=0, **LIMITS_ON)
    engine = services_of(app).engine
    fill(engine)

    with counted(engine, in_background=True) as cost:
        sign_in_everywhere(app, outbox)
        flood(app, outbox)
        services_of(app).background.wait()
        services_of(app).site_ledger.read_levels()

    statements = dict(cost.statements)
    seen = " ".join(statements)
    for table in ("challenge", "identifier", "session", "refresh_token", "registration", "send_limit", "user"):
        assert re.search(rf"\b{table}\b", seen), f"{table} was not used: this run is not complete"
    with engine.connect() as connection:
        slow = {
            statement: lines
            for statement, parameters in statements.items()
            if (lines := whole_tables(plan(connection, statement, parameters)))
        }
    assert slow == {}
