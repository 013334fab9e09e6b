"""In which place a network is, from a local MaxMind DB file (``GEOIP_FILE``). No address leaves the portal.

A place is a help to memory and never decides anything. So it is looked up for a whole /24 or /48 (PRIV-05), and
nothing that is wrong with the file keeps anybody from a page.
"""

from __future__ import annotations

import ipaddress
import weakref
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import maxminddb
import structlog
from babel import Locale

from auth_portal.signin.callers import coarse_network

log = structlog.get_logger("places")


class Places:
    """Reads the file; without one every place is unknown."""

    def __init__(self, path: str) -> None:
        self._reader = None
        if path:
            # Not mapped into memory: a file that is written over in place would end the process.
            self._reader = maxminddb.open_database(path, maxminddb.MODE_FILE)
            weakref.finalize(self, self._reader.close)
        self._find = lru_cache(maxsize=4_096)(self._read)

    def words(self, network: str, locale: str) -> str | None:
        """City and country of a network, or what is known of them, in a language if the file has it."""
        return self._find(coarse_network(network), locale) if self._reader is not None else None

    def _read(self, network: str, locale: str) -> str | None:
        if self._reader is None or not network:
            return None
        address = ipaddress.ip_network(network).network_address
        if address.version > self._reader.metadata().ip_version:
            return None  # the file has none of these
        try:
            record = self._reader.get(address)
        except Exception as error:  # whatever is wrong with the file, the page is shown
            log.warning("place_unreadable", kind=type(error).__name__)
            return None
        found = _part(record, "city"), _part(record, "country")
        return ", ".join(filter(None, (_name(found[0], locale), _country(found[1], locale)))) or None


def _part(record: object, name: str) -> Mapping[str, Any]:
    part = record.get(name) if isinstance(record, dict) else None
    return part if isinstance(part, dict) else {}


def _name(part: Mapping[str, Any], locale: str) -> str | None:
    names = _part(part, "names")
    name = names.get(locale) or names.get("en")
    return name if isinstance(name, str) else None


def _country(part: Mapping[str, Any], locale: str) -> str | None:
    """By its code, since the files know few languages."""
    known = Locale.parse(locale).territories.get(str(part.get("iso_code")))
    return str(known) if known else _name(part, locale)
