"""No statement takes longer with more users, on an SQLite that nobody ever ran ANALYZE on, as nobody does.

Counted are the steps of SQLite's virtual machine, which are the same however busy this computer is. A plan can read
much although it searches an index: all addresses of a channel, say, until the one of a person comes by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from tests.conftest import Made, services_of
from tests.rows import ROWS, fill
from tests.support.smtp import MailSink
from tests.test_event_statements import look_after_the_log
from tests.test_oauth_statements import visit_everything
from tests.test_statements import flood, sign_in_everywhere

GRAIN = 20
"""Steps between two looks at the count."""
MOST = ROWS // 2
"""Reading all rows of one table takes several steps for each; what was meant takes some hundred altogether."""


@contextmanager
def stepping(engine: Engine) -> Iterator[Counter[str]]:
    """The most steps that a statement took, fetching its rows included."""
    most, current = Counter[str](), ["", 0]

    def note() -> None:
        most[str(current[0])] = max(most[str(current[0])], int(current[1]))

    def step() -> int:
        current[1] = int(current[1]) + GRAIN
        return 0

    def begin(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        note()
        current[:] = [statement, 0]
        connection.connection.driver_connection.set_progress_handler(step, GRAIN)

    event.listen(engine, "before_cursor_execute", begin)
    try:
        yield most
    finally:
        event.remove(engine, "before_cursor_execute", begin)
        note()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("visit", [sign_in_everywhere, flood, visit_everything, look_after_the_log])
def test_no_statement_grows_with_the_users(
    visit: Callable[[Flask, MailSink], None], make_app: Made, outbox: MailSink
) -> None:
    app = make_app(resend_after=0, sends_per_inbox_per_hour=5, sends_per_inbox_per_day=20)
    engine = services_of(app).engine
    fill(engine, analyze=False)
    with engine.begin() as connection:  # an index that is read from its beginning meets all these before ours
        connection.execute(text("UPDATE identifier SET value = '0' || value WHERE length(value) > 14"))
    with stepping(engine) as most:
        visit(app, outbox)
        services_of(app).background.wait()
    assert len(most) > 10
    assert {statement: steps for statement, steps in most.items() if steps > MOST} == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_statement_that_reads_all_addresses_is_noticed(make_app: Made) -> None:
    engine = services_of(make_app()).engine
    fill(engine, analyze=False)
    with stepping(engine) as most, engine.connect() as connection:
        connection.execute(
            text("SELECT min(value) FROM identifier WHERE channel = 'email' AND +user_id = 'u3999'")
        ).all()
    assert max(most.values()) > MOST
