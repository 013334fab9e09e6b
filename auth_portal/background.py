"""Work that nobody waits for: one thread in each process that does one job after the other.

Jobs are lost with their process. So only what may be lost is done here: notices, and removing what is past its time.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("background")

Job = Callable[[], object]
Later = Callable[[Job], None]
"""Does a job soon, so that nobody waits for it."""
_MOST_JOBS = 1_000


class Background:
    """The thread and its queue. It starts with the first job, so that a forked worker has its own."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue(_MOST_JOBS)
        self._lock = threading.Lock()
        self._is_running = False

    def later(self, job: Job) -> None:
        """Do this soon. Where far too much waits already, it is dropped: a flood must not fill the memory."""
        self._start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            log.warning("job_dropped")

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
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception as error:  # whatever it was, the next job must be done
                log.warning("job_failed", kind=type(error).__name__, exc_info=error)
            finally:
                self._jobs.task_done()
