"""How attackers and owners act in tests of the guess budget: codes from networks of their own, and guesses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text

from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.support.outboxes import Outbox

ADA = "ada@example.com"
REFUSED = (401, "code_invalid")
LIFE = 602
"""Seconds after which a code of the usual life is over and holds nothing any more."""
MOST_DIGITS = 20

_numbers = itertools.count(1)


def new_address() -> str:
    """An address in a network that nobody else uses."""
    number = next(_numbers)
    return f"10.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"


@dataclass(frozen=True)
class Sent:
    """A code that an API caller was sent, with its handle."""

    caller: ApiDriver
    email: str
    id: str
    code: str

    @property
    def length(self) -> int:
        """How many digits it has."""
        return len(self.code)

    def guess_wrong(self, times: int = 1) -> None:
        """Guess wrong with the handle, each time something else."""
        for step in range(1, times + 1):
            answer = self.caller.login(self.email, wrong_code(self.code, step), challengeId=self.id)
            assert outcome(answer) == REFUSED

    def is_right(self) -> bool:
        """Enter the right code: whether it is still taken."""
        answer = self.caller.login(self.email, self.code, challengeId=self.id)
        assert outcome(answer) in ((200, None), REFUSED)
        return answer.status_code == 200


class Visitor:
    """People who ask for one address's codes: over the API or in browsers, from anywhere."""

    def __init__(self, app: Flask, outbox: Outbox, email: str = ADA) -> None:
        self.app, self.outbox, self.email = app, outbox, email

    def send(self, address: str | None = None) -> Sent:
        """Have a code sent to a caller of the API; from a network of its own unless one is named."""
        services_of(self.app).background.wait()  # no notice may arrive behind the code's letter
        caller = ApiDriver(self.app, self.outbox, address or new_address())
        answer = caller.send(self.email)
        assert answer.status_code == 201, answer.text
        data = data_of(answer)
        sent = Sent(caller, self.email, data["challengeId"], self.outbox.code_sent_to(self.email))
        assert data["codeLength"] == sent.length
        return sent

    def browse(self, browser: BrowserDriver | None = None) -> tuple[BrowserDriver, str]:
        """Have a code sent to a browser, a new one unless it is given; that browser and the code."""
        services_of(self.app).background.wait()
        browser = browser or BrowserDriver(self.app, self.outbox, new_address())
        assert browser.ask(self.email).location == "/login/code"
        code = self.outbox.code_sent_to(self.email)
        assert f'data-code="{len(code)}"' in browser.page
        return browser, code

    def use_up(self, most: int = MOST_DIGITS, guesses: int = 6) -> Sent:
        """Ask for codes and make every guess at them while they have fewer than ``most`` digits; the next one."""
        while (sent := self.send()).length < most:
            sent.guess_wrong(guesses)
        return sent


def evaluated(app: Flask) -> dict[int, int]:
    """The guesses that were compared with a code and do not belong to a success, by the code's length."""
    query = """SELECT code_length, sum(attempts + foreign_attempts) FROM challenge
        WHERE consumed_at IS NULL GROUP BY code_length HAVING sum(attempts + foreign_attempts) > 0"""
    with services_of(app).engine.connect() as connection:
        return {int(length): int(guesses) for length, guesses in connection.execute(text(query))}


def of_short_codes(guesses: dict[int, int]) -> dict[int, int]:
    """Those at codes that the budget is about."""
    return {length: number for length, number in guesses.items() if length < MOST_DIGITS}


def steps(*runs: tuple[int, int]) -> list[int]:
    """Lengths in a row: ``(4, 5), (6, 2)`` is five fours and two sixes."""
    return [length for length, times in runs for _ in range(times)]


def lengths(codes: Iterable[Sent]) -> list[int]:
    """How many digits each of these codes has."""
    return [sent.length for sent in codes]
