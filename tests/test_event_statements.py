"""What the audit log costs: reading a page of it, sealing, pruning, erasing; no whole table read for any of these."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask

from auth_portal.db import utcnow
from auth_portal.models import Event
from auth_portal.signin.event_log import Position
from auth_portal.signin.events import forget_person
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.rows import ROWS, SEALED, fill
from tests.support.smtp import MailSink
from tests.test_statements import costs, counted, plan, whole_tables


def look_after_the_log(app: Flask, outbox: MailSink) -> None:
    """Everything that is done with the log, but verifying it."""
    services, now = services_of(app), utcnow()
    browser = BrowserDriver(app, outbox)
    browser.register("page@example.com")
    newest = services.events.of_user("u7").events[0]
    place = Position(newest.happened_at, newest.id)
    for query in ("", f"?before={place}"):
        assert browser.get(f"/account/activity{query}").status_code == 200
    assert len(services.events.all(user_id="u7")) == 1
    assert 5 < len(services.events.all(since=now - timedelta(minutes=10), most=50)) < 20
    found = services.events.affected(now - timedelta(minutes=30), now + timedelta(minutes=1), "signed_in")
    assert 10 < len(found) < 50
    assert services.seals.status().waiting > SEALED
    assert services.seals.seal() >= 2 * SEALED - 1
    assert services.seals.prune(even_broken=True) == 50
    with services.engine.begin() as connection:
        assert forget_person(connection, "u999", now) == 1


def test_no_statement_of_the_log_reads_a_whole_table(make_app: Made, outbox: MailSink) -> None:
    app = make_app()
    engine = services_of(app).engine
    fill(engine)
    with counted(engine) as cost:
        look_after_the_log(app, outbox)
    about = {statement: values for statement, values in cost.statements if re.search(r"\bevent", statement)}
    assert len(about) > 12
    slow = {}
    with engine.connect() as connection:
        for statement, values in about.items():
            one = values[0] if isinstance(values, list) else values
            lines = [] if statement.startswith("INSERT") else whole_tables(plan(connection, statement, one))
            # An index of those few that wait to be sealed.
            slow[statement] = [line for line in lines if "ix_event_unsealed" not in line]
    assert {statement: lines for statement, lines in slow.items() if lines} == {}


def test_a_page_of_activity_takes_two_statements_on_each_door(app: Flask, outbox: MailSink) -> None:
    """The session with its person, and the events."""
    api, browser = ApiDriver(app, outbox), BrowserDriver(app, outbox)
    token = api.register()["accessToken"]
    browser.register("page@example.com")
    assert costs(app, lambda: api.call("GET", "me/activity", token=token), 200) == (2, 0)
    assert costs(app, lambda: browser.get("/account/activity"), 200) == (2, 0)


def test_the_rows_of_this_test_are_as_many_as_it_needs(make_app: Made) -> None:
    app = make_app()
    fill(services_of(app).engine, analyze=False)
    with services_of(app).engine.connect() as connection:
        count = len(connection.execute(Event.__table__.select().where(Event.seal_id.is_(None))).all())
    assert (count, services_of(app).seals.status().newest_id) == (2 * SEALED, ROWS // SEALED - 2)
