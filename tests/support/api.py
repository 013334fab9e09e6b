"""Owns a small client of the JSON API for many threads, and a way to let calls start at the same moment."""

import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What the portal answered; header names know no case, `json` is None where the body is not JSON."""

    status: int
    headers: Message
    body: bytes
    json: Any

    @property
    def data(self) -> Any:
        """The `data` member of the envelope, None in a refusal."""
        return self.json["data"] if isinstance(self.json, dict) else None

    @property
    def error_code(self) -> str | None:
        """The stable reason of a refusal, from the header X-Error-Code."""
        return self.headers.get("X-Error-Code")


class Api:
    """A client that keeps one connection per thread alive; close it at the end, or use it in a `with`.

    `headers` go with every request; `source` is the loopback address (127.0.0.2, ...) that calls come from.
    A request is never sent twice, not even when the connection breaks: tests count what happens once.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        source: str | None = None,
        timeout: float = 30,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = dict(headers or {})
        self._source = (source, 0) if source is not None else None
        self._timeout = timeout
        # By the thread's id, which only one living thread has: connections of ended threads are used again,
        # and all of them are at hand for close().
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._lock = threading.Lock()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a GET request."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a POST request: bytes as they are (for malformed JSON), anything else but None as JSON."""
        return self.request("POST", path, body, headers)

    def send_code(self, email: str, **extra: Any) -> Answer:
        """Ask for a code by mail."""
        return self.post("/api/v1/auth/send-otp-email", {"email": email, **extra})

    def login(self, email: str, code: str, **extra: Any) -> Answer:
        """Sign in with a code from a mail."""
        return self.post("/api/v1/auth/login-otp-email", {"email": email, "code": code, **extra})

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and read the whole answer; OSError or HTTPException on a broken connection."""
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Accept": "application/json"} | (
            {"Content-Type": "application/json"} if payload is not None else {}
        )
        connection = self._connection()
        try:
            connection.request(method, path, payload, fields | self._headers | dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        is_json = "json" in response.headers.get_content_type() and content
        return Answer(response.status, response.headers, content, json.loads(content) if is_json else None)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connection(self) -> http.client.HTTPConnection:
        with self._lock:
            connection = self._connections.get(threading.get_ident())
            if connection is None:
                connection = http.client.HTTPConnection(
                    self._host, self._port, timeout=self._timeout, source_address=self._source
                )
                self._connections[threading.get_ident()] = connection
        # A kept connection with something to read was closed by the server: the request opens a new one.
        if connection.sock is not None and _has_input(connection.sock):
            connection.close()
        return connection


def _has_input(connection: socket.socket) -> bool:
    """Whether something, or an end, waits to be read. (`select` knows no descriptors above 1,023.)"""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def in_parallel(callables: Sequence[Callable[[], T]], timeout: float = 60) -> list[T | Exception]:
    """Let all calls start at the same moment, each in a thread; return results or exceptions, in their order.

    A call that has not ended after `timeout` seconds gives a TimeoutError and is left alone.
    """
    results: list[T | Exception] = [TimeoutError(f"not done after {timeout} s") for _ in callables]
    barrier = threading.Barrier(max(len(callables), 1))

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            barrier.wait(timeout)
            results[index] = call()
        except Exception as error:  # handed to the caller, who decides what was expected
            results[index] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(callables)]
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(results)
