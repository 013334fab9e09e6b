"""Runs the scenarios: those that measure time alone, all others two at a time, each against a portal of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

from attack.portals import Database, Stand
from attack.report import Row
from attack.scenarios import Job, burst, doors, flooding, guessing, spraying, strangers, timing
from tests.support.postgres import PostgresServer

SCENARIOS: dict[str, ModuleType] = {
    "guessing": guessing,
    "doors": doors,
    "burst": burst,
    "spraying": spraying,
    "strangers": strangers,
    "flooding": flooding,
    "timing": timing,
}
_ALONE = ("timing",)
_AT_ONCE = max(2, (os.cpu_count() or 2) // 2)


@dataclass(frozen=True)
class Plan:
    """What is to be played."""

    databases: tuple[Database, ...]
    scenarios: tuple[str, ...]
    quick: bool


def run(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Play everything in the plan; the rows come in its order. ``tell`` gets a line for each step."""
    # A portal's answer must not wait while another play computes: the usual 5 ms are longer than most answers.
    sys.setswitchinterval(0.0005)
    if "postgresql" not in plan.databases:
        return _play_all(plan, Stand(None), tell)
    with PostgresServer() as server:
        return _play_all(plan, Stand(server), tell)


def _play_all(plan: Plan, stand: Stand, tell: Callable[[str], None]) -> list[Row]:
    jobs: list[tuple[str, Job]] = [
        (f"{name} on {database}", job)
        for name in plan.scenarios
        for database in plan.databases
        for job in SCENARIOS[name].jobs(database, quick=plan.quick)
    ]

    def play(item: tuple[str, Job]) -> list[Row]:
        tell(f"{item[0]} begins")
        rows = item[1](stand)
        tell(f"{item[0]}: {'holds' if all(row.holds for row in rows) else 'BROKEN'}")
        return rows

    alone = [play(item) for item in jobs if item[0].split()[0] in _ALONE]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        together = list(pool.map(play, (item for item in jobs if item[0].split()[0] not in _ALONE)))
    return [row for rows in (*together, *alone) for row in rows]
