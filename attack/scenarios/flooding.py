"""Flooding an inbox for a month, from 200 sources, while its owner signs in every day (OTP-15, OTP-19, OTP-20).

She does so in a browser that is known, and in one that is new each day. That one shares the long code of the flood:
its letter may be minutes old, and the code may end before she has typed it. Then she asks once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from attack.clock import DAY, HOUR, MINUTE
from attack.databases import Database
from attack.people import LONG, Owner, callers
from attack.portals import SEND_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job

NOTE = (
    "flooding: production send limits, a request every two minutes; the owner takes 45 s from asking to typing."
    " Allowed are 20 short codes at once and 20 a day, those of her known browser, and a long one every ten minutes."
)
_SOURCES = 200
_EVERY = 2 * MINUTE
_TYPING_S = 45
"""From asking to the last digit: she goes to her mailbox and back."""
_AT_ONCE = _A_DAY = 20
"""Short codes that an inbox is sent for unknown devices: so many at once, then as many each day."""
_NOTICES, _NOTICES_A_DAY = 0, 6
"""Letters without a code: of sign-ins on new devices at most five a day, of wrong codes one."""
_LONG_A_DAY = DAY // (10 * MINUTE)


def jobs(database: Database, *, quick: bool) -> list[Job]:
    """One."""
    return [partial(_play, database=database, days=2 if quick else 30)]


def _play(stand: Stand, database: Database, days: int) -> list[Row]:
    with stand.portal(database, SEND_LIMITS) as portal:
        owner = Owner(portal, "ada@attack.example")
        known = portal.browser("198.51.100.1")
        owner.register(known)
        portal.clock.shift(2 * DAY)
        portal.letters.forget(owner.email)
        attackers = callers(portal.client(), _SOURCES)
        for is_hers in _moments(portal, days):
            if is_hers:
                owner.sign_in(known, _TYPING_S)
                owner.sign_in(portal.browser("192.0.2.1"), _TYPING_S)
            else:
                next(attackers).ask(owner.email)
        letters = Counter(len(code) for code in portal.letters.codes(owner.email))
        letters[_NOTICES] = portal.letters.count(owner.email) - letters.total()
    return [_row(database, owner, days, letters)]


def _moments(portal: Portal, days: int) -> Iterator[bool]:
    """Move the clock from request to request; whether one is the owner's.

    Hers come at another time each day, so that she meets the flood's codes at every age.
    """
    begun = portal.clock.now
    floods = [(begun + second, False) for second in range(0, days * DAY, _EVERY)]
    hers = [(begun + day * DAY + 2 * HOUR + day * (37 * MINUTE + 41) + 1, True) for day in range(days)]
    for moment, is_hers in sorted(floods + hers):
        portal.clock.move_to(max(moment, portal.clock.now))
        yield is_hers


def _row(database: Database, owner: Owner, days: int, letters: Counter[int]) -> Row:
    """Beside the codes, her own at the known browser count: it has send limits of its own."""
    short = letters.total() - letters[LONG] - letters[_NOTICES]
    most_short = _AT_ONCE + _A_DAY * days + days
    most_long = _LONG_A_DAY * days + 1
    most_notices = _NOTICES_A_DAY * (days + 1)
    return Row(
        f"flooding an inbox for {days} days from {_SOURCES} sources, daily sign-ins at a known and a new browser",
        database,
        f"{most_short:,} letters with short codes, {most_long:,} with long ones, {most_notices} notices",
        f"{short:,}, {letters[LONG]:,} and {letters[_NOTICES]}; {owner.asked_again} codes ended before she typed",
        short <= most_short and letters[LONG] <= most_long and letters[_NOTICES] <= most_notices,
        owner.tried,
        owner.succeeded,
    )
