"""Who asks: a browser that holds a secret of ours, or the network an API call comes from.

A challenge belongs to its caller. Two browsers behind one address are two callers; an API caller without a
handle is known by its source network only.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from auth_portal.signin.keyring import digest

_V6_PREFIX = 56


@dataclass(frozen=True, slots=True)
class Caller:
    """``key`` names the caller in the database; ``network`` and ``device`` tell the person who asked."""

    key: str
    network: str
    device: str = ""

    @property
    def is_browser(self) -> bool:
        """Whether the caller is bound by a cookie (and a success opens a browser session)."""
        return self.key.startswith("browser:")

    @classmethod
    def browser(cls, secret: str, address: str | None, device: str = "") -> Self:
        """A browser that holds this secret in a cookie."""
        return cls(f"browser:{digest(secret)}", source_network(address), device)

    @classmethod
    def api(cls, address: str | None, device: str = "") -> Self:
        """An API caller at this client address."""
        network = source_network(address)
        return cls(f"network:{network}", network, device)


@lru_cache(maxsize=1_024)
def source_network(address: str | None) -> str:
    """The network that counts as one source: an IPv4 address, or an IPv6 /56 (what one customer is given).

    IPv4-mapped IPv6 is folded into IPv4, so that a second spelling is not a second source.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed, _V6_PREFIX), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
