"""Starts what is attacked: a database, a relay, and a portal in its production environment, by a clock of its own."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from attack.client import BrowserDoor, Client, JsonDoor
from attack.clock import Clock
from attack.letters import Letters
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

Database = Literal["sqlite", "postgresql"]
DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")
SEND_LIMITS = {"SENDS_PER_INBOX_PER_HOUR": 5, "SENDS_PER_INBOX_PER_DAY": 20, "SENDS_PER_SOURCE_PER_HOUR": 100}
"""The production limits, named so that a change of the defaults is seen here."""
NO_LIMITS = dict.fromkeys(SEND_LIMITS, 0)

_ROOT = Path(__file__).resolve().parents[1]
_SERVED = _ROOT / "attack" / "served"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Portal:
    """A running portal with its clock and its mailboxes."""

    port: int
    clock: Clock
    letters: Letters
    database_url: str
    clients: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        """A connection to it, closed at the end."""
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def json(self, source: str) -> JsonDoor:
        """An API caller with a connection of its own."""
        return JsonDoor(self.client(), source)

    def browser(self, source: str) -> BrowserDoor:
        """A browser with a connection of its own."""
        return BrowserDoor(self.client(), source, self.clock)


class Stand:
    """Where portals are started; one PostgreSQL server serves all of them."""

    def __init__(self, postgres: PostgresServer | None) -> None:
        self._postgres = postgres

    @contextmanager
    def portal(
        self, database: Database, *, workers: int = 1, threads: int = 4, real_time: bool = False, **settings: object
    ) -> Iterator[Portal]:
        """Start a portal on an empty database and end it afterwards. ``settings``: as in docs/settings.md.

        ``real_time``: exactly what production runs, without witness and movable clock.
        """
        port = free_port()
        with (
            tempfile.TemporaryDirectory(prefix="portal-attack-") as folder,
            Letters() as letters,
            self._fresh_database(database, Path(folder)) as url,
        ):
            clock = Clock(Path(folder) / "clock")
            env = _environment(port, url, letters.port, settings) | {
                "ATTACK_CLOCK": str(clock.path),
                "PROMETHEUS_MULTIPROC_DIR": folder,
                "PYTHONPATH": str(_ROOT),
            }
            root = _ROOT if real_time else _SERVED
            portal = Portal(port, clock, letters, url)
            with PortalProcess(env, workers=workers, threads=threads, port=port, root=root):
                yield portal
                for client in portal.clients:
                    client.close()  # gunicorn would wait for their next request

    @contextmanager
    def _fresh_database(self, database: Database, folder: Path) -> Iterator[str]:
        if database == "sqlite":
            yield f"sqlite:///{folder / 'portal.db'}"
            return
        if self._postgres is None:
            raise RuntimeError("no PostgreSQL was started")
        name = f"attack_{next(_numbers)}"
        yield self._postgres.create_database(name)
        self._postgres.drop_database(name)


def _environment(port: int, database_url: str, relay_port: int, overrides: dict[str, object]) -> dict[str, str]:
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
