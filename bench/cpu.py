"""CPU time of other processes, as the operating system counts it (user and system time, in seconds)."""

from collections.abc import Iterable, Mapping

import psutil  # type: ignore[import-untyped]


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return what each living process has used since it started; its children are not counted in."""
    used: dict[int, float] = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        used[pid] = times.user + times.system
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
