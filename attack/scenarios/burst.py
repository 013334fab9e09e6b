"""A hundred challenges of one account, opened at the same moment from a hundred sources, and all guessed at (9.5).

The send limits are off: with them five of these requests would get a code of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from attack.client import Sent
from attack.clock import MINUTE
from attack.databases import Database
from attack.people import GUESSES, LONG, Door, Guesses, Owner, sources
from attack.portals import NO_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job
from tests.support.api import in_parallel

T = TypeVar("T")

NOTE = (
    "burst: a hundred real threads against two workers, without send limits; six guesses at each code, and at the API"
    " two more from a network that has no handle, which may bring a spare guess to the last code of each length."
)
_AT_ONCE = 100
_BUDGETS = {4: 5, 6: 25, 8: 70}
_SPARE = 1
"""Guesses at an API code beyond its holder's (SPARE_GUESSES): a window's last code may bring one too many."""


def jobs(database: Database, *, quick: bool) -> list[Job]:  # noqa: ARG001  it takes seconds
    """One, of both doors."""
    return [partial(_play, database=database)]


def _play(stand: Stand, database: Database) -> list[Row]:
    with stand.portal(database, NO_LIMITS, workers=2, threads=8) as portal:
        return [
            _attack(portal, database, "JSON", [portal.json(source) for source in sources(_AT_ONCE)], _SPARE),
            _attack(portal, database, "pages", [portal.browser(source) for source in sources(_AT_ONCE)], 0),
        ]


def _attack(portal: Portal, database: Database, doors_name: str, doors: Sequence[Door], spare: int) -> Row:
    owner = Owner(portal, f"{doors_name.lower()}@attack.example")
    browser = portal.browser("198.51.100.1")
    owner.register(browser)
    portal.clock.shift(MINUTE)
    sent = done(in_parallel([partial(door.ask, owner.email) for door in doors]))
    guesses = _guess_at_once(portal, owner.email, doors, sent)
    owner.sign_in(browser)
    owner.sign_in(portal.browser("192.0.2.1"))
    allowed = {length: budget + spare for length, budget in _BUDGETS.items()}
    return Row(
        f"{_AT_ONCE} challenges opened at once, {doors_name}",
        database,
        ", ".join(f"{length}: {most}" for length, most in allowed.items()),
        str(guesses),
        all(guesses.evaluated[length] <= most for length, most in allowed.items()) and guesses.evaluated[4] > 0,
        owner.tried,
        owner.succeeded,
    )


def _guess_at_once(portal: Portal, email: str, doors: Sequence[Door], sent: Sequence[Sent | None]) -> Guesses:
    """All make all guesses, and API callers two more each without a handle, as a stranger would."""
    right = set(portal.letters.codes(email))

    def attack(number: int) -> Guesses:
        guesses, mine = Guesses(), sent[number]
        assert mine is not None, "without send limits everybody is sent a code"
        if mine.length >= LONG:
            return guesses
        wrong_ones = _codes_but(right, mine.length, GUESSES + 1)
        for code in wrong_ones:
            guesses.note(doors[number].enter(email, code, mine.challenge))
        stranger = portal.json(f"192.0.2.{number + 2}")
        for code in wrong_ones[:2]:
            guesses.note(stranger.enter(email, code, None))
        return guesses

    all_guesses = Guesses()
    for guesses in done(in_parallel([partial(attack, number) for number in range(len(doors))])):
        all_guesses.evaluated += guesses.evaluated
    return all_guesses


def _codes_but(right: set[str], length: int, count: int) -> list[str]:
    codes = (str(number).zfill(length) for number in range(10**length))
    return [code for code, _number in zip((code for code in codes if code not in right), range(count), strict=False)]


def done(results: Sequence[T | Exception]) -> list[T]:
    """The results of calls that were made at once. Raises the first exception of theirs."""
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [result for result in results if not isinstance(result, Exception)]
