"""The thread for work that nobody waits for: there while there is work, gone afterwards."""

from __future__ import annotations

import threading
import time
from functools import partial

from auth_portal.background import Background


def ends(before: set[threading.Thread], within_s: float = 10.0) -> bool:
    """Whether the threads that came since then end by themselves."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not {thread for thread in threading.enumerate() if thread.name == "background"} - before:
            return True
        time.sleep(0.01)
    return False


def test_the_thread_ends_when_no_job_came_and_starts_again_with_the_next() -> None:
    background, done, before = Background(idle_s=0.05), [], set(threading.enumerate())
    for number in range(2):
        background.later(partial(done.append, number))
        background.wait()
        assert ends(before)
    assert done == [0, 1]


def test_no_job_is_left_behind_however_close_to_the_end_of_the_thread_it_comes() -> None:
    background, done = Background(idle_s=0.001), []
    for number in range(1_000):
        background.later(lambda: done.append(1))
        time.sleep(0.001 if number % 2 else 0.0015)
    background.wait()
    assert len(done) == 1_000


def test_a_job_that_fails_keeps_no_other_from_being_done() -> None:
    background, done = Background(idle_s=0.05), []
    background.later(lambda: done.append(1 // 0))
    background.later(lambda: done.append(1))
    background.wait()
    assert done == [1]
