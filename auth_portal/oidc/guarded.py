"""What a proxy asks about: the request to a guarded site, as the headers of its sub-request tell it.

nginx sends ``X-Original-URL`` and ``X-Original-Method``; Traefik and Caddy send ``X-Forwarded-Proto``, ``-Host``,
``-Uri`` and ``-Method``. A client may send any of them, too: the kind that its proxy does not know, and so does not
overwrite. Where both kinds are there, they must tell the same, or nothing is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

_MAX_ADDRESS = 8_192
_MOST_PARAMETERS = 20
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_METHOD = re.compile(r"[A-Z][A-Z-]{1,19}")
_ADDRESS = re.compile(
    r"(?P<scheme>[a-z]{2,5})://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    # The path and query as a client may write them: visible ASCII; a fragment is never sent.
    r"(?P<target>/[!-\"$-~]*)?"
)
# Two values of a repeated header, which servers join with a comma.
_JOINED = re.compile(r"[^?]*,\s*(?:https?:/)?/")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()+=:@-]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class NotUnderstood(Exception):
    """What the proxy tells is malformed, contradicts itself, or was not all told by the proxy."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """The request that waits at the proxy. ``site`` is its origin, ``target`` its path and query as they were sent.

    ``is_nginx``: the proxy knows only yes, 401 and 403, and makes a redirect of a 401 itself.
    """

    site: str
    hostname: str
    target: str
    method: str
    is_nginx: bool

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return self.target.partition("?")[0]

    @property
    def plain_path(self) -> str | None:
        """The path, if every server reads it alike; escaped letters and spaces are decoded.

        None for whatever might lead elsewhere on some server: dot segments, empty ones, backslashes, parameters, and
        escapes of anything but letters, digits and spaces.
        """
        segments = self.path[1:].removesuffix("/").split("/") if self.path != "/" else []
        plain = [_plain_segment(segment) for segment in segments]
        if any(segment is None for segment in plain):
            return None
        return "/" + "/".join(map(str, plain)) + ("/" if segments and self.path.endswith("/") else "")

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query, which is a hand-over's: those that are repeated are left out."""
        try:
            pairs = parse_qsl(self.target.partition("?")[2], keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            return {}
        names = [name for name, _value in pairs]
        return {name: value for name, value in pairs if names.count(name) == 1}


def read_guarded(header: Callable[[str], str | None], method: str, own_hostname: str) -> Guarded | None:
    """What the proxy asks about; None where nobody asks for another request. Raises NotUnderstood.

    ``header`` gives one by its name. ``method`` is the sub-request's own, ``own_hostname`` the portal's: proxies in
    front of the portal itself name it in ``X-Forwarded-Host``.
    """
    told, host, target = (header(name) for name in ("X-Original-URL", "X-Forwarded-Host", "X-Forwarded-Uri"))
    if told is None and target is None:
        if host is None or _parse(f"http://{host}")[1] == own_hostname:
            return None
        raise NotUnderstood
    forwarded = None
    if target is not None:
        forwarded = _parse(f"{(header('X-Forwarded-Proto') or '').lower()}://{host or ''}{target}")
    address = forwarded if told is None else _parse(told)
    if address is None or forwarded not in (None, address):
        raise NotUnderstood
    method = _read_method(header, method)
    return Guarded(*address, method=method, is_nginx=told is not None)


def _parse(address: str) -> tuple[str, str, str]:
    """Origin, host name, path with query."""
    if len(address) > _MAX_ADDRESS or _JOINED.match(address.partition("://")[2]):
        raise NotUnderstood
    found = _ADDRESS.fullmatch(address)
    scheme = _SCHEMES.get(found["scheme"]) if found else None
    if found is None or scheme is None:
        raise NotUnderstood
    host = found["host"].lower()
    port = "" if found["port"] in (None, _DEFAULT_PORTS[scheme]) else f":{found['port']}"
    return f"{scheme}://{host}{port}", host.strip("[]"), found["target"] or "/"


def _read_method(header: Callable[[str], str | None], own: str) -> str:
    told = {method for name in ("X-Original-Method", "X-Forwarded-Method") if (method := header(name))} or {own}
    if len(told) > 1 or not all(map(_METHOD.fullmatch, told)):
        raise NotUnderstood
    return told.pop()


def _plain_segment(segment: str) -> str | None:
    try:
        plain = _ESCAPES.sub(lambda escaped: _decoded(escaped[0]), segment)
    except ValueError:
        return None
    # Some servers drop dots and spaces at the end of a name: what then is left of this one must not be nothing.
    is_plain = _PLAIN_SEGMENT.fullmatch(_ESCAPES.sub("x", segment)) and plain.strip(" .")
    return plain if is_plain else None


def _decoded(escaped: str) -> str:
    """The letters, digits and spaces that are escaped here; ValueError for anything else."""
    text = unquote_to_bytes(escaped).decode("utf-8")
    if not all(character == " " or character.isalnum() for character in text):
        raise ValueError(escaped)
    return text
