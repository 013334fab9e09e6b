"""Owns proof-of-work puzzles as a browser meets them: reads one from a page, solves it, writes the solution down."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import altcha


def puzzle_in(page: str) -> dict[str, Any]:
    """The puzzle of a page; AssertionError where it has none."""
    found = re.search(r"<form[^>]* data-puzzle='([^']+)'", page)
    assert found, page[:2_000]
    puzzle: dict[str, Any] = json.loads(found[1])
    return puzzle


def solve(puzzle: dict[str, Any]) -> dict[str, Any]:
    """The puzzle with its solution, by the library."""
    challenge = altcha.Challenge.from_dict(puzzle)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    payload: dict[str, Any] = altcha.Payload(challenge, solution).to_dict()
    return payload


def encoded(payload: Any) -> str:
    """As it goes over the wire."""
    return base64.b64encode(json.dumps(payload).encode()).decode()


def proof_for(page: str) -> str:
    """What a browser sends with the form of this page once the puzzle is solved."""
    return encoded(solve(puzzle_in(page)))
