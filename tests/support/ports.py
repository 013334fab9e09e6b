"""Owns the choice of a free TCP port on loopback for a server that a test may stop and start again."""

import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# Below the range from which systems take the ports of outgoing connections (Linux: from 32768). A port of
# that range could be handed to somebody's connection while our server is stopped, and a client that keeps
# dialling a stopped server there would sooner or later be given the very same port and talk to itself.
_LOWEST, _HIGHEST = 20_000, 31_999
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_given: set[int] = set()


def free_port() -> int:
    """Return a loopback port that nobody uses and that the system gives to no outgoing connection.

    Nor does anybody else get it from here: each worker has ports of its own, and gives each of them once. So a port
    stays free between the choice and the use, and where nobody is to listen, nobody will.
    """
    dice = random.SystemRandom()  # a test that seeds `random` must not make two servers choose alike
    for _ in range(200):
        port = dice.randrange(_LOWEST + _WORKER, _HIGHEST + 1, _WORKERS)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on 127.0.0.1")


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port, at every loopback address, that lets callers wait: its queue is full, and nobody takes one from it."""
    with ExitStack() as stack:
        busy = stack.enter_context(socket.socket())
        busy.bind(("", 0))
        busy.listen(0)
        port: int = busy.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def eight_addresses(real: Callable[..., Any]) -> Callable[..., Any]:
    """The system's resolver with eight loopback addresses for `localhost`."""

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        found = [f"127.0.0.{last}" for last in range(1, 9)] if host == "localhost" else [host]
        return [entry for address in found for entry in real(address, *args, **options)]

    return look_up


def noted(real: Callable[..., socket.socket], patience_s: list[tuple[int, float]]) -> Callable[..., socket.socket]:
    """The system's way to connect; how long each address was given is noted, with its port."""

    def create_connection(address: tuple[str, int], timeout: float, *args: Any) -> socket.socket:
        patience_s.append((address[1], timeout))
        return real(address, timeout, *args)

    return create_connection
