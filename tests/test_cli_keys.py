"""``auth-portal keys``: what an operator sees of the signing keys, and how they are rotated (JWT-11)."""

from __future__ import annotations

import time_machine

from tests.conftest import NOW
from tests.operating import Run, json_of, run

__all__ = ["run"]


def test_keys_are_listed_as_a_table_and_as_json(run: Run) -> None:
    keys = json_of(run("keys", "list", "--json"))
    assert [key["algorithm"] for key in keys] == ["ES256", "RS256"]
    table = run("keys", "list").stdout.splitlines()
    assert len(table) == 3
    for key, line in zip(keys, table[1:], strict=True):
        assert sorted(key) == ["active_from", "algorithm", "created_at", "kid", "retires_at", "state"]
        assert (key["state"], key["retires_at"]) == ("active", None)
        assert table[0].split() == list(key)
        assert line.split()[:3] == [key["kid"], key["algorithm"], "active"]


def test_a_rotation_prints_the_keys_that_wait(clock: time_machine.Traveller, run: Run) -> None:
    first = json_of(run("keys", "list", "--json"))
    made = json_of(run("keys", "rotate", "--json"))
    assert [(key["algorithm"], key["state"]) for key in made] == [("ES256", "next"), ("RS256", "next")]
    assert all(key["active_from"] > NOW.strftime("%Y-%m-%dT%H:%M:%S") for key in made)
    listed = json_of(run("keys", "list", "--json"))
    assert [key["kid"] for key in listed] == [key["kid"] for key in [*first, *made]]
    assert [key["state"] for key in listed] == ["active", "active", "next", "next"]


def test_a_rotation_may_take_effect_at_once(clock: time_machine.Traveller, run: Run) -> None:
    run("keys", "list")
    made = json_of(run("keys", "rotate", "--now", "--json"))
    assert [(key["algorithm"], key["state"]) for key in made] == [("ES256", "active"), ("RS256", "active")]
    assert [key["state"] for key in json_of(run("keys", "list", "--json"))] == ["retiring"] * 2 + ["active"] * 2


def test_keys_that_leaked_are_gone_from_the_list_at_once(run: Run) -> None:
    """JWT-11."""
    run("keys", "list")
    made = json_of(run("keys", "rotate", "--leaked", "--json"))
    assert [key["kid"] for key in json_of(run("keys", "list", "--json"))] == [key["kid"] for key in made]


def test_a_key_listing_shows_no_private_part(run: Run) -> None:
    run("keys", "rotate")
    listing = run("keys", "list", "--json").stdout + run("keys", "list").stdout
    assert "gAAAA" not in listing
    assert "private" not in listing
