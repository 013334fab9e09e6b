"""Who asks: a browser that holds a secret of ours, or the network an API call comes from.

A challenge belongs to its caller. Two browsers behind one address are two callers; an API caller without a
handle is known by its source network only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from auth_portal.signin.keyring import digest

_V6_PREFIX = 56


@dataclass(frozen=True, slots=True)
class Caller:
    """``key`` names the caller in the database; ``network`` and ``device`` tell the person who asked.

    ``devices``: hashes of the known-device secrets that a browser holds (OTP-17); ``session``: of its session's.
    """

    key: str
    network: str
    device: str = ""
    devices: tuple[str, ...] = ()
    session: str = ""

    @property
    def may_guess_elsewhere(self) -> bool:
        """Whether it may try its code at a challenge that another network asked for."""
        return self.key.startswith("network:")

    @property
    def is_session(self) -> bool:
        """Whether it is a signed-in person who proves one more address (see ``session_caller``)."""
        return self.key.startswith("session:")

    @property
    def is_browser(self) -> bool:
        """Whether the caller is bound by a cookie (and a success opens a browser session)."""
        return self.key.startswith("browser:")

    @classmethod
    def browser(
        cls,
        secret: str,
        address: str | None,
        device: str = "",
        device_secrets: Sequence[str] = (),
        session_secret: str = "",
    ) -> Self:
        """A browser that holds this secret in a cookie, and perhaps some by which its people are known."""
        key, devices = f"browser:{digest(secret)}", tuple(digest(held) for held in device_secrets)
        session = digest(session_secret) if session_secret else ""
        return cls(key, source_network(address), device, devices, session)

    @classmethod
    def api(cls, address: str | None, device: str = "") -> Self:
        """An API caller at this client address."""
        network = source_network(address)
        return cls(f"network:{network}", network, device)


def session_caller(session_id: str, caller: Caller) -> Caller:
    """A signed-in person who proves one more address or number.

    Such a challenge is the session's alone: no code of a sign-in counts for it, and its code signs nobody in.
    """
    return Caller(f"session:{session_id}", caller.network, caller.device)


def device_words(device: str, translate: Callable[[str], str]) -> str | None:
    """A device (``Browser/System``) as told to a person; None where nothing is known of it."""
    browser, _slash, system = device.partition("/")
    if browser and system:
        return translate("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or None


@lru_cache(maxsize=1_024)
def rough_network(network: str) -> str | None:
    """A network as told to a person: enough to recognise, too rough to point at somebody (PRIV-05)."""
    try:
        parsed = ipaddress.ip_network(network)
    except ValueError:
        return None
    if parsed.version == 4:
        return f"{str(parsed.network_address).rpartition('.')[0]}.x"
    return str(parsed)


@lru_cache(maxsize=1_024)
def coarse_network(network: str) -> str:
    """A source network as kept for long: a /24 or a /48 (PRIV-05); empty where it is not known."""
    try:
        parsed = ipaddress.ip_network(network)
    except ValueError:
        return ""
    prefix = min(parsed.prefixlen, 24 if parsed.version == 4 else 48)
    return str(parsed.supernet(new_prefix=prefix))


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
