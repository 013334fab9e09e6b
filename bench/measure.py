"""Runs the rounds: all servers of one database are up at once, and in each round every one has its turn.

Portal and floor, and few users and many, are measured within seconds of each other, so that a machine that is
slower for a while is slower for all of them. Figures are medians of rounds.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unittest.mock import patch

from bench.cpu import family
from bench.load import Load, Window
from bench.oidc import Flows, measure_flows
from bench.programs import Program, Server, Setup, running
from bench.sink import Sink
from bench.users import address
from tests.support.postgres import PostgresServer

Database = Literal["sqlite", "postgresql"]
AT_ONCE = (1, 8, 32)
_WARM_UP = 320  # sign-ins; every thread of every worker has then opened and prepared all it keeps
# The tests' server does not sync, which would make its commits cheaper than SQLite's and than any real one's.
_DURABLE = {"fsync": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Plan:
    """What is to be measured; `sign_ins` are counted per server, concurrency and round."""

    databases: tuple[Database, ...]
    users: tuple[int, ...]
    programs: tuple[Program, ...]
    sign_ins: int
    rounds: int
    workers: int
    threads: int


@dataclass(frozen=True)
class Sample:
    """One window of load, and what it was on."""

    database: Database
    users: int
    program: Program
    at_once: int
    round: int
    window: Window


def measure(plan: Plan, tell: Callable[[str], None]) -> tuple[list[Sample], list[Flows]]:
    """Measure everything in the plan, and the flow of an app; `tell` gets a line for each step."""
    flows: list[Flows] = []
    with Sink() as sink:
        setup = Setup(sink.port, plan.workers, plan.threads)
        samples = [
            sample
            for database in plan.databases
            for sample in _measure_database(database, plan, setup, sink, tell, flows)
        ]
    return samples, flows


def _measure_database(
    database: Database, plan: Plan, setup: Setup, sink: Sink, tell: Callable[[str], None], flows: list[Flows]
) -> Iterator[Sample]:
    with ExitStack() as stack:
        tell(f"{database}: starting")
        new_database, database_pids = stack.enter_context(_database_server(database))
        loads = []
        for users in plan.users:
            for program in plan.programs:
                tell(f"{database}: {program} with {users:,} users")
                url = new_database(f"bench_{program}_{users}")
                server = stack.enter_context(running(program, url, users, setup))
                loads.append(Load(server, database_pids, sink))
        for load in loads:
            load.run(_addresses(load.server, min(_WARM_UP, load.server.users)), max(AT_ONCE))
        for number in range(plan.rounds):
            tell(f"{database}: round {number + 1} of {plan.rounds}")
            for at_once in AT_ONCE:
                # There and back, so that a steady drift of the machine favours nobody.
                for load in loads if number % 2 == 0 else reversed(loads):
                    server = load.server
                    window = load.run(_addresses(server, plan.sign_ins + at_once), at_once)
                    yield Sample(database, server.users, server.program, at_once, number, window)
        for server in (load.server for load in loads if load.server.program == "portal"):
            tell(f"{database}: code flows of an app with {server.users:,} users")
            flows.append(measure_flows(server, database, server.env, plan.sign_ins))


def _addresses(server: Server, count: int) -> list[str]:
    """Choose users at random over all there are; none comes twice in one window."""
    return [address(number) for number in random.sample(range(1, server.users + 1), count)]


@contextmanager
def _database_server(database: Database) -> Iterator[tuple[Callable[[str], str], Callable[[], list[int]]]]:
    """Give a function that makes a database and returns its URL, and one that lists the server's pids."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="portal-bench-") as directory:
            yield lambda name: f"sqlite:///{Path(directory) / name}.db", list
        return
    with patch.dict("tests.support.postgres._SETTINGS", _DURABLE), PostgresServer() as server:
        pid = server.pid
        yield server.create_database, lambda: family(pid) if pid is not None else []
