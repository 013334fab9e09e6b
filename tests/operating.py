"""How tests run the ``auth-portal`` command as an operator does, and read what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Pool, event

from auth_portal.cli import portal
from tests.conftest import environment
from tests.support.portal import ROOT

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    """Runs a command in this process against the test's database."""

    def invoke(*words: str, **settings: object) -> Result:
        with connections_closed():
            return CliRunner().invoke(portal, words, env=environment(database_url, "smtp://127.0.0.1:1", **settings))

    return invoke


@contextmanager
def connections_closed() -> Iterator[None]:
    """Close at the end what was opened meanwhile: a command leaves that to the end of its process."""
    opened: list[Any] = []

    def remember(connection: Any, _record: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", remember)
    try:
        yield
    finally:
        event.remove(Pool, "connect", remember)
        for connection in opened:
            connection.close()


def shell(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does, with nothing but these variables set."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | environ
    command = [sys.executable, "-m", "auth_portal.cli", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def json_of(result: Result) -> list[dict[str, Any]]:
    """The rows that a successful command printed."""
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows
