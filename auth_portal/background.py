"""Work that nobody waits for: one thread in each process that does one job after the other.

Jobs are lost with their process. So only what may be lost is done here: notices, and removing what is past its time.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

log = structlog.get_logger("background")

Job = Callable[[], object]
Later = Callable[[Job], None]
"""Does a job soon, so that nobody waits for it."""
_MOST_JOBS = 1_000


class Background:
    """The thread and its queue. It starts with a job, so that a forked worker has its own; without any it ends."""

    def __init__(self, *, idle_s: float = 10.0) -> None:
        self._idle_s = idle_s
        self._jobs: queue.Queue[Job] = queue.Queue(_MOST_JOBS)
        self._lock = threading.Lock()
        self._is_running = False

    def later(self, job: Job) -> None:
        """Do this soon. Where far too much waits already, it is dropped: a flood must not fill the memory."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            log.warning("job_dropped")
        self._start()

    def every(self, seconds: float, job: Job) -> None:
        """Do this again and again from now on, in a thread of its own; not at once in all processes."""

        def repeat() -> None:
            while True:
                time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311  spreads load, decides nothing
                self.later(job)

        threading.Thread(target=repeat, name="every", daemon=True).start()

    def wait(self) -> None:
        """Return once everything is done that was asked for before."""
        self._jobs.join()

    def _start(self) -> None:
        with self._lock:
            if not self._is_running:
                threading.Thread(target=self._work, name="background", daemon=True).start()
                self._is_running = True

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception as error:  # whatever it was, the next job must be done
                log.warning("job_failed", kind=type(error).__name__, exc_info=error)
            finally:
                self._jobs.task_done()

    def _next(self) -> Job | None:
        """The next job; None, and the thread is to end, where there was none for a while."""
        while True:
            with suppress(queue.Empty):
                return self._jobs.get(timeout=self._idle_s)
            with self._lock:
                # One that comes from here on finds no thread, and starts another.
                if self._jobs.empty():
                    self._is_running = False
                    return None
