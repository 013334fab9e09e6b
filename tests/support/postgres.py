"""Owns a real PostgreSQL server for tests: its data directory, its process and the databases in it.

It stops and starts on the same port with the same data, so that a test can take the database away from a
running portal. `TEST_POSTGRES_URL` (a superuser's) names a server that runs already and is never stopped.
"""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from tests.support.ports import free_port
from tests.support.postgres_binaries import (
    Account,
    PostgresUnavailable,
    clean_env,
    find_account,
    find_binaries,
    make_directory,
)

__all__ = ["PostgresServer", "PostgresUnavailable", "StopMode"]

StopMode = Literal["smart", "fast", "immediate"]

_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,  # waits until every client has gone
    "fast": signal.SIGINT,  # rolls back and disconnects the clients
    "immediate": signal.SIGQUIT,  # as after a crash: the next start recovers from the log
}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Only a crash of the machine could lose what is not synced. `synchronous_commit` stays on: without it an
    # immediate stop would lose commits, and tests that take the database away would blame the portal.
    "fsync": "off",
    "full_page_writes": "off",
}
_PATIENCE = 30.0  # seconds for a start or a stop


class PostgresServer:
    """One PostgreSQL server; also a context manager that starts it and removes it with its data."""

    def __init__(self) -> None:
        external = os.environ.get("TEST_POSTGRES_URL", "")
        self.can_restart = not external
        self._external = external.replace("postgresql+psycopg://", "postgresql://", 1)
        self._password = secrets.token_urlsafe(16)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._account = Account()
        self._home: Path | None = None  # holds the data directory, the log and copied programs
        self._programs = Path()

    def start(self) -> None:
        """Start the server, or look whether the external one answers; does nothing where it runs already.

        Raises PostgresUnavailable where no server can be had.
        """
        if not self.can_restart:
            self._check_external()
        elif not self.is_running:
            if self._home is None:
                self._create()
            self._launch()

    def stop(self, mode: StopMode = "fast") -> None:
        """End the server and keep its data and port for the next start; does nothing where it is stopped."""
        if not self.can_restart:
            raise RuntimeError("the server of TEST_POSTGRES_URL is not ours to stop (see can_restart)")
        if self._process is None:
            return
        # Each step is ruder than the one before; an immediate stop takes the server's children along.
        for step in (_SIGNALS[mode], signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(step)
            try:
                self._process.wait(_PATIENCE)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start with the same port and data."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """End the server and remove its files; an external server is left as it is."""
        atexit.unregister(self.close)
        if self.can_restart:
            self.stop("immediate")
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        """Whether our own server process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of our own server, None where it is stopped or external."""
        return self._process.pid if self._process is not None and self.is_running else None

    def log_text(self) -> str:
        """Return what our own server has written so far."""
        log = self._home / "log" if self._home is not None else None
        return log.read_text(errors="replace") if log is not None and log.exists() else ""

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's URL of a database; it stays the same over restarts."""
        if self._external:
            return urlsplit(self._external)._replace(path=f"/{quote(database, safe='')}").geturl()
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{quote(database, safe='')}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, return its URL; `template` may name a migrated one without open connections."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, and its open connections with it; does nothing where there is none."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        admin = self._external or self.url()
        with psycopg.connect(admin, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def _check_external(self) -> None:
        try:
            psycopg.connect(self._external, connect_timeout=10).close()
        except psycopg.Error as error:
            raise PostgresUnavailable(f"TEST_POSTGRES_URL: {error}") from error

    def _create(self) -> None:
        self._account = find_account()
        self._home = make_directory(self._account)
        atexit.register(self.close)
        try:
            self._programs = find_binaries(self._account, self._home)
            self._init()
        except BaseException:
            self.close()
            raise

    def _init(self) -> None:
        assert self._home is not None
        secret = self._home / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        self._account.own(secret)
        # No locale of the machine: sorting and messages are the same wherever the tests run.
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
        options += ["--no-locale", "--no-sync", f"--pgdata={self._home / 'data'}"]
        result = self._account.run([str(self._programs / "initdb"), *options], cwd=self._home)
        secret.unlink()
        if result.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {result.stdout.strip()[-2000:]}")

    def _launch(self) -> None:
        assert self._home is not None
        command = [str(self._programs / "postgres"), "-D", str(self._home / "data"), "-p", str(self._port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._home,
                env=clean_env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self._account.uid,
                group=self._account.gid,
                extra_groups=None if self._account.uid is None else [],
                start_new_session=True,  # Ctrl-C is for the tests; they end the server when they are through
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self.is_running and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        ended = not self.is_running
        self.stop("immediate")
        cause = "ended at once" if ended else f"did not answer within {_PATIENCE:.0f} s"
        raise PostgresUnavailable(f"postgres {cause}: {self.log_text()[-2000:].strip()}")
