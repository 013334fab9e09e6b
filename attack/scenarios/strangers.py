"""Strangers in 200 networks guess without a handle at a code that somebody waits for (OTP-15).

They may have two guesses between them, and none of them is her own: she mistypes four times and still gets in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attack.client import JsonDoor
from attack.clock import MINUTE
from attack.databases import Database
from attack.people import GUESSES, Door, Guesses, Owner, sources, wrong
from attack.portals import SEND_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job
from attack.scenarios.burst import done
from tests.support.api import in_parallel

NOTE = "strangers: production send limits; 200 guesses at each code before its owner types four wrong ones, then it."
_STRANGERS = 200
_AT_ONCE = 25
_MOST = {"JSON": 2, "pages": 0}
"""Guesses that strangers have at one code; at one that a browser asked for there is none without its cookie."""


def jobs(database: Database, *, quick: bool) -> list[Job]:
    """One, for an owner at either door."""
    return [partial(_play, database=database, rounds=2 if quick else 12)]


def _play(stand: Stand, database: Database, rounds: int) -> list[Row]:
    with stand.portal(database, SEND_LIMITS, workers=2, threads=8) as portal:
        return [
            _besiege(portal, database, "JSON", lambda: portal.json("198.51.100.1"), rounds),
            _besiege(portal, database, "pages", lambda: portal.browser("198.51.100.1"), rounds),
        ]


def _besiege(portal: Portal, database: Database, door_name: str, new_door: Callable[[], Door], rounds: int) -> Row:
    # Somebody else each time: strangers' guesses stay counted, and whose budget is nearly spent has fewer tries.
    owners = [Owner(portal, f"{door_name.lower()}{number}@attack.example") for number in range(rounds)]
    most_at_a_code = 0
    for owner in owners:
        owner.register(portal.browser("198.51.100.2"))
        portal.clock.shift(90 * MINUTE)
        guesses = _round(portal, owner, new_door())
        most_at_a_code = max(most_at_a_code, guesses.evaluated.total())
    allowed = _MOST[door_name]
    return Row(
        f"{_STRANGERS} sources guess without a handle at a code of {door_name}; its owner mistypes 4 times",
        database,
        f"{allowed} at each code",
        f"{most_at_a_code} at each code",
        most_at_a_code <= allowed,
        sum(owner.tried for owner in owners),
        sum(owner.succeeded for owner in owners),
    )


def _round(portal: Portal, owner: Owner, door: Door) -> Guesses:
    """She asks, the strangers guess, she mistypes, she gets in."""
    sent = door.ask(owner.email)
    assert sent is not None, "once an hour is within the send limits"
    code = portal.letters.newest_code(owner.email, sent.length)
    guesses = _strangers_guess(portal, owner.email, code)
    for step in range(1, GUESSES):
        door.enter(owner.email, wrong(code, step), sent.challenge)
    owner.tried += 1
    owner.judge(door.enter(owner.email, code, sent.challenge).status in (200, 303))
    return guesses


def _strangers_guess(portal: Portal, email: str, code: str) -> Guesses:
    """All of them, some at a time."""

    def some(begin: int) -> Guesses:
        guesses = Guesses()
        with portal.client() as client:
            for number in range(begin, _STRANGERS, _AT_ONCE):
                stranger = JsonDoor(client, addresses[number])
                guesses.note(stranger.enter(email, wrong(code, number + GUESSES), None))
        return guesses

    addresses = sources(_STRANGERS)
    all_guesses = Guesses()
    for guesses in done(in_parallel([partial(some, begin) for begin in range(_AT_ONCE)])):
        all_guesses.evaluated += guesses.evaluated
    return all_guesses
