"""How long things are kept: the document, the rules, and what the clock does to them (PRIV-04)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from auth_portal.db import Model, utcnow
from auth_portal.models import (
    AuthorizationCode,
    Challenge,
    Consent,
    DeviceCode,
    Identifier,
    IdentifierChange,
    KnownDevice,
    PairwiseSubject,
    PendingRequest,
    RefreshToken,
    Registration,
    SendLimit,
    Session,
    User,
)
from auth_portal.settings import ROOT, Settings
from auth_portal.signin import retention
from auth_portal.signin.changes import UNDO_TTL
from auth_portal.signin.devices import DEVICE_TTL
from tests.leaving import Life
from tests.support.smtp import MailSink

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LIMITS = {"sends_per_inbox_per_hour": 5, "sends_per_inbox_per_day": 20, "sends_per_source_per_hour": 100}
AGES: dict[timedelta, tuple[Any, ...]] = {
    DAY: (
        PendingRequest.id,
        AuthorizationCode.code_hash,
        DeviceCode.device_hash,
        func.nullif(Challenge.destination, ""),
    ),
    2 * DAY: (Registration.id,),
    3 * DAY: (IdentifierChange.id,),
    60 * DAY: (RefreshToken.token_hash, Session.id),
    400 * DAY: (KnownDevice.id, Challenge.id),
}
"""How old the rows of a table get, give or take the minutes that codes live."""
STAYS = (User.id, Identifier.value, Consent.scope, PairwiseSubject.subject)


def documented() -> dict[str, str]:
    """How long the document says that each table is kept."""
    text = (ROOT / "docs" / "accounts.md").read_text("utf-8")
    section = text.partition("## How long things are kept")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (.*) \| .* \|$", section, re.MULTILINE)
    return {name: kept for names, kept in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_document_says_of_every_table_how_long() -> None:
    assert sorted(documented()) == sorted(Model.metadata.tables)


def test_the_document_says_what_the_rules_do() -> None:
    kept = documented()
    fields = Settings.model_fields
    assert f"{retention.KEEP_SESSIONS.days} days" in kept["session"]
    assert kept["refresh_token"] == kept["session"]
    assert f"{retention.KEEP_REGISTRATIONS.days} day " in kept["registration"]
    assert f"{retention.KEEP_CODES.days} day " in kept["authorization_code"]
    assert f"{retention.KEEP_CHALLENGES.days} day " in kept["challenge"]
    assert f"{retention.KEEP_FAILURES.days} days" in kept["challenge"]
    assert f"{DEVICE_TTL.days} days" in kept["known_device"]
    assert f"{UNDO_TTL.days} days" in kept["identifier_change"]
    assert f"{fields['events_kept'].default.days} days" in kept["event"]


def rows_of(life: Life, column: Any) -> int:
    """How many rows have something in this column."""
    with life.engine.connect() as connection:
        return int(connection.execute(select(func.count(column))).scalar_one())


def test_each_kind_of_row_vanishes_when_its_time_is_over(
    make_app: Callable[..., Flask], outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """PRIV-04: none sooner, none much later; and what makes up the account stays."""
    life = Life(make_app(**LIMITS), outbox, clock)
    with life.engine.begin() as connection:
        connection.execute(update(IdentifierChange).values(undo_until=utcnow() + UNDO_TTL))
    start = utcnow()
    assert rows_of(life, SendLimit.key) > 0
    for age, columns in AGES.items():
        clock.move_to(start + age - 5 * MINUTE)
        retention.prune(life.engine, life.services.seals)
        assert [str(column) for column in columns if rows_of(life, column) == 0] == [], "gone too soon"
        clock.move_to(start + age + 11 * MINUTE)
        retention.prune(life.engine, life.services.seals)
        assert [str(column) for column in columns if rows_of(life, column) > 0] == [], "there too long"
    # Buckets are empty sooner the less was in them.
    assert rows_of(life, SendLimit.key) == 0
    assert [rows_of(life, column) > 0 for column in STAYS] == [True] * len(STAYS)
