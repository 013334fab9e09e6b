"""The table: a row for each attack, held against its bound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_HEAD = ("scenario", "database", "allowed by the bound", "observed", "honest sign-ins tried", "succeeded", "verdict")


@dataclass(frozen=True)
class Row:
    """What came of one attack. ``is_within``: whether what was observed is allowed."""

    scenario: str
    database: str
    allowed: str
    observed: str
    is_within: bool
    tried: int = 0
    succeeded: int = 0

    @property
    def holds(self) -> bool:
        """Whether the bound holds, and every honest person got in."""
        return self.is_within and self.tried == self.succeeded

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as words; people are counted only where some tried."""
        people = (f"{self.tried:,}", f"{self.succeeded:,}") if self.tried else ("–", "–")
        verdict = "holds" if self.holds else "BROKEN"
        return (self.scenario, self.database, self.allowed, self.observed, *people, verdict)


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned Markdown."""
    lines = [_HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]

    def written(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([written(_HEAD), rule, *(written(row.cells) for row in rows)])
