"""The attacks themselves: a slice of them holds, and they see a bound that is broken."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from attack.databases import DATABASES, Database, Databases
from attack.portals import Stand
from attack.report import Row, table
from attack.samples import compare, kolmogorov_smirnov, mann_whitney
from attack.scenarios import guessing
from tests.support.postgres import PostgresServer

NUMBERS = 2_000


@pytest.fixture(scope="module")
def place(postgres: PostgresServer, sqlite_template: Path, postgres_template: str) -> Stand:
    """Where portals are started, on both databases."""
    urls = {"sqlite": f"sqlite:///{sqlite_template}", "postgresql": postgres.url(postgres_template)}
    return Stand(Databases(postgres, {database: urls[database] for database in DATABASES}))


@pytest.mark.parametrize("database", DATABASES)
def test_a_patient_attacker_has_the_guesses_of_two_windows_and_both_owners_get_in(
    place: Stand, database: Database
) -> None:
    """BUD-02, in short; `make attack` plays the year."""
    rows = guessing.play(place, database, "default", quick=True)

    assert [row.observed for row in rows] == ["4: 5, 6: 50, 8: 140", "100 in all (4: 5, 6: 25, 8: 70)"]
    assert [(row.tried, row.succeeded) for row in rows] == [(4, 4), (2, 2)]
    assert all(row.holds for row in rows)


def test_a_portal_that_affords_more_guesses_than_allowed_is_found_out(place: Stand) -> None:
    budgets = {"GUESS_BUDGETS": "4:6/365d,6:25/30d,8:70/30d", "GUESS_TARGET": 1}

    active, _dormant = guessing.play(place, "sqlite", "default", quick=True, settings=budgets)

    # One more at four digits; and one less at eight, for the first window ends at a hundred in a row.
    assert active.observed == "4: 6, 6: 50, 8: 139"
    assert not active.holds
    assert "BROKEN" in table([active])


def test_a_row_is_broken_where_somebody_honest_did_not_get_in() -> None:
    assert Row("", "", "", "", is_within=True, tried=3, succeeded=3).holds
    assert not Row("", "", "", "", is_within=True, tried=3, succeeded=2).holds
    assert not Row("", "", "", "", is_within=False).holds


@pytest.mark.parametrize(
    ("factor", "is_equal"), [(1.0, True), (1.02, True), (1.1, False)], ids=["same", "tiny", "noticeable"]
)
def test_times_differ_where_the_difference_is_significant_and_large_enough_to_be_used(
    factor: float, is_equal: bool
) -> None:
    dice = random.Random(7)
    first = [dice.lognormvariate(0, 0.1) for _ in range(NUMBERS)]
    second = [factor * dice.lognormvariate(0, 0.1) for _ in range(NUMBERS)]

    assert compare(first, second).is_equal is is_equal


def test_a_large_difference_without_significance_is_noise() -> None:
    assert compare([1.0, 2.0, 3.0, 4.0], [2.5, 3.5, 4.5, 5.5]).is_equal


def test_the_tests_know_the_same_from_the_different() -> None:
    """Reference values: SciPy's ks_2samp(method="asymp") and mannwhitneyu(use_continuity=False)."""
    first, second = [float(number) for number in range(50)], [number + 10.5 for number in range(50)]

    assert kolmogorov_smirnov(first, first) == 1.0
    assert mann_whitney(first, second) == pytest.approx(0.0011949, abs=1e-6)
    assert kolmogorov_smirnov(first, second) == pytest.approx(0.1526, abs=0.003)
