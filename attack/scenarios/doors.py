"""Both doors in turn: every other code is asked for and guessed at on the pages, by a new browser (BUD-05)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import cycle

from attack.client import BrowserDoor, JsonDoor
from attack.databases import Database
from attack.people import Door, Owner, sources
from attack.portals import NO_LIMITS, Portal, Stand
from attack.report import Row
from attack.scenarios import Job
from attack.scenarios.guessing import SPANS, besiege, come_back, expected, row_of_active

NOTE = "doors: as guessing; every other code is asked for and guessed at in a new browser instead of the JSON API."


def jobs(database: Database, *, quick: bool) -> list[Job]:  # noqa: ARG001  a month says all: windows are alike
    """One: the default profile, over two windows."""
    return [partial(_play, database=database)]


def _play(stand: Stand, database: Database) -> list[Row]:
    with stand.portal(database, NO_LIMITS) as portal:
        owner = Owner(portal, "ada@attack.example")
        browser = portal.browser("198.51.100.1")
        owner.register(browser)
        (guesses,) = besiege(portal, [owner], browser, _in_turn(portal), quick=True)
        come_back(owner, browser)
    name = f"guessing through pages and JSON in turn, {SPANS[True]}, profile default"
    return [row_of_active(name, database, owner, guesses, expected("default", quick=True))]


def _in_turn(portal: Portal) -> Iterator[Door]:
    client = portal.client()
    for number, source in enumerate(cycle(sources(200))):
        yield JsonDoor(client, source) if number % 2 else BrowserDoor(client, source, portal.clock)
