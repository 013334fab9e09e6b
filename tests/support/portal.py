"""Owns a real portal for tests: its gunicorn processes, its log, and the migration before its start."""

import atexit
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

from tests.support.api import Answer, Api, in_parallel
from tests.support.ports import free_port

__all__ = ["Answer", "Api", "PortalFailed", "PortalProcess", "development_portal", "in_parallel"]

ROOT = Path(__file__).resolve().parents[2]
_START_PATIENCE = 60.0  # seconds until /healthz must answer
_STOP_PATIENCE = 10.0  # seconds that requests in flight get to end
_MIGRATION_PATIENCE = 60.0


class PortalFailed(Exception):
    """The portal did not start; the text ends with the last lines of its log."""


class PortalProcess:
    """A portal under gunicorn; also a context manager that starts and stops it.

    `env` is added to an otherwise empty environment (PATH, HOME and LANG only), so that settings of the
    developer change no test. `port` is for settings that must name it before the start (PUBLIC_URL).
    """

    def __init__(
        self,
        env: Mapping[str, str],
        workers: int = 1,
        threads: int = 8,
        *,
        migrate: bool = True,
        port: int | None = None,
        root: Path = ROOT,
    ) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = {"LANG": "C.UTF-8"} | inherited | dict(env)
        self.port = port or free_port()
        self._workers, self._threads = workers, threads
        self._migrate, self._root = migrate, root
        self._process: subprocess.Popen[bytes] | None = None
        self._family: dict[int, psutil.Process] = {}  # every process of the portal that was ever seen
        directory = Path(tempfile.mkdtemp(prefix="portal-run-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self.log_path = directory / "portal.log"

    @property
    def url(self) -> str:
        """The address it listens on, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def log_text(self) -> str:
        """Return all that the migration and the portal have written, over restarts too."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Migrate the database, start gunicorn and wait until it answers.

        Raises PortalFailed with the end of the log.
        """
        if self._process is not None:
            return
        if self._migrate:
            self._run_migration()
        options = ["-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}"]
        options += ["--workers", str(self._workers), "--threads", str(self._threads)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app", *options],
                cwd=self._root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C is for the tests; they stop the portal themselves
            )
        atexit.register(self.stop)
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        """Return the ids of the living processes: the master first, then its workers."""
        if self._process is None or self._process.poll() is not None:
            return []
        try:
            master = psutil.Process(self._process.pid)
            family = [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self._family.update((process.pid, process) for process in family)
        return [process.pid for process in family]

    def stop(self) -> None:
        """Let requests in flight end, then kill what is left of these very processes."""
        if self._process is None:
            return
        atexit.unregister(self.stop)
        self.pids()  # remembers who is there now
        self._process.terminate()
        try:
            self._process.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in self._family.values():
            if _is_alive(process):
                process.kill()  # psutil compares start times: another process with a used id is never hit
        deadline = time.monotonic() + _STOP_PATIENCE
        while any(map(_is_alive, self._family.values())) and time.monotonic() < deadline:
            time.sleep(0.01)  # the port is free only when the last of them is gone
        self._family.clear()
        self._process = None

    def reload(self) -> None:
        """Ask gunicorn to replace its workers gracefully (SIGHUP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run_migration(self) -> None:
        with self.log_path.open("ab") as log:
            try:
                result = subprocess.run(
                    [sys.executable, "-m", "auth_portal.cli", "db", "upgrade"],
                    cwd=self._root,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=_MIGRATION_PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise self._failure(f"db upgrade took more than {_MIGRATION_PATIENCE:.0f} s") from error
        if result.returncode != 0:
            raise self._failure(f"db upgrade ended with {result.returncode}")

    def _wait_until_healthy(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_PATIENCE
        while self._process.poll() is None:
            # The workers must be up as well: a test that counts or kills them starts right after this.
            if self._is_healthy() and len(self.pids()) > self._workers:
                return
            if time.monotonic() > deadline:
                raise self._failure(f"/healthz did not answer 200 within {_START_PATIENCE:.0f} s")
            time.sleep(0.05)
        raise self._failure(f"gunicorn ended with {self._process.returncode}")

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _failure(self, what: str) -> PortalFailed:
        return PortalFailed(f"{what}; the end of its log:\n{self.log_text()[-4000:]}")


def development_portal(database: Path, **settings: object) -> PortalProcess:
    """A development portal on this SQLite file, not yet started; `settings` are names in lower case.

    Its issuer is the address at which it listens; its mailbox is the checkout's.
    """
    port = free_port()
    values: dict[str, object] = {
        "env": "development",
        "public_url": f"http://127.0.0.1:{port}",
        "database_url": f"sqlite:///{database}",
        "secret_key": "a secret of the browser tests that is long enough",
        **settings,
    }
    return PortalProcess({f"AUTH_PORTAL_{name.upper()}": str(value) for name, value in values.items()}, port=port)


def _is_alive(process: psutil.Process) -> bool:
    # An orphaned worker may stay a zombie for good: the first process of a container need not reap it.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
