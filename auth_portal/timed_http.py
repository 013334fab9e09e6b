"""Answers over HTTP that are read against one deadline, and why there was none in words that quote nothing.

Knows no address: whoever asks has connected by itself.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
from collections.abc import Callable
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
    if isinstance(error, NewConnectionError):
        return "nobody listens"
    if isinstance(error, TIMEOUTS):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not good"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return "the connection broke" if isinstance(error, OSError) else "the answer is broken"
