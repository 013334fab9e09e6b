"""The arithmetic of the guess budget, and that a portal does not promise more than it keeps (BUD-01, 9.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from auth_portal.settings import (
    PROFILES,
    Settings,
    SettingsError,
    load_settings,
    yearly_bound,
    yearly_bound_with_spare,
)
from auth_portal.settings.budget import parse_rung
from tests.conftest import environment
from tests.support.portal import PortalFailed, PortalProcess

DOCUMENTED = {
    "lenient": (["4:6/30d", "6:44/30d", "8:50/30d"], 8.38e-3, 1e-2),
    "default": (["4:5/365d", "6:25/30d", "8:70/30d"], 8.34e-4, 1e-3),
    "strict": (["6:5/30d", "8:95/30d"], 7.74e-5, 1e-4),
}
"""P2, P3 and P4 of standards.md 9.6: budgets, bound and target."""

Load = Callable[..., Settings]


@pytest.fixture
def environ(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """An environment that a production portal starts in, changed."""
    return lambda **changes: environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://relay.example", **changes)


@pytest.fixture
def load(environ: Callable[..., dict[str, str]]) -> Load:
    """The settings of such a portal; raises SettingsError where it does not start."""
    return lambda **changes: load_settings(environ(**changes))


def faults(load: Load, **changes: object) -> list[str]:
    """Why such a portal does not start; empty where it does."""
    try:
        load(**changes)
    except SettingsError as error:
        return error.faults
    return []


@pytest.mark.parametrize("profile", DOCUMENTED)
def test_a_profile_has_the_numbers_of_the_document(load: Load, profile: str) -> None:
    """BUD-01, 9.6; the bound to three digits, as it is printed there."""
    rungs, bound, target = DOCUMENTED[profile]
    settings = load(guess_profile=profile)
    assert [str(rung) for rung in settings.ladder] == rungs
    assert yearly_bound(settings.ladder) == pytest.approx(bound, rel=1e-3)
    assert settings.yearly_target == target
    assert yearly_bound_with_spare(settings.ladder) <= target


def test_the_default_profile_is_the_default(load: Load) -> None:
    assert load().ladder == PROFILES["default"].rungs
    assert load().guess_profile == "default"
    assert set(PROFILES) == set(DOCUMENTED)


@pytest.mark.parametrize("profile", DOCUMENTED)
def test_the_bound_is_the_sum_over_all_windows_that_begin_in_a_year(profile: str) -> None:
    """9.6: done again by hand, in whole numbers; with one more guess for each window of each length for the spare."""
    for spare, bound in ((0, yearly_bound), (1, yearly_bound_with_spare)):
        total = 0
        for text in DOCUMENTED[profile][0]:
            length, budget, days = (
                int(part) for part in text.replace(":", " ").replace("/", " ").rstrip("d").split()
            )
            total += -(-365 // days) * (budget + spare) * 10 ** (12 - length)
        assert bound(PROFILES[profile].rungs) == pytest.approx(total / 10**12, rel=1e-9)


@pytest.mark.parametrize(("rung", "guesses"), [("4:7/30d", 91), ("4:7/365d", 7), ("4:7/364d", 14), ("4:7/1d", 2555)])
def test_every_begun_window_counts_in_full(rung: str, guesses: int) -> None:
    parsed = parse_rung(rung)
    assert parsed is not None
    assert parsed.yearly_bound == pytest.approx(guesses / 10_000)
    windows = guesses // 7
    assert parsed.yearly_bound_with_spare == pytest.approx((guesses + windows) / 10_000)


def test_seven_guesses_at_four_digits_a_month_do_not_start_at_one_in_a_thousand(load: Load) -> None:
    """BUD-01: the example of the document; the fault says how much it would be."""
    (fault,) = faults(load, guess_budgets="4:7/30d", guess_target="0.001")
    assert fault.startswith("GUESS_BUDGETS: ")
    assert "1.04e-02" in fault
    assert "1e-03" in fault


FITS: dict[str, tuple[dict[str, object], bool]] = {
    "the same with a target that admits it": ({"guess_budgets": "4:7/30d", "guess_target": "0.011"}, True),
    "its bound fits, its spare guesses do not": ({"guess_budgets": "4:7/30d", "guess_target": "0.01"}, False),
    "the profile's target holds for other budgets": ({"guess_budgets": "4:9/365d"}, True),
    "and refuses what exceeds it": ({"guess_budgets": "4:10/365d"}, False),
    "a strict target refuses any guess at four digits": (
        {"guess_budgets": "4:1/365d", "guess_profile": "strict"},
        False,
    ),
    "and whatever the target is, any code shorter than six": (
        {"guess_budgets": "4:1/365d", "guess_profile": "strict", "guess_target": "0.001"},
        False,
    ),
    "a target is for a profile as well": ({"guess_target": "0.0008"}, False),
    "one digit more makes room": ({"guess_budgets": "4:20/365d", "code_length": 5}, True),
    "a lower rung than the shortest code costs nothing": (
        {"guess_budgets": "4:9999/30d,6:25/30d", "code_length": 6},
        True,
    ),
    "the sum counts, not each length": ({"guess_budgets": "4:9/365d,6:25/30d"}, False),
    "no guess at all": ({"guess_budgets": "4:0/30d"}, True),
}


@pytest.mark.parametrize("name", FITS)
def test_a_set_of_budgets_is_held_against_its_target(load: Load, name: str) -> None:
    """BUD-01."""
    settings, starts = FITS[name]
    found = faults(load, **settings)
    assert {fault.partition(":")[0] for fault in found} == (set() if starts else {"GUESS_BUDGETS"})


LADDERS = {
    ("default", 4): ["4:5/365d", "6:25/30d", "8:70/30d"],
    ("default", 5): ["5:5/365d", "6:25/30d", "8:70/30d"],
    ("default", 6): ["6:25/30d", "8:70/30d"],
    ("default", 7): ["7:25/30d", "8:70/30d"],
    ("default", 8): ["8:70/30d"],
    ("default", 9): ["9:70/30d"],
    ("default", 10): ["10:70/30d"],
    ("default", 11): ["11:70/30d"],
    ("default", 12): ["12:70/30d"],
    ("lenient", 4): ["4:6/30d", "6:44/30d", "8:50/30d"],
    ("lenient", 6): ["6:44/30d", "8:50/30d"],
    ("strict", 4): ["6:5/30d", "8:95/30d"],
    ("strict", 5): ["6:5/30d", "8:95/30d"],
    ("strict", 6): ["6:5/30d", "8:95/30d"],
    ("strict", 7): ["7:5/30d", "8:95/30d"],
    ("strict", 12): ["12:95/30d"],
}


@pytest.mark.parametrize(("profile", "shortest"), LADDERS)
def test_the_ladder_begins_at_the_length_that_is_set_and_never_gets_less_safe(
    load: Load, profile: str, shortest: int
) -> None:
    """OTP-03, BUD-01: CODE_LENGTH shortens no profile's codes, and a longer one affords no more than a shorter."""
    settings = load(guess_profile=profile, code_length=shortest)
    assert [str(rung) for rung in settings.ladder] == LADDERS[profile, shortest]
    assert settings.code_lengths == {20, *(rung.length for rung in settings.ladder)}
    assert yearly_bound_with_spare(settings.ladder) <= settings.yearly_target


