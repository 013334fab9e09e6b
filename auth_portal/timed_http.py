"""Connections that are made and answers over HTTP that are read in time, and why there was none in words that quote
nothing.
"""

from __future__ import annotations

import http.client
import io
import logging
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

# It quotes the whole address of a server whose headers it cannot parse.
logging.getLogger("urllib3").setLevel(logging.ERROR)

Left = Callable[[], float]
"""Seconds that the next step may take. Raises TimeoutError where none are left."""

FAILURES = (OSError, HTTPError, http.client.HTTPException, ValueError)
"""What a request may raise where the other side, or the way there, is not as it should be."""

TIMEOUTS = (TimeoutError, Urllib3TimeoutError)
"""What it raises where the time is over."""


def look_up(host: str, port: int, timeout_s: float) -> list[str]:
    """The addresses of a name, in the system's order, within the time that the system's resolver itself lacks; none
    for a name that it does not know. Raises TimeoutError.
    """
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        found: list[str] = []
        with suppress(OSError, UnicodeError):
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        answers.put(found)

    # Of its own and a daemon: a resolver that hangs must keep neither us nor the end of the process.
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        return answers.get(timeout=timeout_s)
    except queue.Empty as error:
        raise TimeoutError from error


class NobodyListens(ConnectionError):
    """No address of a name takes a connection, or it has none."""


def connect(host: str, port: int, left: Left) -> socket.socket:
    """A connection to the first address that takes one: each has half of the time left, the last one all of it.

    Raises NobodyListens, TimeoutError.
    """
    addresses = look_up(host, port, left())
    is_slow = False
    for number, address in enumerate(addresses, start=1):
        try:
            sock = socket.create_connection((address, port), left() / (1 if number == len(addresses) else 2))
        except OSError as error:
            is_slow |= isinstance(error, TimeoutError)
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise TimeoutError if is_slow else NobodyListens


class _TimedReader(io.RawIOBase):
    """A socket's stream of which every read gets only what is left: a server that drips is slow too."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, left: Left) -> None:
        self._raw, self._sock, self._left = raw, sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedResponse(http.client.HTTPResponse):
    """http.client's answer, read against one deadline."""

    def __init__(self, sock: socket.socket, *args: Any, left: Left, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: Any = io.BufferedReader(_TimedReader(self.fp.detach(), sock, left))


def reason_of(error: Exception) -> str:
    """Why a request failed. The libraries' own words quote names and addresses."""
    if isinstance(error, (NewConnectionError, NobodyListens)):
        return "nobody listens"
    if isinstance(error, TIMEOUTS):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not good"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return "the connection broke" if isinstance(error, OSError) else "the answer is broken"
