"""Audit logs for tests: events that happened, sealed and pruned as in a portal that has been running for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection, delete, insert, select, text

from auth_portal.db import utcnow
from auth_portal.models import Event, EventSeal, SealKey
from auth_portal.signin.events import OPERATOR, Actor, EventKind, forget_person, record
from auth_portal.signin.seal_report import Noted, Report, verify
from tests.conftest import services_of

ADA, BOB, GONE = "a" * 32, "b" * 32, "e" * 32
HOME = Actor("person", "192.0.2.0/24", "Firefox/Linux")
MINUTE, DAY = 60, 86_400
TABLES: tuple[Any, ...] = (Event, EventSeal, SealKey)
Row = dict[str, Any]


class AuditLog:
    """The audit log of a portal whose clock stands still."""

    def __init__(self, app: Flask, clock: time_machine.Traveller) -> None:
        services = services_of(app)
        self.engine, self.seals, self.clock = services.engine, services.seals, clock

    def happen(self, *kinds: EventKind, user_id: str | None = ADA, actor: Actor = HOME, **more: Any) -> None:
        """Let something happen, a second each."""
        for kind in kinds:
            with self.engine.begin() as connection:
                record(connection, kind, actor, user_id, **more)
            self.clock.shift(1)

    def forget(self, user_id: str) -> int:
        """Erase a person; how many events told of them."""
        with self.engine.begin() as connection:
            return forget_person(connection, user_id, utcnow())

    def seal(self) -> int:
        """Seal all that has happened, a minute and a bit later."""
        self.clock.shift(MINUTE + 1)
        return self.seals.seal()

    def verify(self, noted: str | None = None, *, after: int | None = None) -> Report:
        """The report; ``noted`` is a seal as the log has it."""
        seal_id, _, digest = (noted or "").partition(":")
        return verify(
            self.engine, self.seals.keys, Noted(int(seal_id), digest) if noted is not None else None, after=after
        )

    def fault(self, noted: str | None = None) -> str | None:
        """What kind of fault a verification finds."""
        found = self.verify(noted).fault
        return found.kind if found else None

    def rows(self, table: Any) -> list[Row]:
        """What a table holds, by id."""
        with self.engine.connect() as connection:
            return [row._asdict() for row in connection.execute(select(*table.__table__.columns).order_by(table.id))]

    def run(self, *statements: Any, **values: Any) -> None:
        """What somebody with access to the database does."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement) if isinstance(statement, str) else statement, values)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put all rows back afterwards."""
        kept = {table: self.rows(table) for table in TABLES}
        yield
        with self.engine.begin() as connection:
            for table, rows in kept.items():
                restore(connection, table, rows)


def restore(connection: Connection, table: Any, rows: list[Row]) -> None:
    """Make these rows the table's only ones."""
    connection.execute(delete(table))
    if rows:
        connection.execute(insert(table), rows)


def with_history(log: AuditLog) -> AuditLog:
    """Four seals under two keys, the first one pruned; somebody was erased; every column has been used."""
    log.happen("registered", user_id=GONE, facts={"channel": "email"})
    log.seal()
    log.clock.shift(300 * DAY)
    log.happen("signed_in", user_id=GONE, session_id="5" * 32, facts={"channel": "email"})
    log.happen("code_refused", outcome="refused", facts={"length": 4})
    log.seal()
    log.seals.keys.rotate(log.engine)
    log.happen("app_allowed", "app_withdrawn", client_id="an-app", facts={"scopes": ["openid"]})
    log.happen("client_changed", user_id=None, actor=OPERATOR, client_id="an-app")
    log.seal()
    log.clock.shift(80 * DAY)
    log.forget(GONE)
    log.happen("suspended", user_id=BOB, actor=OPERATOR)
    log.seal()
    assert log.seals.prune() == 1
    assert [row["pruned_at"] is not None for row in log.rows(EventSeal)] == [True, False, False, False]
    return log


@pytest.fixture
def log(clock: time_machine.Traveller, app: Flask) -> AuditLog:
    """An empty audit log; the clock stands still."""
    return AuditLog(app, clock)
