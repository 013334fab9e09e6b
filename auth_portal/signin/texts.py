"""Lines that people type: names and the like."""

from __future__ import annotations

import unicodedata

from auth_portal.errors import InvalidInput

_BIDI_CONTROLS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def parse_line(text: str, field: str, longest: int) -> str:
    """A line as stored: trimmed, 1 to ``longest`` characters, some of them visible. Raises InvalidInput."""
    text = text.strip()
    if is_blank(text):
        raise InvalidInput(**{field: "missing"})
    if len(text) > longest:
        raise InvalidInput(**{field: "too_long"})
    if not is_printable(text):
        raise InvalidInput(**{field: "not_printable"})
    return text


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return all(unicodedata.category(character) in ("Cf", "Zs") for character in text.strip())


def is_printable(text: str) -> bool:
    """Whether a text may be shown and mailed: nothing that controls, breaks lines or turns the reading direction.

    The joiners of category Cf stay: Persian names and emoji need them.
    """
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") or character in _BIDI_CONTROLS
        for character in text
    )
