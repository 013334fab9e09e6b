"""Starts what is attacked: a database, a relay, and a portal in its production environment, by a clock of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attack.client import BrowserDoor, Client, JsonDoor
from attack.clock import Clock
from attack.databases import Database, Databases
from attack.letters import Letters
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

SEND_LIMITS = {"SENDS_PER_INBOX_PER_HOUR": 5, "SENDS_PER_INBOX_PER_DAY": 20, "SENDS_PER_SOURCE_PER_HOUR": 100}
"""The limits of production, written down again since the plays rely on them. All else is left at its default."""
NO_LIMITS = dict.fromkeys(SEND_LIMITS, 0)

_ROOT = Path(__file__).resolve().parents[1]
_SERVED = _ROOT / "attack" / "served"


@dataclass(frozen=True)
class Portal:
    """A running portal with its clock and its mailboxes."""

    port: int
    clock: Clock
    letters: Letters
    database_url: str
    stop: threading.Event
    clients: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        """A connection to it, closed at the end."""
        self.clients.append(Client(self.port, self.stop))
        return self.clients[-1]

    def json(self, source: str) -> JsonDoor:
        """An API caller with a connection of its own."""
        return JsonDoor(self.client(), source)

    def browser(self, source: str) -> BrowserDoor:
        """A browser with a connection of its own."""
        return BrowserDoor(self.client(), source, self.clock)


class Stand:
    """Where portals are started. ``stop``: once it is set, all plays end at their next request."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self.stop = threading.Event()

    @contextmanager
    def portal(
        self,
        database: Database,
        settings: Mapping[str, object],
        *,
        workers: int = 1,
        threads: int = 4,
        real_time: bool = False,
        counts_site: bool = False,
    ) -> Iterator[Portal]:
        """Start a portal on an empty database and end it afterwards. ``settings``: as in docs/settings.md, by short
        names.

        ``real_time``: exactly what production runs, without witness and movable clock. ``counts_site``: the site's
        ledger is up to date at each moment; else as fast as the portal counts it in real time.
        """
        port = free_port()
        with (
            tempfile.TemporaryDirectory(prefix="portal-attack-") as folder,
            Letters() as letters,
            self._databases.copy(database, Path(folder)) as url,
        ):
            clock = Clock(Path(folder) / "clock")
            env = _environment(port, url, letters.port, settings) | {
                "ATTACK_CLOCK": str(clock.path),
                "PROMETHEUS_MULTIPROC_DIR": folder,
                "PYTHONPATH": str(_ROOT),
            }
            root = _ROOT if real_time else _SERVED
            if counts_site:
                env["ATTACK_COUNTS_SITE"] = "1"
            portal = Portal(port, clock, letters, url, self.stop)
            with PortalProcess(env, workers=workers, threads=threads, port=port, root=root, migrate=False):
                try:
                    yield portal
                finally:
                    for client in portal.clients:
                        client.close()  # gunicorn would wait for their next request


def _environment(port: int, database_url: str, relay_port: int, overrides: Mapping[str, object]) -> dict[str, str]:
    settings: dict[str, object] = {
        "ENV": "production",
        "SECRET_KEY": "the secret of a portal that is attacked with its owner watching",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database_url,
        "MAIL_URL": f"smtp://127.0.0.1:{relay_port}",
        "MAIL_FROM": "Auth Portal <no-reply@attack.example>",
        "TRUSTED_PROXIES": 1,
        "LOG_LEVEL": "error",
        **overrides,
    }
    return {f"AUTH_PORTAL_{name}": str(value) for name, value in settings.items()}


@contextmanager
def stand(kinds: Collection[Database]) -> Iterator[Stand]:
    """A stand for portals on these databases, with a PostgreSQL server of its own. Raises PostgresUnavailable."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer()) if "postgresql" in kinds else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-attack-")))
        databases = Databases(server, {})
        for kind in kinds:
            stack.enter_context(databases.template(kind, folder, _migrate))
        yield Stand(databases)


def _migrate(url: str) -> None:
    command = [sys.executable, "-m", "auth_portal.cli", "db", "upgrade"]
    env = {**os.environ, **_environment(0, url, 0, {})}
    subprocess.run(command, cwd=_ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
