"""CPU time of other processes, as the operating system counts it (user and system time, in seconds)."""

import sys
import time
from collections.abc import Iterable, Mapping

import psutil  # type: ignore[import-untyped]

_PROCESS_CLOCK = 2  # Linux: CPUCLOCK_SCHED, the time the scheduler has given to all threads of a process


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return what each living process has used since it started; its children are not counted in."""
    used: dict[int, float] = {}
    for pid in pids:
        try:
            used[pid] = _cpu_seconds(pid)
        except (psutil.NoSuchProcess, OSError):
            continue
    return used


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Return what was used between two readings; a process that ended in between is left out."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def family(pid: int) -> list[int]:
    """Return the process and all of its living descendants."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _cpu_seconds(pid: int) -> float:
    if sys.platform == "linux":
        # What clock_getcpuclockid(3) gives. It counts nanoseconds where /proc counts ticks of 10 ms, and a
        # database has a process for each connection: the ticks would add up to more than what is measured.
        return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
