"""Owns the choice of a free TCP port on loopback for a server that a test may stop and start again."""

import random
import socket

# Below the range from which systems take the ports of outgoing connections (Linux: from 32768). A port of
# that range could be handed to somebody's connection while our server is stopped, and a client that keeps
# dialling a stopped server there would sooner or later be given the very same port and talk to itself.
_LOWEST, _HIGHEST = 20_000, 31_999


def free_port() -> int:
    """Return a loopback port that nobody uses and that the system gives to no outgoing connection."""
    dice = random.SystemRandom()  # a test that seeds `random` must not make two servers choose alike
    for _ in range(200):
        port = dice.randint(_LOWEST, _HIGHEST)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on 127.0.0.1")
