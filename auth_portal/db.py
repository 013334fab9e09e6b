"""The database: Flask-SQLAlchemy's instance, engine options, column types and the clock.

Owns how we connect and begin; knows no table. Traps and their measurements are in docs/architecture.md.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, Row, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

UNAVAILABLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
"""What SQLAlchemy raises when the database is away, locked for too long, or the pool is used up."""

CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of requests and nodes may be apart. What lies further in the future was written before the
clock was set back."""

AnyRow = Row[*tuple[Any, ...]]
"""A result row, whatever its columns."""

NO_BEGIN = "auth_portal_no_begin"
"""Execution option, see ``autocommit``."""
_BUSY_TIMEOUT_MS = 5_000
_CONNECT_TIMEOUT_S = 3
_STATEMENT_TIMEOUT_MS = 5_000
_SILENCE_TIMEOUT_MS = 5_000
_PING_AFTER_IDLE_S = 2.0


class Model(DeclarativeBase):
    """Base of all tables. Constraint names are fixed so that a migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Model, disable_autonaming=True)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database. SQLite drops time zones, so they are put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values: a time without a zone is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every value back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def utcnow() -> datetime:
    """Now, aware, in UTC: the portal's only clock."""
    return datetime.now(UTC)


def engine_options(database_url: str, threads: int) -> tuple[str, dict[str, Any]]:
    """SQLAlchemy's URL and engine options for a ``DATABASE_URL`` of ours.

    PostgreSQL gets psycopg 3, a pool as large as the worker's threads, and time-outs that turn a slow statement,
    a dead host or a silent network into 503 within seconds (not a server process frozen on a living host).
    The drivers commit by themselves; transactions begin with a BEGIN of ours, see ``configure_engine``.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        options: dict[str, Any] = {"isolation_level": None, "timeout": _BUSY_TIMEOUT_MS / 1000}
        return database_url, {"connect_args": options, "pool_size": threads, "max_overflow": 0}
    url = url.set(drivername="postgresql+psycopg")
    connect_args = {
        "autocommit": True,
        "connect_timeout": _CONNECT_TIMEOUT_S,
        # A network that swallows everything: give up on it instead of waiting for the kernel's quarter of an hour.
        "tcp_user_timeout": _SILENCE_TIMEOUT_MS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        "application_name": "auth-portal",
        # Every statement of ours comes again: prepare it at its first use, not at its fifth.
        "prepare_threshold": 0,
    }
    pool = {"pool_size": threads, "max_overflow": 0, "pool_timeout": 5, "pool_use_lifo": True}
    return url.render_as_string(hide_password=False), {"connect_args": connect_args, **pool}


def configure_engine(engine: Engine) -> None:
    """Attach what the engine needs beyond its options.

    SQLite: WAL, foreign keys, deleted content overwritten, and every transaction takes the write lock at once: with a
    plain BEGIN two transactions that read first cannot both upgrade, and one dies of "database is locked".
    PostgreSQL: a connection idle for a while is tried before use, so that a restart of the server costs
    nobody an answer; a busy one is not, since the round trip would be paid by every sign-in.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    else:
        event.listen(engine, "begin", _begin)
        event.listen(engine, "checkin", _remember_checkin)
        event.listen(engine, "checkout", _ping_idle)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # What is deleted is overwritten, not only freed (PRIV-02). Some builds do that anyway; a sign-in, which deletes
    # next to nothing, costs the same with and without.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Of several nodes that open a new file at once SQLite refuses all but one, and lets nobody wait for it."""
    until = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_immediate(connection: Any) -> None:
    if NO_BEGIN not in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Any) -> None:
    if NO_BEGIN not in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN")


def _remember_checkin(_connection: object, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _ping_idle(connection: Any, record: Any, _proxy: object) -> None:
    idle_since = record.info.get("idle_since")
    if idle_since is None or time.monotonic() - idle_since < _PING_AFTER_IDLE_S:
        return
    try:
        connection.execute("SELECT 1")
    except connection_errors() as error:
        raise exc.DisconnectionError("idle connection was lost") from error


def connection_errors() -> tuple[type[Exception], ...]:
    """The driver's own words for a lost PostgreSQL connection."""
    import psycopg

    return (psycopg.OperationalError, psycopg.InterfaceError)


def autocommit(engine: Engine) -> Engine:
    """The same engine for what is one statement: it commits by itself, without the round trips of BEGIN and COMMIT.

    On SQLite a read then takes no write lock. The drivers always commit by themselves, so that leaving out our
    BEGIN is enough; SQLAlchemy's own option would change each connection as it is handed out, and back.
    """
    return engine.execution_options(**{NO_BEGIN: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that reads the database as it is at one moment, however long it reads; nobody waits for it."""
    is_postgresql = engine.dialect.name == "postgresql"
    with autocommit(engine).connect() as connection:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if is_postgresql else "BEGIN")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def upsert(dialect_name: str) -> Callable[..., Any]:
    """The dialect's ``INSERT … ON CONFLICT`` construct; SQLAlchemy has no common one."""
    return postgresql.insert if dialect_name == "postgresql" else sqlite.insert
