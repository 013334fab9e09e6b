"""A small HTTP client, and the two doors as somebody outside uses them: the JSON API and a browser without scripts.

Requests come from any source address: as behind a real proxy, the portal is told it by ``X-Forwarded-For``.
A client keeps one connection and is for one thread.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from attack.clock import Clock

_TIMEOUT_S = 60
_HIDDEN = re.compile(r'<input(?=[^>]* type="hidden")(?=[^>]* name="([^"]+)")(?=[^>]* value="([^"]*)")[^>]*>')
_LENGTH = re.compile(r'data-code="(\d+)"')
_LIVES_FOR = re.compile(r'data-expires-in="(\d+)"')
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Broken(Exception):
    """The portal answered something that no play can go on with."""


class Stopped(Exception):
    """Somebody ended the program: no play goes on."""


@dataclass(frozen=True)
class Answer:
    """What the portal answered. ``compared``: the witness's word, ``wrong 4`` for a wrong guess at four digits."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name, in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def wrong(self) -> int | None:
        """How many digits the guess had that was evaluated and wrong; None where none was."""
        compared = self.header("x-attack-compared")
        return int(compared[6:]) if compared is not None and compared.startswith("wrong ") else None

    @cached_property
    def text(self) -> str:
        """The body of a page."""
        return self.body.decode()

    @property
    def data(self) -> dict[str, Any]:
        """The ``data`` of the JSON envelope. Raises Broken where it was refused."""
        data: dict[str, Any] | None = json.loads(self.body)["data"]
        if data is None:
            raise Broken(f"{self.status}: {self.text[:300]}")
        return data


class Client:
    """One kept connection; opened at the first request, and again where the portal closed it.

    ``stop``: once it is set, every request raises Stopped.
    """

    def __init__(self, port: int, stop: threading.Event) -> None:
        self._port = port
        self._stop = stop
        self._socket: socket.socket | None = None

    def request(
        self, method: str, path: str, source: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request from a source address and read the answer."""
        if self._stop.is_set():
            raise Stopped
        fields = {"Host": f"127.0.0.1:{self._port}", "X-Forwarded-For": source, **(headers or {})}
        if method == "POST":
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        connection = self._connect()
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        return self._read(connection)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read(self, connection: socket.socket) -> Answer:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more(connection)
        first, *lines = received[:end].decode("latin-1").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _colon, value in (line.partition(":") for line in lines)]
        fields = dict(headers)
        if "content-length" not in fields:
            raise Broken(f"an answer without a length: {first}")
        body = received[end + 4 :]
        while len(body) < int(fields["content-length"]):
            body += self._more(connection)
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split(" ", 2)[1]), headers, body)

    def _more(self, connection: socket.socket) -> bytes:
        chunk = connection.recv(65_536)
        if not chunk:
            self.close()
            raise Broken("the portal hung up")
        return chunk


@dataclass(frozen=True, slots=True)
class Sent:
    """A code that was sent: the handle to its challenge, its length, and how long a page says that it lives."""

    challenge: str
    length: int
    lives_for_s: int = 0


class JsonDoor:
    """The API as a caller at one source address uses it."""

    def __init__(self, client: Client, source: str) -> None:
        self.client = client
        self.source = source

    def post(self, operation: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """Call one of ``/api/v1/auth/``."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        path = f"/api/v1/auth/{operation}"
        return self.client.request("POST", path, self.source, json.dumps(body).encode(), headers)

    def ask(self, email: str) -> Sent | None:
        """Ask for a code; None where it was refused because there were too many."""
        answer = self.post("send-otp-email", {"email": email})
        if answer.status in (409, 429):
            return None
        if answer.status != 201:
            raise Broken(f"send-otp-email: {answer.status} {answer.text[:300]}")
        return Sent(answer.data["challengeId"], answer.data["codeLength"])

    def enter(self, email: str, code: str, challenge: str | None) -> Answer:
        """Enter a code, with the handle of its challenge or without one."""
        body = {"email": email, "code": code} | ({"challengeId": challenge} if challenge else {})
        return self.post("login-otp-email", body)


class BrowserDoor:
    """The pages as a browser at one source address uses them: it keeps cookies for as long as they say."""

    def __init__(self, client: Client, source: str, clock: Clock) -> None:
        self.client = client
        self.source = source
        self._clock = clock
        self._cookies: dict[str, tuple[str, float]] = {}
        self._page = ""

    def ask(self, email: str) -> Sent | None:
        """Enter the address and stand on the code page; None where no code is waited for after that."""
        self.open("/login")
        answer = self.submit("/login", {"email": email})
        if answer.status == 429:
            return None
        if answer.status != 303:
            raise Broken(f"POST /login: {answer.status} {answer.text[:300]}")
        self.open(answer.header("location") or "")
        length, lives_for = _LENGTH.search(self._page), _LIVES_FOR.search(self._page)
        challenge = self._hidden().get("challenge")
        if length is None or lives_for is None or challenge is None:
            return None
        return Sent(challenge, int(length[1]), int(lives_for[1]))

    def enter(self, email: str, code: str, challenge: str | None) -> Answer:  # noqa: ARG002  as the JSON door has it
        """Enter a code on a page that waits for this challenge."""
        return self.submit("/login/code", {"code": code, "challenge": challenge or ""})

    def open(self, path: str) -> Answer:
        """Open a page."""
        return self._request("GET", path, b"", {})

    def submit(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Submit a form of the page that is open, with its hidden fields."""
        data = urlencode({**self._hidden(), **fields}).encode()
        return self._request("POST", path, data, {"Content-Type": "application/x-www-form-urlencoded"})

    def forget(self, *names: str) -> None:
        """Drop cookies; all of them where none is named, as a browser that was never here."""
        self._cookies = {name: kept for name, kept in self._cookies.items() if names and name not in names}

    def has(self, name: str) -> bool:
        """Whether it holds a cookie."""
        return name in self._cookies

    def _hidden(self) -> dict[str, str]:
        return {name: unescape(value) for name, value in _HIDDEN.findall(self._page)}

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        now = self._clock.now
        self._cookies = {name: kept for name, kept in self._cookies.items() if kept[1] > now}
        cookies = "; ".join(f"{name}={value}" for name, (value, _until) in self._cookies.items())
        fields = {"User-Agent": _AGENT, "Accept-Language": "en", **headers}
        answer = self.client.request(
            method, path, self.source, body, fields | ({"Cookie": cookies} if cookies else {})
        )
        for value in (value for name, value in answer.headers if name == "set-cookie"):
            self._keep(value)
        if answer.status != 303 and (answer.header("content-type") or "").startswith("text/html"):
            self._page = answer.text
        return answer

    def _keep(self, header: str) -> None:
        pair, *attributes = header.split("; ")
        name, _equals, value = pair.partition("=")
        age = next((text[8:] for text in attributes if text.startswith("Max-Age=")), None)
        self._cookies[name] = (value, float("inf") if age is None else self._clock.now + int(age))
