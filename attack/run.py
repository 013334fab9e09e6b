"""Runs the scenarios: those that measure time alone, all others two at a time, each against a portal of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

from attack.client import Broken
from attack.databases import Database
from attack.portals import Stand, stand
from attack.report import Row
from attack.scenarios import Job, burst, doors, flooding, guessing, spraying, strangers, timing

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


@dataclass(frozen=True)
class _Part:
    scenario: str
    database: Database
    job: Job


def run(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Play everything in the plan; the rows come in its order. ``tell`` gets a line for each step."""
    # A portal's answer must not wait while another play computes: the usual 5 ms are longer than most answers.
    sys.setswitchinterval(0.0005)
    with stand(plan.databases) as place:
        return _play_all(plan, place, tell)


def _play_all(plan: Plan, place: Stand, tell: Callable[[str], None]) -> list[Row]:
    parts = [
        _Part(name, database, job)
        for name in plan.scenarios
        for database in plan.databases
        for job in SCENARIOS[name].jobs(database, quick=plan.quick)
    ]

    def play(part: _Part) -> list[Row]:
        tell(f"{part.scenario} on {part.database} begins")
        rows = _play(part, place)
        tell(f"{part.scenario} on {part.database}: {'holds' if all(row.holds for row in rows) else 'BROKEN'}")
        return rows

    alone = [play(part) for part in parts if part.scenario in _ALONE]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            together = list(pool.map(play, [part for part in parts if part.scenario not in _ALONE]))
        except BaseException:
            place.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [row for rows in (*together, *alone) for row in rows]


def _play(part: _Part, place: Stand) -> list[Row]:
    """Play one part; where the portal does not play along, that is its row."""
    try:
        return part.job(place)
    except (AssertionError, Broken, LookupError, OSError) as fault:
        return [Row(part.scenario, part.database, "–", f"{type(fault).__name__}: {fault}"[:200], is_within=False)]
