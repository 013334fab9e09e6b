"""Several processes that seal one audit log, on both databases; and what each of them says of it (OPS-06)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text

from auth_portal.db import utcnow
from auth_portal.models import Event, EventSeal
from auth_portal.settings import ROOT
from auth_portal.signin.events import forget_person
from auth_portal.signin.seal_report import verify
from tests.auditing import ADA
from tests.conftest import environment, services_of
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

NODE = """
import sys
from auth_portal.cli.context import load_services
services = load_services()
print("ready", flush=True)
for line in sys.stdin:
    print(services.seals.prune() if line == "prune\\n" else services.seals.seal(), flush=True)
"""


class Node:
    """A process of the portal that seals whenever it is told to."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log
        assert self.answer() == "ready"

    def tell(self, order: str = "seal") -> None:
        """Say what to do now."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """What came of it."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def seal(self) -> int:
        """Seal, and say how many events it was."""
        self.tell()
        return int(self.answer())

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What the process wrote to its log about something."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def node(database_url: str, outbox: MailSink, tmp_path: Path) -> Iterator[Callable[[], Node]]:
    """Starts nodes."""
    with ExitStack() as stack:
        numbers = iter(range(9))

        def start() -> Node:
            path = tmp_path / f"node{next(numbers)}.log"
            env = environment(database_url, outbox.url, log_level="info")
            pipe = subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", NODE],
                    cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=stack.enter_context(path.open("w")), text=True,
                )
            )  # fmt: skip
            stack.callback(process.kill)
            return Node(process, path)

        yield start


def happen(app: Flask, count: int) -> None:
    """So many events of two minutes ago."""
    blank = {"user_id": ADA, "session_id": None, "client_id": None, "network": "", "device": "", "facts": None}
    words = {"kind": "signed_in", "outcome": "done", "actor": "person", **blank}
    with services_of(app).engine.begin() as connection:
        known = connection.execute(select(func.count()).select_from(Event)).scalar_one()
        rows = [
            {"id": f"{known + number:032x}", "happened_at": utcnow() - timedelta(minutes=2), **words}
            for number in range(count)
        ]
        connection.execute(insert(Event), rows)


def seals_of(app: Flask) -> list[Any]:
    """The seals."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(select(EventSeal.id, EventSeal.digest, EventSeal.event_count).order_by("id")))


def holds(app: Flask) -> bool:
    """Whether the log holds."""
    services = services_of(app)
    return verify(services.engine, services.seals.keys).fault is None


def test_nodes_that_seal_at_once_seal_each_event_once(app: Flask, node: Callable[[], Node]) -> None:
    """One of them takes a seal's number; the other fails cleanly, or seals what is left."""
    nodes = [node() for _ in range(3)]
    total = 0
    for round_number in range(6):
        happen(app, count := 40 + 700 * (round_number % 3))
        for each in nodes:
            each.tell()
        sealed = [int(each.answer()) for each in nodes]
        sealed.append(nodes[0].seal())
        assert sum(sealed) == count, sealed
        total += count
    assert sum(seal.event_count for seal in seals_of(app)) == total
    assert [seal.id for seal in seals_of(app)] == list(range(1, len(seals_of(app)) + 1))
    assert holds(app)


def test_a_node_that_seals_while_people_are_erased_and_seals_pruned_leaves_a_log_that_holds(
    app: Flask, node: Callable[[], Node]
) -> None:
    sealing, pruning = node(), node()
    engine = services_of(app).engine

    def erase(number: int) -> None:
        with engine.begin() as connection:
            forget_person(connection, f"user{number}", utcnow())

    for first in (0, 10, 20):
        happen(app, 400)
        with engine.begin() as connection:
            for number in range(first, first + 10):
                some = text("SELECT id FROM event WHERE user_id = :ada ORDER BY id DESC LIMIT 12")
                ids = list(connection.execute(some, {"ada": ADA}).scalars())
                given = text("UPDATE event SET user_id = :user WHERE id = :id AND seal_id IS NULL")
                connection.execute(given, [{"id": event_id, "user": f"user{number}"} for event_id in ids])
        sealing.tell()
        pruning.tell("prune")
        results = in_parallel([lambda number=number: erase(number) for number in range(first, first + 10)])
        assert [result for result in results if result is not None] == []
        assert (int(sealing.answer()) > 0, pruning.answer()) == (True, "0")
    sealing.seal()
    services = services_of(app)
    report = verify(services.engine, services.seals.keys)
    assert (report.fault, report.erased) == (None, 360)


def test_a_node_tells_of_each_seal(app: Flask, node: Callable[[], Node]) -> None:
    """Whoever keeps these lines elsewhere can tell whether the newest seals are gone."""
    sealing = node()
    for _ in range(3):
        happen(app, 5)
        assert sealing.seal() == 5
    assert sealing.seal() == 0
    told = [(line["seal"], line["events"]) for line in sealing.lines("events_sealed")]
    assert told == [(f"{seal.id}:{seal.digest}", 5) for seal in seals_of(app)]
    assert sealing.lines("seals_missing") == []


@pytest.mark.parametrize("grows_again", [False, True])
def test_a_node_notices_that_the_end_of_the_log_was_cut_off(
    app: Flask, node: Callable[[], Node], grows_again: bool
) -> None:
    """The chain itself cannot know its end: each process remembers the newest seal that it saw."""
    sealing, other = node(), node()
    for _ in range(3):
        happen(app, 5)
        sealing.seal()
    with services_of(app).engine.begin() as connection:
        connection.execute(text("DELETE FROM event WHERE seal_id = 3"))
        connection.execute(text("DELETE FROM event_seal WHERE id = 3"))
    assert holds(app)
    if grows_again:
        happen(app, 1)
        other.seal()
    sealing.seal()
    sealing.seal()
    (line,) = sealing.lines("seals_missing")
    assert (line["known"].partition(":")[0], line["newest"]) == ("3", 3 if grows_again else 2)
    assert other.lines("seals_missing") == []
