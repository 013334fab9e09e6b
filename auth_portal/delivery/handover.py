"""What relays and gateways have in common: how long each may take, and who tries one that was too slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

SEND_BUDGET_S = 7.0
"""Time that handing one letter over may take in all, however many relays are tried."""
RELAY_BUDGET_S = 4.0
"""Time for one relay."""
PROBE_BUDGET_S = 2.0
"""Time for a relay that was too slow the last time."""
PROBE_PATIENCE_S = 0.5
"""Time that others wait to learn whether it answers again."""

Letter = TypeVar("Letter", contravariant=True)


class HandoverRefused(Exception):
    """A relay or gateway did not accept the letter. Says how, never to whom: its own words name the person.

    ``is_slow``: it had its time and did not answer. ``may_have_left``: it was asked, and perhaps took the letter.
    """

    def __init__(self, reason: str, *, is_slow: bool = False, may_have_left: bool = False) -> None:
        super().__init__(reason)
        self.is_slow = is_slow
        self.may_have_left = may_have_left


class Handover(Protocol[Letter]):
    """Whatever takes a finished letter."""

    def hand_over(self, message: Letter, deadline: float) -> None:
        """Return once the letter is accepted, before ``deadline`` (monotonic). Raises HandoverRefused."""


class Patience:
    """Lets one thread at a time try a relay that was too slow, until it answers again.

    The others go on at once. Else a slow relay would hold every thread, and nobody could even ask how we are.
    """

    def __init__(self) -> None:
        self._is_slow = False
        self._probe = threading.Lock()

    def spend(self, attempt: Callable[[float], None], deadline: float) -> None:
        """Try, until ``deadline`` at most. Raises HandoverRefused."""
        if not self._is_slow:
            self._watch(attempt, deadline)
            return
        if not self._probe.acquire(timeout=PROBE_PATIENCE_S):
            raise HandoverRefused("still slow")
        try:
            budget = PROBE_BUDGET_S if self._is_slow else RELAY_BUDGET_S
            self._watch(attempt, min(deadline, time.monotonic() + budget))
        finally:
            self._probe.release()

    def _watch(self, attempt: Callable[[float], None], deadline: float) -> None:
        try:
            attempt(deadline)
        except HandoverRefused as refusal:
            self._is_slow = refusal.is_slow
            raise
        self._is_slow = False
