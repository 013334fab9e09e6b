"""Owns real reverse proxies for tests: their configuration, their directories, their processes."""

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
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_START_PATIENCE = 60.0
_STOP_PATIENCE = 5.0
_SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_NGINX = """
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
_CADDY = """
{{
	admin off
	auto_https off
	log {{
		output file {directory}/error.log
		level WARN
	}}
}}
{sites}
"""


class ProxyUnavailable(Exception):
    """There is no such proxy on this machine."""


class ProxyFailed(Exception):
    """It did not start; the text is what it said."""


class ProxyProcess:
    """A proxy that listens on `ports` of loopback, with a directory of its own; a context manager."""

    program: str

    def __init__(self, *ports: int) -> None:
        path = shutil.which(self.program, path=_SEARCHED)
        if path is None:
            raise ProxyUnavailable(f"{self.program} is not installed")
        self._path = path
        self._ports = ports
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.program}-run-"))
        weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        self._process: subprocess.Popen[bytes] | None = None

    def options(self) -> Sequence[str]:
        """What to start it with."""
        raise NotImplementedError

    def log_text(self) -> str:
        """What it complained about."""
        log = self.directory / "error.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [self._path, *self.options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XDG_DATA_HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory)},
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
                raise ProxyFailed(self.log_text())
            time.sleep(0.02)

    def _stop(self) -> None:
        """Ask the process that was started here; nginx's ends its workers."""
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


class NginxProcess(ProxyProcess):
    """An nginx with these `server` blocks."""

    program = "nginx"

    def __init__(self, servers: str, *ports: int) -> None:
        super().__init__(*ports)
        # A root's workers would become somebody who may not read the directories of tests.
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = _NGINX.format(directory=self.directory, user=user, servers=servers)
        (self.directory / "nginx.conf").write_text(configuration, "utf-8")

    def options(self) -> Sequence[str]:
        """In the foreground, with its own files."""
        return "-p", str(self.directory), "-c", "nginx.conf", "-e", f"{self.directory}/error.log"


class CaddyProcess(ProxyProcess):
    """A Caddy with these sites."""

    program = "caddy"

    def __init__(self, sites: str, *ports: int) -> None:
        super().__init__(*ports)
        configuration = _CADDY.format(directory=self.directory, sites=sites)
        (self.directory / "Caddyfile").write_text(configuration, "utf-8")

    def options(self) -> Sequence[str]:
        """In the foreground, without its administration port."""
        return "run", "--config", str(self.directory / "Caddyfile"), "--adapter", "caddyfile"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
