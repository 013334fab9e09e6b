"""The two servers under measurement, each with its own database, started under the same gunicorn settings."""

import http.client
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.cpu import family
from bench.floor_store import SCHEMA, connect
from bench.users import fill_floor, fill_portal
from tests.support.portal import PortalProcess
from tests.support.ports import free_port

Program = Literal["portal", "floor"]
_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 20.0  # seconds for a start or a stop


@dataclass(frozen=True)
class Setup:
    """What both programs are started with."""

    relay_port: int
    workers: int
    threads: int


@dataclass(frozen=True)
class Server:
    """A running program; `pids` are its master and workers, whose CPU time is the server's."""

    program: Program
    users: int
    port: int
    pids: Callable[[], list[int]]
    env: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running(program: Program, database_url: str, users: int, setup: Setup) -> Iterator[Server]:
    """Start a program on an empty database, fill in the users, and stop it at the end."""
    start = _portal if program == "portal" else _floor
    with start(database_url, users, setup) as server:
        yield server


@contextmanager
def _portal(database_url: str, users: int, setup: Setup) -> Iterator[Server]:
    port = free_port()
    settings = {
        "ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database_url,
        "MAIL_URL": f"smtp://127.0.0.1:{setup.relay_port}",
        "MAIL_FROM": "Auth Portal <no-reply@bench.example>",
        "RESEND_AFTER": "0",
        "SENDS_PER_INBOX_PER_HOUR": "0",
        "SENDS_PER_INBOX_PER_DAY": "0",
        "SENDS_PER_SOURCE_PER_HOUR": "0",
    }
    env = {f"AUTH_PORTAL_{name}": value for name, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as counters:
        env["PROMETHEUS_MULTIPROC_DIR"] = counters  # else the portal makes a folder, and keeps it when it is killed
        with PortalProcess(env, workers=setup.workers, threads=setup.threads, port=port) as portal:
            fill_portal(database_url, users)
            yield Server("portal", users, port, portal.pids, env)


@contextmanager
def _floor(database_url: str, users: int, setup: Setup) -> Iterator[Server]:
    connection = connect(database_url)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.close()
    fill_floor(database_url, users)
    port = free_port()
    factory = f"bench.floor:create_app({database_url!r}, {setup.relay_port}, {secrets.token_urlsafe(32)!r})"
    options = ["-c", "bench/floor_gunicorn.py", "--bind", f"127.0.0.1:{port}"]
    options += ["--workers", str(setup.workers), "--threads", str(setup.threads)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", factory, *options],
            cwd=_ROOT,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,  # Ctrl-C is for the benchmark; it stops its servers itself
        )
        try:
            _await_answer(process, port)
            yield Server("floor", users, port, lambda: family(process.pid))
        except FloorError as failure:
            log.seek(0)
            raise FloorError(f"{failure}: {log.read().decode(errors='replace')[-2000:]}") from None
        finally:
            _stop(process)


class FloorError(Exception):
    """The floor did not start; the text ends with its log."""


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise FloorError("the floor did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
