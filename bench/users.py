"""Fills a database with users 1 to N, whose addresses are user1@bench.example and so on.

In the portal each has signed in once before with such a device: what is measured is the sign-in of every day, not the
first one, which is told by a letter.

Works in bulk and past the programs: a million users take seconds. Identifiers are spread over their range, as
random ones are, so that look-ups by them touch the whole index.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import LiteralString

import psycopg

# Multiplying by an odd number modulo 2**32 gives every user a different, scattered number.
_NUMBERS_SQLITE = "WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ?) "
_ID_SQLITE = "printf('%08x', n * 2654435761 % 4294967296) || '000000000000000000000000'"
_ID_POSTGRESQL = "lpad(to_hex(mod(n * 2654435761, 4294967296)), 8, '0') || repeat('0', 24)"

_USER_COLUMNS = "id, first_name, last_name, locale, created_at, terms_accepted_at"
_SESSION_COLUMNS = "id, user_id, client_id, device, authenticated_at, last_seen_at, expires_at"
_PORTAL_SQLITE = (
    f'{_NUMBERS_SQLITE} INSERT INTO "user" ({_USER_COLUMNS})'
    f" SELECT {_ID_SQLITE}, 'Ada', 'Bench', 'tr', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000'"
    " FROM series",
    f"{_NUMBERS_SQLITE} INSERT INTO identifier (channel, value, user_id, verified_at)"
    f" SELECT 'email', 'user' || n || '@bench.example', {_ID_SQLITE}, '2026-01-01 00:00:00.000000'"
    " FROM series",
    f"{_NUMBERS_SQLITE} INSERT INTO session ({_SESSION_COLUMNS})"
    f" SELECT {_ID_SQLITE}, {_ID_SQLITE}, 'portal', '', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000',"
    " '2026-01-31 00:00:00.000000' FROM series",
)
_PORTAL_POSTGRESQL: tuple[LiteralString, ...] = (
    f"INSERT INTO \"user\" ({_USER_COLUMNS}) SELECT {_ID_POSTGRESQL}, 'Ada', 'Bench', 'tr', now(), now()"
    " FROM generate_series(1, %s::bigint) AS n",
    "INSERT INTO identifier (channel, value, user_id, verified_at)"
    f" SELECT 'email', 'user' || n || '@bench.example', {_ID_POSTGRESQL}, now()"
    " FROM generate_series(1, %s::bigint) AS n",
    f"INSERT INTO session ({_SESSION_COLUMNS})"
    f" SELECT {_ID_POSTGRESQL}, {_ID_POSTGRESQL}, 'portal', '', now(), now(), now()"
    " FROM generate_series(1, %s::bigint) AS n",
)
_FLOOR_SQLITE = (
    f"{_NUMBERS_SQLITE} INSERT INTO users (id, email) SELECT n, 'user' || n || '@bench.example' FROM series",
)
_FLOOR_POSTGRESQL: tuple[LiteralString, ...] = (
    "INSERT INTO users (id, email) SELECT n, 'user' || n || '@bench.example'"
    " FROM generate_series(1, %s::bigint) AS n",
)


def address(number: int) -> str:
    """Return the address of one of the users."""
    return f"user{number}@bench.example"


def fill_portal(database_url: str, users: int) -> None:
    """Put users with a proven address into the portal's migrated schema."""
    _fill(database_url, users, _PORTAL_SQLITE, _PORTAL_POSTGRESQL)


def fill_floor(database_url: str, users: int) -> None:
    """Put the same users into the floor's one table."""
    _fill(database_url, users, _FLOOR_SQLITE, _FLOOR_POSTGRESQL)


def _fill(database_url: str, users: int, on_sqlite: Sequence[str], on_postgresql: Sequence[LiteralString]) -> None:
    if not database_url.startswith("sqlite"):
        _fill_postgresql(database_url, users, on_postgresql)
        return
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        for pragma in ("busy_timeout = 60000", "foreign_keys = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        for statement in on_sqlite:
            connection.execute(statement, (users,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill_postgresql(database_url: str, users: int, statements: Sequence[LiteralString]) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no check of foreign keys row by row
        with connection.transaction():
            for statement in statements:
                connection.execute(statement, (users,))
        # What the server would do by itself in a minute, in the middle of a measurement.
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
