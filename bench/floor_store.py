"""The floor's SQL: the fewest statements a sign-in can be made of, on SQLite and on PostgreSQL.

Both databases run the same texts (only the placeholder and the BEGIN differ), in autocommit, so that a
single statement is one commit. The guarantees are the portal's: a code is re-sent while it lives, an attempt
is committed before its verdict, a right code is consumed once, and the session is on disk before the answer.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import psycopg

ATTEMPTS = 5
CODE_TTL = 600
SESSION_TTL = 30 * 24 * 3600

SCHEMA = (
    "CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT NOT NULL UNIQUE)",
    "CREATE TABLE challenge (email TEXT PRIMARY KEY, id TEXT NOT NULL, attempts SMALLINT NOT NULL,"
    " used SMALLINT NOT NULL, expires_at BIGINT NOT NULL)",
    "CREATE TABLE session (id TEXT PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id),"
    " created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)",
    "CREATE INDEX session_by_user ON session (user_id)",
    "CREATE TABLE refresh_token (hash TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES session (id),"
    " expires_at BIGINT NOT NULL)",
)

_LIVE = f"challenge.used = 0 AND challenge.attempts < {ATTEMPTS} AND challenge.expires_at > ?"
_OPEN = f"""
INSERT INTO challenge (email, id, attempts, used, expires_at) VALUES (?, ?, 0, 0, ?)
ON CONFLICT (email) DO UPDATE SET
    id = CASE WHEN {_LIVE} THEN challenge.id ELSE excluded.id END,
    attempts = CASE WHEN {_LIVE} THEN challenge.attempts ELSE 0 END,
    expires_at = CASE WHEN {_LIVE} THEN challenge.expires_at ELSE excluded.expires_at END,
    used = 0
RETURNING id, expires_at"""
_TAKE_ATTEMPT = f"UPDATE challenge SET attempts = attempts + 1 WHERE email = ? AND id = ? AND {_LIVE} RETURNING id"
_CONSUME = "UPDATE challenge SET used = 1 WHERE email = ? AND id = ? AND used = 0"
_FIND_USER = "SELECT id FROM users WHERE email = ?"
_START_SESSION = "INSERT INTO session (id, user_id, created_at, expires_at) VALUES (?, ?, ?, ?)"
_KEEP_REFRESH = "INSERT INTO refresh_token (hash, session_id, expires_at) VALUES (?, ?, ?)"


class Cursor(Protocol):
    """What sqlite3 and psycopg cursors have in common."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...


class Connection(Protocol):
    """What sqlite3 and psycopg connections have in common."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...
    def close(self) -> None: ...


def connect(database_url: str) -> Connection:
    """Open an autocommit connection; psycopg prepares a statement when it has seen it five times."""
    if not database_url.startswith("sqlite"):
        return cast(Connection, psycopg.connect(database_url, autocommit=True))
    path = database_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return cast(Connection, connection)


class FloorStore:
    """The floor's four questions to its database, over one connection that one thread uses."""

    def __init__(self, database_url: str) -> None:
        """Connect and prepare the texts for this database."""
        sqlite = database_url.startswith("sqlite")
        self._connection = connect(database_url)
        self._begin = "BEGIN IMMEDIATE" if sqlite else "BEGIN"
        place: Callable[[str], str] = (lambda sql: sql) if sqlite else (lambda sql: sql.replace("?", "%s"))
        self._open, self._take_attempt, self._consume = place(_OPEN), place(_TAKE_ATTEMPT), place(_CONSUME)
        self._find_user, self._start_session = place(_FIND_USER), place(_START_SESSION)
        self._keep_refresh = place(_KEEP_REFRESH)

    def open_challenge(self, email: str, new_id: str, now: int) -> tuple[str, int]:
        """Return id and expiry of the live challenge, or of a new one: 1 statement, 1 commit."""
        parameters = (email, new_id, now + CODE_TTL, now, now, now)
        row = self._connection.execute(self._open, parameters).fetchone()
        return str(row[0]), int(row[1])

    def take_attempt(self, email: str, challenge_id: str, now: int) -> bool:
        """Count a guess if one is left: 1 statement, 1 commit."""
        return self._connection.execute(self._take_attempt, (email, challenge_id, now)).fetchone() is not None

    def sign_in(self, email: str, challenge_id: str, session_id: str, token_hash: str, now: int) -> int | None:
        """Consume the code, open the session and keep the refresh token: 4 statements, 1 commit."""
        execute = self._connection.execute
        with self._transaction():
            if execute(self._consume, (email, challenge_id)).rowcount != 1:
                return None
            user_id: int = execute(self._find_user, (email,)).fetchone()[0]
            execute(self._start_session, (session_id, user_id, now, now + SESSION_TTL))
            execute(self._keep_refresh, (token_hash, session_id, now + SESSION_TTL))
        return user_id

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute(self._begin)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
