"""Which addresses a client may register, and the origins that they have (OP-03)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from auth_portal.oidc.clients import origin_of
from auth_portal.settings.checks import is_loopback

MAX_URI, MAX_NAME = 2_048, 255
HOST = r"(?!.*\.\.)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_AUTHORITY = re.compile(rf"(?:{HOST}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")


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
