"""Addresses in a registration: where a client is, what follows from that, and whom it lets in (OP-03)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from auth_portal.errors import InvalidInput
from auth_portal.settings.checks import is_loopback
from auth_portal.signin.addresses import parse_email

MAX_URI, MAX_NAME = 2_048, 255
HOST = r"(?!.*\.\.)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_AUTHORITY = re.compile(rf"(?:{HOST}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")


def origin_of(address: str) -> str:
    """Scheme, host and port of an address; of a native app's only the scheme, as a CSP source."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def differ_by_port(known: str, given: str) -> bool:
    """Whether both are the same address on a loopback IP but for the port (RFC 8252, 7.3)."""
    try:
        parts, wanted = urlsplit(known), urlsplit(given)
        if parts.scheme != "http" or not ipaddress.ip_address(parts.hostname or "").is_loopback:
            return False
        port = wanted.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return given == parts._replace(netloc=f"{host}:{port}" if port is not None else str(host)).geturl()


def wrong_with(uri: str, method: str | None = "") -> Iterator[str]:
    """What is wrong with an address to which people or our requests are sent; with ``method`` it may be an app's."""
    if len(uri) > MAX_URI:
        yield f"is longer than {MAX_URI} characters"
    if not re.fullmatch(r"[!-\[\]-~]+", uri):
        yield "has a space, a backslash, or a character outside ASCII"
    if "*" in uri or "#" in uri:
        yield "has a wildcard or a fragment"
    try:
        parts = urlsplit(uri)
    except ValueError:
        yield "is not an address"
        return
    if "@" in parts.netloc:
        yield "has a user name"
    scheme, _, rest = uri.partition(":")
    if scheme in ("http", "https"):
        if len(parts.netloc) > MAX_NAME - 8 or not _AUTHORITY.fullmatch(parts.netloc.rpartition("@")[2]):
            yield "has no host, or one that is not written in lower-case ASCII"
        elif scheme == "http" and not is_loopback(parts.hostname or ""):
            yield "must be https (http only on localhost and loopback addresses)"
    elif method == "" or not re.fullmatch(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", scheme) or not rest.strip("/"):
        yield "must begin with https:// (an app's own scheme has a dot: com.example.app:/callback)"
    elif method != "none":
        yield "has an app's own scheme, which only a public client may have"


def web_origin(address: str) -> str:
    """The origin as browsers write it: without the port that its scheme has anyhow."""
    origin = origin_of(address)
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")


def web_origins(addresses: Iterable[str]) -> list[str]:
    """The origins of those that are on the web."""
    return [web_origin(address) for address in addresses if address.startswith(("https:", "http:"))]


def sector_of(given: str | None, addresses: Iterable[str]) -> str:
    """The host that pairwise names belong to: given, or the one of all addresses (Core 8.1, OP-70)."""
    sector = given
    if sector is None:
        try:
            hosts = {urlsplit(address).hostname for address in addresses}
        except ValueError:
            hosts = set()
        sector = hosts.pop() if len(hosts) == 1 else None
    if sector is None:
        raise ValueError("pairwise names need a sector, since the redirect URIs do not have one host")
    if len(sector) > MAX_NAME or not re.fullmatch(HOST, sector):
        raise ValueError(f"sector {sector[:99]!a} is no host in lower-case ASCII")
    return sector


def allowed_people(pattern: str) -> str:
    """A rule of who may use an app: an address in its normal form, or ``*@domain``."""
    local, at, domain = pattern.rpartition("@")
    try:
        normal = parse_email(f"{'anybody' if local == '*' else local}{at}{domain}").value
    except InvalidInput:
        normal = "*"
    if re.search(r"[*?\[\]]", normal):
        raise ValueError(f"{pattern[:99]!a} is neither an address nor *@domain")
    return f"*@{normal.rpartition('@')[2]}" if local == "*" else normal
