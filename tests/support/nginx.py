"""Owns a real nginx for tests: its configuration, its directory, its processes."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

_START_PATIENCE = 10.0
_STOP_PATIENCE = 5.0
_SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_FRAME = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
{user}
events {{ worker_connections 128; }}
http {{
    access_log off;
    default_type text/html;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{servers}
}}
"""


class NginxUnavailable(Exception):
    """There is no nginx on this machine."""


class NginxFailed(Exception):
    """It did not start; the text is what it said."""


class NginxProcess:
    """An nginx with these `server` blocks, which listen on `ports` of loopback; a context manager."""

    def __init__(self, servers: str, *ports: int) -> None:
        self._path = shutil.which("nginx", path=_SEARCHED)
        if self._path is None:
            raise NginxUnavailable("nginx is not installed")
        self._ports = ports
        self._directory = Path(tempfile.mkdtemp(prefix="nginx-run-"))
        weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        # A root's workers would become somebody who may not read the directories of tests.
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = _FRAME.format(directory=self._directory, user=user, servers=servers)
        (self._directory / "nginx.conf").write_text(configuration, "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def log_text(self) -> str:
        """What it complained about."""
        log = self._directory / "error.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def __enter__(self) -> Self:
        assert self._path is not None
        options = ["-p", str(self._directory), "-c", "nginx.conf", "-e", f"{self._directory}/error.log"]
        self._process = subprocess.Popen(
            [self._path, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the tests; they stop it themselves
        )
        atexit.register(self._stop)
        try:
            self._wait_until_it_listens(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_PATIENCE
        while not all(map(_listens, self._ports)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NginxFailed(self.log_text())
            time.sleep(0.02)

    def _stop(self) -> None:
        """Ask the master, which ends its workers; it alone was started here."""
        if self._process is None:
            return
        atexit.unregister(self._stop)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # the group that `process_group` made: it and its workers
            self._process.wait()
        self._process = None


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
