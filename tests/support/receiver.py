"""Owns the client's side of a request of ours: a real HTTP server on loopback that keeps what it is asked."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from tests.support.ports import free_port


@dataclass(frozen=True)
class Asked:
    """One request; header names in lower case. `server_name` is what TLS was asked for."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None

    @property
    def fields(self) -> dict[str, list[str]]:
        """The fields of a posted form."""
        return parse_qs(self.body.decode(), strict_parsing=True, keep_blank_values=True)


@dataclass
class Reply:
    """What is answered: `raw`, if given, as it is; then `drip`, if given, until the caller is gone.

    With `hangs_up` nothing is. The connection ends with these, unless it `stays_open`.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes = b""
    drip: bytes = b""
    hangs_up: bool = False
    stays_open: bool = False


class Receiver:
    """Answers on loopback with the `replies` in turn, then with the last one again; no reply is a plain 200.

    Connections are kept as long as the caller wants; `connections` are those that were accepted so far.
    """

    def __init__(self, *replies: Reply, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.replies = list(replies) or [Reply()]
        self.asked: list[Asked] = []
        self.on_asked: Callable[[], None] = lambda: None  # called before the answer
        self.port = free_port()
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._host, self._context = host, context
        self._server_names: dict[int, str | None] = {}
        self._released = threading.Event()
        self._released.set()
        self._changed = threading.Condition()  # guards `asked` and `replies`
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._context else 'http'}://{self._host}:{self.port}"

    def hold(self) -> None:
        """Answer nobody until `release`."""
        self._released.clear()

    def release(self) -> None:
        """Answer those who wait."""
        self._released.set()

    def wait_for(self, count: int, timeout: float = 10) -> list[Asked]:
        """The requests, once there are so many; else TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.asked) >= count, timeout):
                raise TimeoutError(f"{len(self.asked)} of {count} requests")
            return list(self.asked)

    def drop_connections(self) -> None:
        """End every kept connection and go on listening, as servers do with idle clients."""
        with self._changed:
            kept = list(self._open)
        for connection in kept:
            with suppress(OSError):
                # The plain one: shutdown() of an encrypted socket takes away what its thread is working with.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        with self._changed:
            self._changed.wait_for(lambda: not self._open.intersection(kept), 10)

    def __enter__(self) -> Self:
        self._server = _Server((self._host, self.port), self._handler())
        if self._context is not None:
            self._context.sni_callback = self._keep_name
            self._server.socket = self._context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self.drop_connections()

    def _keep_name(self, sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        self._server_names[id(sock)] = name

    def choose_reply(self, asked: Asked) -> Reply:  # noqa: ARG002  for servers that read what they are asked
        """What to answer; called by one thread at a time."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def _keep(self, asked: Asked) -> Reply:
        with self._changed:
            self.asked.append(asked)
            reply = self.choose_reply(asked)
            self._changed.notify_all()
        self.on_asked()
        self._released.wait()
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with receiver._changed:
                    receiver.connections += 1
                    receiver._open.add(self.connection)
                try:
                    super().handle()
                finally:
                    with receiver._changed:
                        receiver._open.discard(self.connection)
                        receiver._changed.notify_all()

            def do_GET(self) -> None:
                body = b"".join(self._chunks()) if self.headers.get("Transfer-Encoding") else self._whole()
                headers = {name.lower(): value for name, value in self.headers.items()}
                name = receiver._server_names.get(id(self.connection))
                self._answer(receiver._keep(Asked(self.command, self.path, headers, body, name)))

            do_POST = do_GET  # noqa: N815  the library's name

            def _whole(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def _chunks(self) -> Iterator[bytes]:
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()

            def _answer(self, reply: Reply) -> None:
                if not reply.stays_open and (reply.hangs_up or reply.raw or reply.drip):
                    self.close_connection = True
                if reply.hangs_up:
                    return
                self.wfile.write(reply.raw)
                while reply.drip:
                    self.wfile.write(reply.drip)
                    time.sleep(0.02)
                if reply.raw:
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller who hung up is what some tests want."""
