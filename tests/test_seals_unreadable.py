"""Rows that no portal writes end no verification: they are a fault like any other (OPS-02)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from auth_portal.db import utcnow
from auth_portal.models import Event
from tests.auditing import AuditLog, log, with_history

__all__ = ["log"]


@pytest.mark.parametrize("facts", [{}, {"events": 7}, {"events": [[]]}, [], "events", None])
def test_a_false_erasure_that_names_nothing_is_a_fault(log: AuditLog, facts: Any) -> None:
    with_history(log)
    row = {
        "id": "f" * 32,
        "happened_at": utcnow(),
        "kind": "erased",
        "outcome": "done",
        "actor": "portal",
        "network": "",
        "device": "",
        "facts": facts,
    }
    log.run(insert(Event).values(row))
    assert log.fault() == "unreadable"


@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000000"])
def test_a_time_at_the_end_of_all_times_is_sealed_and_read(log: AuditLog, moment: str) -> None:
    with_history(log)
    log.happen("signed_in")
    log.run("UPDATE event SET happened_at = :moment WHERE seal_id IS NULL", moment=moment)
    log.seal()
    log.happen("signed_in")
    log.seal()
    assert log.fault() is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01"])
@pytest.mark.parametrize("column", ["happened_at", "erased_at"])
def test_a_time_that_only_postgresql_knows_is_a_fault(log: AuditLog, moment: str, column: str) -> None:
    with_history(log)
    log.run(f"UPDATE event SET {column} = '{moment}' WHERE kind = 'app_allowed'")
    assert log.fault() == "unreadable"
