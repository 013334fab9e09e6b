"""A flood of one address costs its owner no time: later sends and guesses do not read what is left of it (OTP-15)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, insert

from auth_portal import schema
from auth_portal.app import create_app
from auth_portal.db import utcnow
from auth_portal.models import Challenge
from tests.conftest import services_of, settings_for
from tests.drivers import ApiDriver, data_of, wrong_code
from tests.support.letters import text_of
from tests.support.smtp import MailSink


def test_a_flood_of_an_address_makes_no_later_send_or_guess_dearer(tmp_path: Path, outbox: MailSink) -> None:
    """OTP-15: SQLite's own instructions are counted, before and after 5,000 more codes for the same account."""
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'portal.db'}", outbox.url, resend_after=0))
    engine = services_of(app).engine
    schema.upgrade(engine)
    api = ApiDriver(app, outbox)
    user = api.register("ada@example.com")["user"]["id"]

    def work() -> list[int]:
        steps: list[int] = []
        with instructions(engine, steps):
            api.send("ada@example.com")
            code = api.code_sent_to("ada@example.com")
            api.at("192.0.2.9").login("ada@example.com", wrong_code(code))
            api.login("ada@example.com", wrong_code(code))
            api.login("ada@example.com", code)
        return steps

    work()
    before = sum(work())
    bury(engine, user, 5_000)
    assert sum(work()) < 2 * before


def test_however_many_share_a_code_using_it_costs_the_same(tmp_path: Path, outbox: MailSink) -> None:
    """OTP-15, OTP-20: asking for it, guessing at it, its link, stopping it, and entering it."""
    app = create_app(
        settings_for(f"sqlite:///{tmp_path / 'portal.db'}", outbox.url, resend_after=0, sends_per_inbox_per_hour=1)
    )
    engine = services_of(app).engine
    schema.upgrade(engine)
    ApiDriver(app, outbox, "203.0.113.1").send("ada@example.com")

    def work(number: int, many: int) -> int:
        steps: list[int] = []
        owner = ApiDriver(app, outbox, f"203.0.114.{number}")
        first = data_of(owner.send("ada@example.com"))["challengeId"]
        bury(engine, "somebody", many, seed=first, expires_at=utcnow() + timedelta(minutes=9))
        code = owner.code_sent_to("ada@example.com")
        stop = text_of(outbox.sent_to("ada@example.com")[-1]).partition("http://127.0.0.1:8000")[2].split()[0]
        with instructions(engine, steps):
            late = ApiDriver(app, outbox, f"203.0.115.{number}")
            late.send("ada@example.com")
            late.login("ada@example.com", f"{int(code) ^ 1:020}")
            ApiDriver(app, outbox, "192.0.2.9").login("ada@example.com", f"{int(code) ^ 1:020}")
            app.test_client().get(stop)
            assert owner.login("ada@example.com", code).status_code == 200
        return sum(steps)

    work(1, 0)
    assert work(2, 5_000) < 2 * work(3, 0)


@contextmanager
def instructions(engine: Engine, steps: list[int]) -> Iterator[None]:
    """Count, in hundreds, the instructions that SQLite carries out on this engine's connections."""

    def watch(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(lambda: steps.append(1) and None, 100)

    event.listen(engine, "checkout", watch)
    try:
        yield
    finally:
        event.remove(engine, "checkout", watch)


def bury(
    engine: Engine, account: str, many: int, seed: str | None = None, expires_at: datetime | None = None
) -> None:
    """Leave as many long codes as a flood makes: sent within the last day and over, unless said otherwise."""
    then, run = utcnow() - timedelta(hours=1), secrets.token_hex(4)
    rows = [
        {"id": f"{run}{n}", "account": account, "channel": "email", "destination": "ada@example.com", "network": "",
         "caller": f"network:10.0.{n // 250}.{n % 250}", "device": "", "device_id": None, "key_id": "k",
         "seed": seed or f"s{n}", "code_length": 20, "attempts": 0, "attempts_allowed": 5, "foreign_attempts": 0,
         "foreign_allowed": 2, "loose_attempts": 0, "send_count": 1, "created_at": then, "sent_at": then,
         "expires_at": expires_at or then, "consumed_at": None, "approved_at": None}
        for n in range(many)
    ]  # fmt: skip
    with engine.begin() as connection:
        if rows:
            connection.execute(insert(Challenge), rows)
