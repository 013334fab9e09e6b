"""One account, guessed at for a year at the full rate: the totals of BUD-02, exactly.

The send limits are off: the totals of standards 9.6 are for an attacker who is sent five codes every hour, which the
production limits would not do. He makes all five guesses at each of them, until they have twenty digits; at those
there is nothing to guess. He goes on asking all the same, for codes get short again as failures age.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from attack.client import BrowserDoor
from attack.clock import DAY, HOUR, MINUTE
from attack.databases import Database
from attack.people import Door, Guesses, Owner, callers, figures, guess
from attack.portals import NO_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job

NOTE = (
    "guessing: five codes an hour, without send limits (the totals of 9.6 assume so many; production sends fewer),"
    " from 200 sources, all five guesses at every code shorter than 20 digits; retention runs once a day."
)
_BUDGETS = {
    "lenient": {4: (6, 30), 6: (44, 30), 8: (50, 30)},
    "default": {4: (5, 365), 6: (25, 30), 8: (70, 30)},
    "strict": {6: (5, 30), 8: (95, 30)},
}
"""Guesses and days for each length (standards 9.6), written down again: what the portal says is what is tested."""
_TOTALS = {"lenient": (78, 572, 650), "default": (5, 325, 910), "strict": (65, 1_235)}
"""The totals of a year (BUD-02)."""
_MOST_IN_A_ROW = 100
_EVERY = 12 * MINUTE
"""Five codes an hour. A code lives ten minutes, so each is a new one."""
_SOURCES = 200
SPANS = {False: "a year", True: "five hours and 31 days later again"}
"""How long is played, by whether it is to be quick."""


def jobs(database: Database, *, quick: bool) -> list[Job]:
    """One for each profile."""
    return [partial(play, database=database, profile=profile, quick=quick) for profile in _BUDGETS]


def play(
    stand: Stand, database: Database, profile: str, *, quick: bool, settings: Mapping[str, object] | None = None
) -> list[Row]:
    """Attack two accounts of one portal: one owner signs in every day, the other not once."""
    with stand.portal(database, {"GUESS_PROFILE": profile, **NO_LIMITS, **(settings or {})}) as portal:
        active, dormant = Owner(portal, "active@attack.example"), Owner(portal, "dormant@attack.example")
        browsers = [portal.browser("198.51.100.1"), portal.browser("198.51.100.2")]
        active.register(browsers[0])
        dormant.register(browsers[1])
        guesses = besiege(portal, (active, dormant), browsers[0], callers(portal.client(), _SOURCES), quick)
        for owner, browser in zip((active, dormant), browsers, strict=True):
            come_back(owner, browser)
    span = SPANS[quick]
    return [
        row_of_active(
            f"guessing at one account, {span}, profile {profile}, owner signs in daily",
            database,
            active,
            guesses[0],
            expected(profile, quick),
        ),
        _row_of_dormant(
            f"guessing at one account, {span}, profile {profile}, owner dormant", database, dormant, guesses[1]
        ),
    ]


def besiege(
    portal: Portal, owners: Sequence[Owner], browser: BrowserDoor, attackers: Iterator[Door], quick: bool
) -> list[Guesses]:
    """Ask for a code of each owner at the full rate and guess at it; the first owner signs in every day."""
    guesses = [Guesses() for _ in owners]
    for moment in _moments(portal, quick):
        if moment % DAY == 0:
            owners[0].sign_in(browser)
        attacker = next(attackers)
        for owner, made in zip(owners, guesses, strict=True):
            sent = attacker.ask(owner.email)
            assert sent is not None, "without send limits everybody is sent a code"
            guess(portal, attacker, owner.email, sent, made)
            portal.letters.forget(owner.email)
    return guesses


def _moments(portal: Portal, quick: bool) -> Iterator[int]:
    """Move the clock from one code to the next, for a year. Quick: five hours, and five more in the next window."""
    days, hours = ((0, 31), 5) if quick else (range(365), 24)
    # The owners registered some time before, not in this very moment.
    started = (portal.clock.now // DAY + 1) * DAY
    for day in days:
        for second in range(0, hours * HOUR, _EVERY):
            portal.clock.move_to(started + day * DAY + second)
            yield portal.clock.now


def come_back(owner: Owner, browser: BrowserDoor) -> None:
    """After all that, sign in at the known browser and at a new one."""
    owner.portal.clock.shift(_EVERY)
    owner.sign_in(browser)
    owner.sign_in(owner.portal.browser("192.0.2.1"))


def row_of_active(scenario: str, database: Database, owner: Owner, guesses: Guesses, exact: Counter[int]) -> Row:
    """The row of an owner who resets the failures in a row each day: the budgets alone hold, to the guess."""
    return Row(
        scenario,
        database,
        f"exactly {figures(exact)}",
        str(guesses),
        guesses.evaluated == exact,
        owner.tried,
        owner.succeeded,
    )


def _row_of_dormant(scenario: str, database: Database, owner: Owner, guesses: Guesses) -> Row:
    total = guesses.evaluated.total()
    return Row(
        scenario,
        database,
        f"{_MOST_IN_A_ROW} in all",
        f"{total} in all ({guesses})",
        total <= _MOST_IN_A_ROW,
        owner.tried,
        owner.succeeded,
    )


def expected(profile: str, quick: bool) -> Counter[int]:
    """What the budgets of a profile come to in the time that is played."""
    budgets = _BUDGETS[profile]
    if not quick:
        return Counter(dict(zip(budgets, _TOTALS[profile], strict=True)))
    return Counter({length: most * math.ceil(32 / days) for length, (most, days) in budgets.items()})
