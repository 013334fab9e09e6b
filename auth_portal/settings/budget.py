"""The arithmetic of short codes: how many wrong guesses are affordable at each length (standards.md, section 9).

A budget "at most B failed guesses in any W days" admits at most B x ceil(365 / W) guesses a year, whenever they
come; each hits with 10^-L. Their sum bounds the yearly chance that somebody guesses into one account.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

LONG_CODE_LENGTH = 20
"""Digits of a code that needs no budget: 66 bits, above the 64 of NIST SP 800-63B 3.2.2 (OTP-14)."""
MOST_FAILURES = 100
"""Consecutive failures of an account after which only long codes are made (63B 3.2.2, OTP-14)."""
SPARE_GUESSES = 1
"""Guesses at an API code beyond its holder's own, so that strangers on other networks cannot use those up."""
DEVICE_BUDGET = 10
"""Failed guesses in DEVICE_WINDOW after which a known device counts as unknown (9.6, rule 6)."""
DEVICE_WINDOW = timedelta(days=30)

_YEAR = timedelta(days=365)
_RUNG = re.compile(r"(\d{1,2}):(\d{1,7})/(\d{1,3})d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rung:
    """Codes of one length, as long as less than ``budget`` guesses failed in the last ``window``."""

    length: int
    budget: int
    window: timedelta

    @property
    def most_in_a_year(self) -> int:
        """How many guesses a year admits at most, however they are spread over its windows."""
        return math.ceil(_YEAR / self.window) * self.budget

    @property
    def yearly_bound(self) -> float:
        """The chance that one of a year's guesses hits, at most."""
        return self._chance(self.budget)

    @property
    def yearly_bound_with_spare(self) -> float:
        """The same if every window's last code brings its spare guess, which the budget has no room for any more."""
        return self._chance(self.budget + SPARE_GUESSES)

    def _chance(self, guesses: int) -> float:
        return float(math.ceil(_YEAR / self.window) * guesses / 10**self.length)

    def __str__(self) -> str:
        return f"{self.length}:{self.budget}/{self.window.days}d"


@dataclass(frozen=True, slots=True)
class Profile:
    """A ladder of lengths, and the yearly chance it is meant to stay below."""

    target: float
    rungs: tuple[Rung, ...]


def parse_rung(text: str) -> Rung | None:
    """A rung from ``length:budget/window``, for example ``6:25/30d``; None where it is none."""
    match = _RUNG.fullmatch(text)
    if match is None or not (4 <= int(match[1]) <= 12) or not 1 <= int(match[3]) <= 365:
        return None
    return Rung(int(match[1]), int(match[2]), timedelta(days=int(match[3])))


def _rungs(*texts: str) -> tuple[Rung, ...]:
    return tuple(rung for rung in map(parse_rung, texts) if rung is not None)


STRICT_LENGTH = 6
"""Digits of the shortest codes of the strict profile, whatever else is set (OTP-03)."""
PROFILES = {
    "lenient": Profile(1e-2, _rungs("4:6/30d", "6:44/30d", "8:50/30d")),
    "default": Profile(1e-3, _rungs("4:5/365d", "6:25/30d", "8:70/30d")),
    "strict": Profile(1e-4, _rungs("6:5/30d", "8:95/30d")),
}
"""P2, P3 and P4 of standards.md 9.6 (BUD-01)."""
SITE_BUDGETS = ("4:50/30d", "6:2000/30d", "8:100000/30d")
"""Of all accounts together, unknown devices only (9.7, OTP-16)."""


def ladder(rungs: Iterable[Rung], shortest: int) -> tuple[Rung, ...]:
    """The rungs from codes of ``shortest`` digits on that afford any guess.

    A length between two rungs has the budget of the lower one: longer codes never get less safe.
    """
    ordered = sorted((rung for rung in rungs if rung.budget), key=lambda rung: rung.length)
    lower = [rung for rung in ordered if rung.length <= shortest]
    first = [Rung(shortest, lower[-1].budget, lower[-1].window)] if lower else []
    return (*first, *(rung for rung in ordered if rung.length > shortest))


def yearly_bound(rungs: Iterable[Rung]) -> float:
    """The yearly chance of a takeover of one account by guessing, at most (9.6).

    Of a site's budgets: how many accounts are expected to fall in a year, without bursts (9.7).
    """
    return sum(rung.yearly_bound for rung in rungs)


def yearly_bound_with_spare(rungs: Iterable[Rung]) -> float:
    """The same if strangers make every spare guess as well: what a target is held against."""
    return sum(rung.yearly_bound_with_spare for rung in rungs)
