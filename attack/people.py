"""Who plays: honest people, who type what their letter says, and attackers, who guess.

An attacker here knows the right code, for he reads the letters too. He uses that to guess wrong on purpose: a lucky
hit would end a year of guesses early, and the figures would differ from run to run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Protocol

from attack.client import Answer, BrowserDoor, Client, JsonDoor, Sent
from attack.portals import Portal

GUESSES = 5
"""Guesses that one code has (CODE_ATTEMPTS)."""
LONG = 20
"""Digits of a code at which nobody need guess."""


class Door(Protocol):
    """What a sign-in needs of either door."""

    def ask(self, email: str) -> Sent | None:
        """Ask for a code."""

    def enter(self, email: str, code: str, challenge: str | None) -> Answer:
        """Enter a code."""


@dataclass
class Guesses:
    """Wrong guesses that were evaluated, by the digits of the code."""

    made: int = 0
    evaluated: Counter[int] = field(default_factory=Counter)

    def note(self, answer: Answer) -> None:
        """Count one guess."""
        self.made += 1
        if answer.wrong is not None:
            self.evaluated[answer.wrong] += 1

    def __str__(self) -> str:
        return figures(self.evaluated)


class Owner:
    """The person whose account is attacked. ``tried``, ``succeeded`` and ``asked_again`` count her sign-ins."""

    def __init__(self, portal: Portal, email: str) -> None:
        self.portal = portal
        self.email = email
        self.tried = self.succeeded = self.asked_again = 0

    def register(self, browser: BrowserDoor) -> None:
        """Become a user; the browser is a known device from now on."""
        sent = browser.ask(self.email)
        assert sent is not None
        answer = browser.enter(self.email, self._read(sent), sent.challenge)
        browser.open(answer.header("location") or "")
        answer = browser.submit("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
        assert answer.header("location") == "/account", answer.text[:300]

    def sign_in(self, browser: BrowserDoor, typing_s: int = 0) -> Sent | None:
        """Sign in where nobody is signed in; counted as tried, and as succeeded if it ends at the account.

        ``typing_s``: how long she takes from asking to the last digit. Where the code ends meanwhile she asks again,
        once, as the page tells her to; never for another reason.
        """
        self.tried += 1
        browser.forget("portal-session")
        sent, answer = self._try(browser, typing_s)
        if sent is not None and sent.lives_for_s <= typing_s:
            self.asked_again += 1
            sent, answer = self._try(browser, typing_s)
        self.judge(answer is not None and answer.status == 303 and answer.header("location") == "/account")
        return sent

    def judge(self, is_in: bool) -> None:
        """Count how a sign-in ended."""
        self.succeeded += is_in

    def _try(self, browser: BrowserDoor, typing_s: int) -> tuple[Sent | None, Answer | None]:
        sent = browser.ask(self.email)
        if sent is None:
            return None, None
        if typing_s:
            self.portal.clock.shift(typing_s)
        return sent, browser.enter(self.email, self._read(sent), sent.challenge)

    def _read(self, sent: Sent) -> str:
        return self.portal.letters.newest_code(self.email, sent.length)


def guess(portal: Portal, door: Door, email: str, sent: Sent, guesses: Guesses, times: int = GUESSES) -> None:
    """Guess wrong at the code that was just sent, as long as it is short enough to be guessed at."""
    if sent.length >= LONG:
        return
    code = portal.letters.newest_code(email, sent.length)
    for step in range(1, times + 1):
        guesses.note(door.enter(email, wrong(code, step), sent.challenge))


def wrong(code: str, step: int) -> str:
    """A wrong code of the same length, another one for each step."""
    return str((int(code) + step) % 10 ** len(code)).zfill(len(code))


def sources(count: int) -> list[str]:
    """So many source addresses, each a network of its own to the portal."""
    return [f"203.0.{113 + number // 250}.{number % 250 + 1}" for number in range(count)]


def callers(client: Client, count: int) -> Iterator[JsonDoor]:
    """API callers on one connection that take turns, for ever."""
    return cycle([JsonDoor(client, source) for source in sources(count)])


def figures(counts: Counter[int]) -> str:
    """``4: 5, 6: 325`` for guesses at four and at six digits."""
    return ", ".join(f"{length}: {counts[length]:,}" for length in sorted(counts)) or "none"