@pytest.mark.parametrize("name", ["guess_budgets", "site_guess_budgets"])
@pytest.mark.parametrize(
    "text",
    [
        *("4", "4:5", "4:5/365", "4/365d", "4:5/d", "4:-1/30d", "4:5/-30d", "4:5.0/30d", "four:5/30d", "4:5/30h"),
        *("3:1/30d", "13:1/30d", "20:1/30d", "4:5/0d", "4:5/366d", "4:99999999/30d", "٤:5/30d", "4 : 5 / 30d"),
        *("4:5/365d;6:25/30d", "6:25/30d,4"),
    ],
)
def test_a_budget_that_is_none_is_named_and_never_passed_over(load: Load, name: str, text: str) -> None:
    """OPS-01: a typing error must not leave a portal on another budget than was meant."""
    found = faults(load, **{name: text, "guess_target": 1})
    assert [fault.partition(":")[0] for fault in found] == [name.upper()]
    assert "6:25/30d" in found[0], "it does not say how one is written"


@pytest.mark.parametrize("name", ["guess_budgets", "site_guess_budgets"])
def test_a_length_with_two_budgets_is_a_fault(load: Load, name: str) -> None:
    assert faults(load, **{name: "6:5/30d,6:9/30d"}) == [f"{name.upper()} has a length twice"]


@pytest.mark.parametrize("target", ["0", "-0.001", "1.1", "nan", "inf", "a tenth"])
def test_a_target_that_is_no_chance_is_refused(load: Load, target: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(load, guess_target=target)] == ["GUESS_TARGET"]


def test_all_faults_are_named_at_once(load: Load) -> None:
    """OPS-01."""
    found = faults(load, guess_budgets="4:7/30d", site_guess_budgets="4:x", code_attempts=11, guess_profile="brave")
    assert {fault.partition(":")[0] for fault in found} == {
        *("GUESS_BUDGETS", "SITE_GUESS_BUDGETS", "CODE_ATTEMPTS", "GUESS_PROFILE")
    }


def test_spaces_between_budgets_do_not_matter(load: Load) -> None:
    assert [str(rung) for rung in load(guess_budgets=" 6:9/30d , 4:1/365d ").ladder] == ["4:1/365d", "6:9/30d"]


def test_the_start_says_what_is_promised(environ: Callable[..., dict[str, str]]) -> None:
    """BUD-01: one line, before the first request: lengths, bound, bound with spare guesses, target."""
    changes = {"guess_budgets": "4:1/365d,8:70/30d", "guess_target": "0.002", "code_length": 4, "log_level": "info"}
    with PortalProcess(environ(**changes)) as process:
        lines = [json.loads(line) for line in process.log_text().splitlines() if "guess_budget" in line]
    (line,) = [line for line in lines if line["event"] == "guess_budget"]
    assert line["budgets"] == ["4:1/365d", "8:70/30d"]
    assert [float(line[name]) for name in ("yearly_bound", "with_spare_guesses")] == [1.09e-4, 2.09e-4]
    assert (line["target"], line["profile"]) == (0.002, "default")


def test_a_refused_set_says_so_and_serves_nothing(environ: Callable[..., dict[str, str]]) -> None:
    """BUD-01."""
    with pytest.raises(PortalFailed, match=r"GUESS_BUDGETS: .* 1\.04e-02"):
        PortalProcess(environ(guess_budgets="4:7/30d"), migrate=False).start()
