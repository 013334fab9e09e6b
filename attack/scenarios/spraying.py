"""Spraying: guesses at many accounts, from many sources, with the production send limits (9.7, BUD-06).

The budgets of all accounts together make codes longer for everybody on an unknown device. A browser that its owner
has signed in with keeps short codes, and when the failures are thirty days old all have them again.
"""

from __future__ import annotations

from functools import partial

from attack.client import BrowserDoor, JsonDoor, Sent
from attack.clock import DAY, HOUR, MINUTE
from attack.databases import Database
from attack.people import GUESSES, Guesses, Owner, callers, guess, sources
from attack.portals import SEND_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job
from attack.scenarios.burst import done
from bench.users import address, fill_portal
from tests.support.api import in_parallel

NOTE = (
    "spraying: production send limits, 250 sources. What waits when the budget of all accounts ends may still be"
    " guessed at: a burst is bounded by the codes that may wait at once (OPEN_SHORT_CODES), not by the budget alone."
    " The budgets of six and eight digits are counted about once a second: thousands at once can exceed them by what"
    " is opened meanwhile, which is not played here."
)
_BUDGETS = {4: 50, 6: 2_000, 8: 100_000}
_OPEN_SHORT_CODES = 60
"""Codes of the shortest length that wait at once before others get longer (the setting of that name).

They are counted when one is opened, and openings for different accounts do not wait for each other. So each thread
of the portal may add one that the others have not seen yet.
"""
_WORKERS, _THREADS = 2, 8
_SOURCES = 250
_EVERY_S = 10
"""From one account to the next: faster, and too many codes would wait at once, which makes them longer early."""
_AT_ONCE = 50


def jobs(database: Database, *, quick: bool) -> list[Job]:
    """One account after the other, and many at once."""
    return [
        partial(_play_one_by_one, database=database, accounts=300 if quick else 10_000),
        partial(_play_at_once, database=database, accounts=100 if quick else 300),
    ]


def _play_one_by_one(stand: Stand, database: Database, accounts: int) -> list[Row]:
    with stand.portal(database, SEND_LIMITS, counts_site=True) as portal:
        fill_portal(portal.database_url, accounts)
        owner = Owner(portal, "ada@attack.example")
        known = portal.browser("198.51.100.1")
        owner.register(known)
        portal.clock.shift(HOUR)
        guesses = _spray(portal, accounts)
        lengths = [_length(owner, known), _length(owner, portal.browser("192.0.2.1"))]
        portal.clock.shift(30 * DAY + HOUR)
        lengths.append(_length(owner, portal.browser("192.0.2.2")))
    is_within = all(guesses.evaluated[length] <= most for length, most in _BUDGETS.items())
    return [
        Row(
            f"spraying {accounts:,} accounts with one guess each",
            database,
            ", ".join(f"{length}: {most:,}" for length, most in _BUDGETS.items())
            + "; a known device keeps 4 digits, all have them after 30 days",
            f"{guesses}; known device {lengths[0]}, unknown {lengths[1]}, unknown after 30 days {lengths[2]}",
            is_within and lengths[0] == lengths[2] == min(_BUDGETS) < lengths[1],
            owner.tried,
            owner.succeeded,
        )
    ]


def _spray(portal: Portal, accounts: int) -> Guesses:
    guesses, attackers = Guesses(), callers(portal.client(), _SOURCES)
    for number in range(1, accounts + 1):
        attacker, email = next(attackers), address(number)
        sent = attacker.ask(email)
        assert sent is not None, "so many sources stay within their limits"
        guess(portal, attacker, email, sent, guesses, times=1)
        portal.clock.shift(_EVERY_S)
    return guesses


def _length(owner: Owner, browser: BrowserDoor) -> int:
    """How many digits she types to sign in here; 0 where she cannot."""
    sent = owner.sign_in(browser)
    return 0 if sent is None else sent.length


def _play_at_once(stand: Stand, database: Database, accounts: int) -> list[Row]:
    """All ask before the first guess is made: the codes that wait at once bound what the ledger cannot see yet."""
    with stand.portal(database, SEND_LIMITS, workers=_WORKERS, threads=_THREADS) as portal:
        fill_portal(portal.database_url, accounts)
        owner = Owner(portal, "ada@attack.example")
        known = portal.browser("198.51.100.1")
        owner.register(known)
        portal.clock.shift(HOUR)
        guesses = _spray_at_once(portal, accounts)
        portal.clock.shift(11 * MINUTE)
        for browser in (known, portal.browser("192.0.2.1")):
            owner.sign_in(browser)
    allowed = (_OPEN_SHORT_CODES + _WORKERS * _THREADS - 1) * GUESSES
    return [
        Row(
            f"spraying {accounts:,} accounts, all codes asked for before the first guess",
            database,
            f"4: {allowed} ({_OPEN_SHORT_CODES} codes may wait at once, more if opened in the same moment; "
            f"{GUESSES} guesses each)",
            str(guesses),
            guesses.evaluated[4] <= allowed,
            owner.tried,
            owner.succeeded,
        )
    ]


def _spray_at_once(portal: Portal, accounts: int) -> Guesses:
    places = sources(_SOURCES)

    def attack(thread: int) -> list[tuple[JsonDoor, str, Sent]]:
        client, opened = portal.client(), []
        for number in range(thread + 1, accounts + 1, _AT_ONCE):
            door = JsonDoor(client, places[number % _SOURCES])
            sent = door.ask(address(number))
            assert sent is not None, "so many sources stay within their limits"
            opened.append((door, address(number), sent))
        return opened

    opened = done(in_parallel([partial(attack, thread) for thread in range(_AT_ONCE)]))
    guesses = Guesses()
    for door, email, sent in (item for items in opened for item in items):
        guess(portal, door, email, sent, guesses)
    return guesses
