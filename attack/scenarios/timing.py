"""Whether answers tell known, unknown and suspended addresses apart: by their time, or by anything they say (OTP-21).

The portal runs exactly as in production, by the real clock. Requests of all classes come in random order on one
connection, each for an address of its own. The site's budgets are out of the way, so that all codes have four digits.
"""

from __future__ import annotations

import gc
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import combinations, cycle

import psycopg

from attack.client import Answer, JsonDoor
from attack.databases import Database
from attack.looks import look_of
from attack.people import sources, wrong
from attack.portals import SEND_LIMITS, Portal, Stand
from attack.report import Row
from attack.samples import NOTICEABLE, RULE, SIGNIFICANT, compare
from attack.scenarios import Job
from bench.users import address, fill_portal

NOTE = f"timing: {RULE}"
_CLASSES = ("known", "unknown", "suspended")
_STEPS = ("send", "wrong verify")
_PAGES = 10
"""Addresses of each class whose pages are looked at as well."""
_WARM_UP = 50
_OUT_OF_THE_WAY = {"SITE_GUESS_BUDGETS": "4:9999999/30d", "OPEN_SHORT_CODES": 0}

Durations = defaultdict[tuple[str, str], list[float]]
Looks = defaultdict[str, defaultdict[str, set[str]]]


def jobs(database: Database, *, quick: bool) -> list[Job]:
    """One; it must have the machine for itself."""
    return [partial(_play, database=database, requests=200 if quick else 2_000)]


def _play(stand: Stand, database: Database, requests: int) -> list[Row]:
    each = requests + _WARM_UP + _PAGES
    looks: Looks = defaultdict(lambda: defaultdict(set))
    with stand.portal(database, {**SEND_LIMITS, **_OUT_OF_THE_WAY}, real_time=True) as portal:
        fill_portal(portal.database_url, 2 * each)
        known, suspended, unknown = (
            [address(number + 1) for number in range(begin, begin + each)] for begin in (0, each, 2 * each)
        )
        _suspend(portal.database_url, suspended)
        addresses = {"known": known, "unknown": unknown, "suspended": suspended}
        durations = _measure(portal, {name: held[_PAGES:] for name, held in addresses.items()}, looks)
        for name, held in addresses.items():
            for email in held[:_PAGES]:
                _look_at_pages(portal, name, email, looks)
    return [*_timing_rows(database, durations), _looks_row(database, looks)]


def _suspend(database_url: str, addresses: Sequence[str]) -> None:
    statement = (
        'UPDATE "user" SET suspended_at = created_at WHERE id = (SELECT user_id FROM identifier WHERE value = {})'
    )
    values = [(email,) for email in addresses]
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as file, file:
            file.executemany(statement.format("?"), values)
    else:
        with psycopg.connect(database_url) as server:
            server.cursor().executemany(statement.format("%s").encode(), values)


def _measure(portal: Portal, addresses: Mapping[str, Sequence[str]], looks: Looks) -> Durations:
    """Send and guess wrong once for each address, all in random order; the first few are not counted."""
    durations: Durations = defaultdict(list)
    client, places = portal.client(), cycle(sources(250))
    with _without_garbage_collection():
        for name, email in [*_mixed(addresses, 0, _WARM_UP), *_mixed(addresses, _WARM_UP, None)]:
            answers = _send_and_guess(portal, JsonDoor(client, next(places)), email)
            for step, (answer, seconds) in zip(_STEPS, answers, strict=True):
                looks[step][name].add(look_of(answer))
                durations[step, name].append(seconds)
    return defaultdict(list, {key: seconds[_WARM_UP:] for key, seconds in durations.items()})


def _mixed(addresses: Mapping[str, Sequence[str]], begin: int, end: int | None) -> list[tuple[str, str]]:
    """A part of the addresses with their classes, in random order."""
    order = [(name, email) for name, held in addresses.items() for email in held[begin:end]]
    random.Random(begin).shuffle(order)
    return order


def _send_and_guess(portal: Portal, door: JsonDoor, email: str) -> list[tuple[Answer, float]]:
    sent, send_s = _timed(door, "send-otp-email", {"email": email})
    code = portal.letters.newest_code(email, sent.data["codeLength"])
    portal.letters.forget(email)
    body = {"email": email, "code": wrong(code, 1), "challengeId": sent.data["challengeId"]}
    return [(sent, send_s), _timed(door, "login-otp-email", body)]


def _timed(door: JsonDoor, operation: str, body: Mapping[str, object]) -> tuple[Answer, float]:
    started = time.perf_counter()
    answer = door.post(operation, body)
    return answer, time.perf_counter() - started


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _look_at_pages(portal: Portal, name: str, email: str, looks: Looks) -> None:
    """The same two steps as a new browser sees them."""
    browser = portal.browser("198.51.100.1")
    browser.open("/login")
    looks["POST /login"][name].add(look_of(browser.submit("/login", {"email": email})))
    looks["GET /login/code"][name].add(look_of(browser.open("/login/code")))
    code = wrong(portal.letters.newest_code(email, 4), 1)
    looks["POST /login/code"][name].add(look_of(browser.submit("/login/code", {"code": code})))


def _timing_rows(database: Database, durations: Durations) -> list[Row]:
    rows = []
    for step in _STEPS:
        for first, second in combinations(_CLASSES, 2):
            samples = durations[step, first], durations[step, second]
            found = compare(*samples)
            tests = f"KS p = {found.kolmogorov_smirnov:.3f}, MW p = {found.mann_whitney:.3f}"
            row = Row(
                f"timing of {step}, {first} against {second}, {min(map(len, samples)):,} requests each",
                database,
                f"p >= {SIGNIFICANT}, or medians within {NOTICEABLE:.0%}",
                f"{tests}, medians {found.first_median * 1000:.2f} and {found.second_median * 1000:.2f} ms",
                found.is_equal,
            )
            rows.append(row)
    return rows


def _looks_row(database: Database, looks: Looks) -> Row:
    different = [step for step, by_class in looks.items() if len({frozenset(seen) for seen in by_class.values()}) > 1]
    return Row(
        "status, headers, cookies and body of known, unknown and suspended addresses, JSON and pages",
        database,
        "equal but for ids and times",
        f"{', '.join(different)} differ" if different else f"equal at {len(looks)} steps",
        not different,
    )
