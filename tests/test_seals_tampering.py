"""Whoever has the database and not SECRET_KEY: whatever they change of any sealed row, it is found (PRIV-11)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from auth_portal.db import utcnow
from auth_portal.models import Event, EventSeal, SealKey
from tests.auditing import ADA, TABLES, AuditLog, Row
from tests.conftest import services_of
from tests.tampering import log

__all__ = ["log"]


def other(value: Any) -> Iterator[Any]:
    """Values that are not this one, of the same type; and none at all."""
    if isinstance(value, datetime):
        yield from (value + timedelta(microseconds=1), value - timedelta(days=400))
    elif isinstance(value, str):
        yield from ("0" * 16, value[:-1] if value else "x")
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 1_000_000)
    elif isinstance(value, bytes):
        yield from (value[:-1], value[:60] + bytes([value[60] ^ 1]) + value[61:])
    elif isinstance(value, dict):
        yield from ({}, {**value, "more": 1})


FILL = {"facts": {"channel": "sms"}, "erased_at": timedelta(), "pruned_at": timedelta(), "seal_id": 1}
NOT_NULL = {column.key for table in TABLES for column in table.__table__.columns if not column.nullable}


def changes(row: Row) -> Iterator[tuple[str, Any]]:
    """Every column of a row with other values."""
    for name, value in row.items():
        for changed in other(value):
            # No two rows may have one id: that is what the databases see to.
            yield name, changed + 100 if name == "id" and isinstance(value, int) else changed
        if value is not None and name not in NOT_NULL:
            yield name, None
        if value is None:
            filled = FILL.get(name, "0" * 16)
            yield name, utcnow() + filled if isinstance(filled, timedelta) else filled


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.__tablename__))
def test_every_change_of_every_column_of_every_row_is_found(log: AuditLog, table: Any) -> None:
    missed, tried = [], 0
    for row in log.rows(table):
        for name, value in changes(row):
            tried += 1
            with log.undone():
                log.run(update(table).where(table.id == row["id"]).values({name: value}))
                if log.fault() is None:
                    missed.append((table.__tablename__, row["id"], name, value))
    assert missed == []
    assert tried > {Event: 150, EventSeal: 60, SealKey: 8}[table]
    assert log.fault() is None, "the test did not undo its changes"


def test_every_row_that_is_gone_is_missed(log: AuditLog) -> None:
    for table in TABLES:
        for row in log.rows(table):
            with log.undone():
                log.run(delete(table).where(table.id == row["id"]))
                assert log.fault() is not None, row


def test_every_event_that_is_slipped_into_a_seal_is_found(log: AuditLog) -> None:
    """New, or a copy of one that is there."""
    for row in log.rows(Event):
        for seal_id in (0, 1, 2, 3, 4, 5, -7):
            with log.undone():
                log.run(insert(Event).values({**row, "id": secrets.token_hex(16), "seal_id": seal_id}))
                fault = log.verify().fault
                assert fault is not None, seal_id
                assert fault.kind == ("event_added" if seal_id in (2, 3, 4) else "seals_missing")


def test_every_seal_that_is_slipped_in_is_found(log: AuditLog) -> None:
    for row in log.rows(EventSeal):
        for seal_id in (-(2**31), -1, 0, 5, 6, 2**31 - 1):
            with log.undone():
                log.run(insert(EventSeal).values({**row, "id": seal_id}))
                assert log.fault() is not None, seal_id


def test_no_two_events_can_exchange_anything(log: AuditLog) -> None:
    """Their order, their people, their digests, their seals."""
    sealed = [row for row in log.rows(Event) if row["erased_at"] is None]
    names = [name for name in sealed[0] if name != "erased_at"]
    tried = 0
    for number, one in enumerate(sealed):
        for another in sealed[number + 1 :]:
            for name in [name for name in names if one[name] != another[name]]:
                tried += 1
                with log.undone():
                    log.run(
                        delete(Event).where(Event.id.in_([one["id"], another["id"]])),
                        insert(Event).values([{**one, name: another[name]}, {**another, name: one[name]}]),
                    )
                    assert log.fault() is not None, (one["kind"], another["kind"], name)
    assert tried > 50


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE event SET happened_at = 'yesterday' WHERE kind = 'app_allowed'", "unreadable"),
        ("UPDATE event SET facts = '{' WHERE kind = 'app_allowed'", "unreadable"),
        ("UPDATE event SET kind = x'00ff' WHERE kind = 'app_allowed'", "event_changed"),
        ("UPDATE event SET digest = 7 WHERE kind = 'app_allowed'", "event_changed"),
        ("UPDATE event_seal SET sealed_at = 'now' WHERE id = 3", "unreadable"),
        ("UPDATE event_seal SET key_id = 'one' WHERE id = 3", "key_missing"),
        ("UPDATE event_seal SET digest = 'ş' WHERE id = 3", "seal_changed"),
        ("UPDATE event_seal SET event_count = 'many' WHERE id = 3", "unreadable"),
        ("UPDATE seal_key SET secret = 'no bytes'", "key_missing"),
        ("UPDATE seal_key SET secret = 7", "unreadable"),
    ],
)
def test_what_sqlite_keeps_in_any_column_ends_no_verification(log: AuditLog, statement: str, kind: str) -> None:
    log.run(statement)
    assert log.fault() == kind


def test_two_portals_of_one_database_agree(log: AuditLog, make_app: Any) -> None:
    """And a verification changes nothing."""
    before = [log.rows(table) for table in TABLES]
    other_log = AuditLog(make_app(), log.clock)
    assert (other_log.fault(), services_of(make_app()).seals.status().newest_id) == (None, 4)
    assert [log.rows(table) for table in TABLES] == before
    assert ADA in str(before)
