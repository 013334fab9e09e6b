"""Two samples of durations: whether they differ by more than chance, and by how much."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SIGNIFICANT = 0.001
NOTICEABLE = 0.03
RULE = (
    f"BROKEN is a pair only where the p of a two-sided test is below {SIGNIFICANT} (Kolmogorov-Smirnov or"
    f" Mann-Whitney) and the medians differ by more than {NOTICEABLE:.0%}: among so many requests a difference can be"
    " significant that nobody could use, and one without significance is noise."
)


@dataclass(frozen=True)
class Comparison:
    """How two samples compare: p-values and medians."""

    kolmogorov_smirnov: float
    mann_whitney: float
    first_median: float
    second_median: float

    @property
    def is_equal(self) -> bool:
        """Whether they count as equal, by the RULE."""
        is_significant = min(self.kolmogorov_smirnov, self.mann_whitney) < SIGNIFICANT
        shift = self.second_median / self.first_median - 1
        return not (is_significant and abs(shift) > NOTICEABLE)


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two samples of a few hundred or more: the p-values are those of large samples."""
    return Comparison(
        kolmogorov_smirnov(first, second),
        mann_whitney(first, second),
        statistics.median(first),
        statistics.median(second),
    )


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """The p-value of the largest distance between the two distributions (asymptotic, with Stephens' correction)."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    sizes, seen, distance = (len(first), len(second)), [0, 0], 0.0
    for position, (value, sample) in enumerate(ordered):
        seen[sample] += 1
        if position + 1 == len(ordered) or ordered[position + 1][0] != value:
            distance = max(distance, abs(seen[0] / sizes[0] - seen[1] / sizes[1]))
    root = math.sqrt(sizes[0] * sizes[1] / sum(sizes))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.3:
        return 1.0  # the series below converges too slowly there, to 1
    terms = ((-1.0) ** (term - 1) * math.exp(-2 * (term * scaled) ** 2) for term in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """The p-value of one sample's values being larger than the other's (normal approximation; ties are rare)."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_value, sample) in enumerate(ordered, start=1) if sample == 0)
    one, two = len(first), len(second)
    smaller = ranks - one * (one + 1) / 2
    deviation = math.sqrt(one * two * (one + two + 1) / 12)
    return math.erfc(abs(smaller - one * two / 2) / deviation / math.sqrt(2))
