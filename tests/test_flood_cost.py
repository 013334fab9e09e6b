"""A flood of one address costs its owner no time: later sends and guesses do not read what is left of it (OTP-15)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, insert

from auth_portal import schema
from auth_portal.app import create_app
from auth_portal.db import utcnow
from auth_portal.models import Challenge
from tests.conftest import services_of, settings_for
from tests.drivers import ApiDriver
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
            api.at("192.0.2.9").login("ada@example.com", "0000")
            code = api.code_sent_to("ada@example.com")
            api.login("ada@example.com", f"{(int(code) + 1) % 10_000:04}")
            api.login("ada@example.com", code)
        return steps

    work()
    before = sum(work())
    bury(engine, user, 5_000)
    assert sum(work()) < 2 * before


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


def bury(engine: Engine, account: str, many: int) -> None:
    """Leave as many long codes, sent within the last day and over, as a flood makes."""
    then = utcnow() - timedelta(hours=1)
    rows = [
        {"id": f"f{n}", "account": account, "channel": "email", "destination": "ada@example.com", "network": "",
         "caller": f"network:10.0.{n // 250}.{n % 250}", "device": "", "device_id": None, "key_id": "k",
         "seed": f"s{n}", "code_length": 20, "attempts": 0, "attempts_allowed": 5, "foreign_attempts": 0,
         "foreign_allowed": 2, "send_count": 1, "created_at": then, "sent_at": then, "expires_at": then,
         "consumed_at": None, "approved_at": None}
        for n in range(many)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Challenge), rows)
