"""The databases of attacked portals: each is a fresh copy of one that was migrated once."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.support.postgres import PostgresServer

Database = Literal["sqlite", "postgresql"]
DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")

_numbers = itertools.count(1)


class Databases:
    """Makes copies. ``templates``: the URL of a migrated database that nobody uses, for each kind."""

    def __init__(self, postgres: PostgresServer | None, templates: Mapping[Database, str]) -> None:
        self._postgres = postgres
        self._templates = dict(templates)
        self._lock = threading.Lock()

    @contextmanager
    def template(self, database: Database, folder: Path, migrate: Callable[[str], None]) -> Iterator[None]:
        """Make a template of this kind, by a function that migrates the database at a URL."""
        with self._made(database, folder, None) as url:
            migrate(url)
            self._templates[database] = url
            yield

    @contextmanager
    def copy(self, database: Database, folder: Path) -> Iterator[str]:
        """The URL of a migrated, empty database. SQLite's file is put into the folder."""
        with self._made(database, folder, self._templates[database]) as url:
            yield url

    @contextmanager
    def _made(self, database: Database, folder: Path, template: str | None) -> Iterator[str]:
        if database == "sqlite":
            path = folder / "portal.db"
            if template is not None:
                shutil.copy(template.removeprefix("sqlite:///"), path)
            yield f"sqlite:///{path}"
            return
        assert self._postgres is not None, "no PostgreSQL was started"
        name = f"attack_{os.getpid()}_{next(_numbers)}"
        with self._lock:  # PostgreSQL copies a template for one at a time
            url = self._postgres.create_database(
                name, "template1" if template is None else template.rpartition("/")[2]
            )
        try:
            yield url
        finally:
            self._postgres.drop_database(name)
