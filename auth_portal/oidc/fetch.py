"""Requests of ours to addresses that clients registered: news of sign-outs, and their keys.

Whoever registers a client chooses where we connect to. So a name is looked up once, every address that it has must be
public, and we connect to exactly what was checked (OP-56, OPS-14). Nothing here is logged, nor said in an exception:
an address may hold a secret.
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from auth_portal.settings import Settings
from auth_portal.timed_http import FAILURES, Left, TimedResponse, look_up, reason_of

STEP_TIMEOUT_S = 3.0
"""Time for looking a name up, for connecting, and for each wait for the other side to say something."""
FETCH_BUDGET_S = 6.0
"""Time for a whole request, whatever its steps take."""
MAX_JSON = 64 * 1024
"""Most bytes of a document; a set of keys has far fewer."""
_MAX_URL = 2_048
_MOST_ADDRESSES = 4
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """No good answer. Says why in general words, never from where."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a request goes, taken apart once, so that what was checked and what is asked cannot differ."""

    is_https: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The host as it was written, with a port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_https else 80) else f"{host}:{self.port}"


class Fetcher:
    """Talks HTTP to clients: TLS verified, no redirect followed, no proxy, bounded in time and size."""

    def __init__(
        self, settings: Settings, *, step_timeout_s: float = STEP_TIMEOUT_S, budget_s: float = FETCH_BUDGET_S
    ) -> None:
        self._private_networks = settings.private_networks
        self._step_timeout_s = step_timeout_s
        self._budget_s = budget_s

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made when it is needed: reading the machine's authorities takes 20 ms."""
        return ssl.create_default_context()

    def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """Post a form; the status of the answer, whose body nobody reads. Raises FetchFailed."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, headers, urlencode(fields).encode(), 0)[0]

    def get_json(self, url: str, max_bytes: int = MAX_JSON) -> Any:
        """The JSON document at an address. Raises FetchFailed."""
        status, body = self._ask("GET", url, {"Accept": "application/json"}, None, max_bytes + 1)
        if status != 200:
            raise FetchFailed(f"status {status}")
        if len(body) > max_bytes:
            raise FetchFailed("the answer is too long")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass  # raised from here, the failure would carry the document along
        raise FetchFailed("the answer is no JSON")

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, most: int
    ) -> tuple[int, bytes]:
        """The status of an answer and the first bytes of its body. Raises FetchFailed."""
        target = _parse(url)
        all_headers = {"User-Agent": "auth-portal", "Host": target.host_header, "Connection": "close", **headers}
        left = self._stopwatch()
        try:
            with self._connected(target, left) as connection:
                connection.response_class = partial(TimedResponse, left=left)  # type: ignore[assignment]
                connection.request(method, target.path, body, all_headers, preload_content=False)
                with closing(connection.getresponse()) as response:
                    return response.status, response.read(most, decode_content=False) if most else b""
        except FAILURES as error:
            reason = reason_of(error)
        # Not from within: the libraries' errors quote names and addresses.
        raise FetchFailed(reason)

    @contextmanager
    def _connected(self, target: _Target, left: Left) -> Iterator[HTTPConnection]:
        """A connection to the first of the checked addresses that takes one."""
        for address in self._checked_addresses(target, left)[:_MOST_ADDRESSES]:
            if target.is_https:
                connection: HTTPConnection = HTTPSConnection(
                    address, target.port, timeout=left(), server_hostname=target.host, ssl_context=self._tls
                )
            else:
                connection = HTTPConnection(address, target.port, timeout=left())
            with closing(connection):
                try:
                    connection.connect()
                except (NewConnectionError, ConnectTimeoutError):
                    continue
                yield connection
                return
        raise FetchFailed("nobody listens")

    def _checked_addresses(self, target: _Target, left: Left) -> list[str]:
        """The addresses of the host. One that is not allowed forbids them all: there is no good reason to mix."""
        literal = _literal(target.host)
        found = [str(literal)] if literal else _look_up(target.host, target.port, left())
        is_local = _is_this_machine(target.host)
        for text in found:
            address = ipaddress.ip_address(text)
            if not (address.is_loopback if is_local else self._may_reach(address)):
                raise FetchFailed("the address is not allowed")
        return found

    def _may_reach(self, address: Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        return is_public(plain) or any(plain in network for network in self._private_networks)

    def _stopwatch(self) -> Left:
        deadline = time.monotonic() + self._budget_s

        def left() -> float:
            remaining = min(self._step_timeout_s, deadline - time.monotonic())
            if remaining <= 0:
                raise TimeoutError
            return remaining

        return left


def _parse(url: str) -> _Target:
    """Take an address apart. Raises FetchFailed where it is none that we ask: https, or http on this machine."""
    is_clean = len(url) <= _MAX_URL and re.fullmatch(r"[!-\[\]-~]+", url)
    parts = _split(url) if is_clean else None
    host = parts.hostname if parts else None
    if parts is None or host is None or parts.username is not None or parts.port == 0:
        raise FetchFailed("the address is malformed")
    if not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host):
        raise FetchFailed("the address is malformed")
    is_https = parts.scheme == "https"
    if not is_https and not (parts.scheme == "http" and _is_this_machine(host)):
        raise FetchFailed("the address is not https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(is_https, host, parts.port or (443 if is_https else 80), path)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _literal(host: str) -> Address | None:
    """The address that a host is, where it is none to be looked up."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    """Whether the host is literally a loopback address or ``localhost``; what else leads here is refused."""
    literal = _literal(host)
    return literal.is_loopback if literal else host == "localhost"


def is_public(address: Address) -> bool:
    """Whether an address is one of the Internet's, and so is an IPv4 address that it carries to a gateway."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    carried = address.sixtofour
    if address in _NAT64:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if carried is not None:
        return is_public(carried)
    return address in _PUBLIC_IPV6 and address.is_global


def _look_up(host: str, port: int, timeout_s: float) -> list[str]:
    found = look_up(host, port, timeout_s)
    if not found:
        raise FetchFailed("the name is unknown")
    return found
