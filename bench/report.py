"""Turns samples into the table and the ratios; every figure is the median of the rounds.

CPU figures are milliseconds per complete sign-in: of the server's own processes, and, in a column of their
own, of the database server's. With SQLite the database runs inside the server.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from bench.load import Window
from bench.measure import AT_ONCE, Database, Plan, Sample
from bench.programs import Program

CPU_TARGET = 2.0
GROWTH_TARGET = 1.1

Figure = Callable[[Window], float]


def _quantile(window: Window, share: float) -> float:
    ordered = sorted(window.latencies)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000


def server_cpu(window: Window) -> float:
    """CPU ms of the server's processes per sign-in."""
    return window.server_cpu / window.sign_ins * 1000


def database_cpu(window: Window) -> float:
    """CPU ms of the database server's processes per sign-in."""
    return window.database_cpu / window.sign_ins * 1000


_COLUMNS: tuple[tuple[str, Figure, str], ...] = (
    ("server CPU ms", server_cpu, ".2f"),
    ("database CPU ms", database_cpu, ".2f"),
    ("sign-ins/s", lambda window: window.sign_ins / window.seconds, ".0f"),
    ("p50 ms", lambda window: _quantile(window, 0.50), ".1f"),
    ("p99 ms", lambda window: _quantile(window, 0.99), ".1f"),
)


def table(samples: Sequence[Sample], plan: Plan) -> str:
    """Return the table as aligned Markdown: a row for each database, size and concurrency.

    A cell has the programs' figures side by side, in the order that the head names.
    """
    order = " / ".join(plan.programs)
    head = ["database", "users", "at once", *(title for title, _, _ in _COLUMNS)]
    rows = []
    for database, users, at_once in product(plan.databases, plan.users, AT_ONCE):
        here = [item for item in samples if (item.database, item.users, item.at_once) == (database, users, at_once)]
        row = [database, f"{users:,}", str(at_once)]
        for title, figure, form in _COLUMNS:
            medians = [
                statistics.median(figure(item.window) for item in here if item.program == program)
                for program in plan.programs
            ]
            inside = database == "sqlite" and title == "database CPU ms"
            row.append("in server" if inside else " / ".join(format(median, form) for median in medians))
        rows.append(row)
    return f"Figures are {order}; CPU is per complete sign-in.\n\n{_aligned(head, rows)}"


def _aligned(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


class _Costs:
    """CPU per sign-in of a whole round, all concurrencies together."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def of(self, database: Database, users: int, program: Program, with_database: bool) -> list[float]:
        """Return one figure for each round, in their order."""
        rounds: dict[int, list[Window]] = {}
        for item in self._samples:
            if (item.database, item.users, item.program) == (database, users, program):
                rounds.setdefault(item.round, []).append(item.window)
        return [
            sum(window.server_cpu + window.database_cpu * with_database for window in windows)
            / sum(window.sign_ins for window in windows)
            for windows in rounds.values()
        ]


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratios of figures that were measured in the same round."""
    return statistics.median(high / low for high, low in zip(above, below, strict=True))


def ratios(samples: Sequence[Sample], plan: Plan) -> list[str]:
    """Return a sentence for each ratio with a target, and whether it is met."""
    costs, lines = _Costs(samples), []
    for database in plan.databases:
        if len(plan.programs) > 1:
            for users in plan.users:
                pair = [costs.of(database, users, program, with_database=False) for program in ("portal", "floor")]
                lines.append(_verdict(f"{database}, {users:,} users: portal / floor", _ratio(*pair), CPU_TARGET))
        if len(plan.users) > 1:
            few, many = min(plan.users), max(plan.users)
            for program in plan.programs:
                pair = [costs.of(database, users, program, with_database=True) for users in (many, few)]
                name = f"{database}, {program}: {many:,} / {few:,} users, database included"
                lines.append(_verdict(name, _ratio(*pair), GROWTH_TARGET))
    return lines


def _verdict(name: str, ratio: float, target: float) -> str:
    return f"CPU, {name}: {ratio:.2f} (target <= {target}: {'met' if ratio <= target else 'MISSED'})"
