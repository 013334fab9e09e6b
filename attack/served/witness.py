"""The witness: gives each request the players' time, and tells in its answer which guess was evaluated.

It counts where a typed code is compared with the right one, not in the ledger: a guess that the ledger forgot would
be seen. What the portal does by itself, by a timer in real time, it does by the players' clock: it prunes once a day,
so that the plays show that retention changes no ledger, and counts the site's ledger anew before each moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import time_machine
from flask import Flask
from sqlalchemy import event

from attack.clock import DAY, Clock
from auth_portal.signin import guesses, retention

COMPARED = "X-Attack-Compared"
"""Names the answer's header: ``right`` or ``wrong``, and the digits of what was compared."""

_StartResponse = Callable[..., Any]


class Witness:
    """Stands between gunicorn and the portal, in each worker."""

    def __init__(self, app: Flask, clock: Clock, *, counts_site: bool) -> None:
        self._services = app.extensions["auth_portal"]
        self._clock = clock
        self._counts_site = counts_site
        self._time = time_machine.travel(clock.now, tick=False)
        self._coordinates: time_machine.Traveller | None = None
        self._now = self._pruned_at = clock.now
        self._lock = threading.Lock()
        self._here = threading.local()
        self._inner = app.wsgi_app
        app.wsgi_app = self._serve  # type: ignore[method-assign]
        self._watch_comparisons()
        if self._services.engine.dialect.name == "sqlite":
            event.listen(self._services.engine, "connect", _do_not_sync)

    def start_clock(self) -> None:
        """From now on this process has the players' time; what waits does so by the monotonic clock, as ever."""
        self._coordinates = self._time.start()

    def _serve(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        self._follow_clock()
        self._here.compared = None
        return self._inner(environ, partial(self._start_response, start_response))

    def _start_response(
        self, start_response: _StartResponse, status: str, headers: list[tuple[str, str]], *rest: Any
    ) -> Any:
        compared: str | None = self._here.compared
        return start_response(status, [*headers, (COMPARED, compared)] if compared else headers, *rest)

    def _follow_clock(self) -> None:
        if self._clock.now == self._now:
            return
        with self._lock:
            now = self._clock.now
            if now != self._now and self._coordinates is not None:
                self._coordinates.move_to(now)
                self._now = now
                self._prune_if_due(now)
                if self._counts_site:
                    self._services.site_ledger._look()  # once a second in production, and here seconds have passed

    def _prune_if_due(self, now: int) -> None:
        if now - self._pruned_at >= DAY:
            self._pruned_at = now
            retention.prune_if_due(self._services.engine, self._services.limits, self._services.seals)

    def _watch_comparisons(self) -> None:
        compare: Callable[[str | None, str], bool] = guesses.codes_match  # type: ignore[attr-defined]

        def codes_match(expected: str | None, given: str) -> bool:
            is_right = compare(expected, given)
            self._here.compared = f"{'right' if is_right else 'wrong'} {len(given)}"
            return is_right

        guesses.codes_match = codes_match  # type: ignore[attr-defined]


def _do_not_sync(connection: Any, _record: object) -> None:
    """Only a crash of the machine could lose what is not synced, and no play has one; a year has many commits."""
    connection.execute("PRAGMA synchronous=OFF")
