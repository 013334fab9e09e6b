"""What the upgrade does to registrations that wait: of several of an address one stays (migration 0004)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from auth_portal import schema
from auth_portal.db import engine_options
from tests.conftest import DATABASES


@pytest.fixture(params=DATABASES)
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the release before."""
    is_sqlite = request.param == "sqlite"
    postgres = None if is_sqlite else request.getfixturevalue("postgres")
    url = f"sqlite:///{tmp_path / 'portal.db'}" if is_sqlite else postgres.create_database("former_portal")
    engine = create_engine(engine_options(url, 1)[0])
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    yield engine
    engine.dispose()
    if not is_sqlite:
        postgres.drop_database("former_portal")


def insert(engine: Engine, row: str, destination: str, minute: int, completed: str = "NULL") -> None:
    """One registration of that release."""
    statement = f"""
        INSERT INTO registration (id, channel, destination, secret_hash, created_at, expires_at, completed_at)
        VALUES ('{row}', 'email', '{destination}', 'hash of {row}', '2026-05-22 16:{minute:02}:00',
                '2026-05-23 16:{minute:02}:00', {completed})"""
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_of_several_open_registrations_of_an_address_the_newest_stays(former: Engine) -> None:
    for row, minute in (("first", 1), ("third", 3), ("second", 2)):
        insert(former, row, "ada@example.com", minute)
    insert(former, "a", "bob@example.com", 1)
    insert(former, "b", "bob@example.com", 1)
    insert(former, "done", "ada@example.com", 4, completed="'2026-05-22 16:05:00'")

    schema.upgrade(former)

    with former.connect() as connection:
        kept = connection.execute(text("SELECT id, secret_hash, draft FROM registration ORDER BY id")).all()
    assert [tuple(row) for row in kept] == [
        ("b", "hash of b", None),
        ("done", "hash of done", None),
        ("third", "hash of third", None),
    ]
    insert(former, "again", "carol@example.com", 1)
    with pytest.raises(IntegrityError):
        insert(former, "twice", "carol@example.com", 1)
