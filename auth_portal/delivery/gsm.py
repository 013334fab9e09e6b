"""The alphabets of text messages: what fits in one, and words without the letters that would halve its room.

One letter outside the GSM 7-bit alphabet makes a whole message UCS-2: 70 characters instead of 160 (3GPP TS 23.038).
"""

from __future__ import annotations

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Each of them takes two septets: an escape and itself."""
_INSTEAD = str.maketrans(
    {
        **{"ı": "i", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "œ": "oe", "Œ": "OE"},
        **{"‘": "'", "’": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "·": "-"},
    }
)
"""What Unicode does not take apart by itself."""
_GSM_ROOM = (160, 153)
_UCS2_ROOM = (70, 67)
"""Room of the only part, and of each part where there are several: the rest says which part it is."""


def is_gsm(text: str) -> bool:
    """Whether the GSM alphabet has every letter of a text."""
    return all(letter in _BASIC or letter in _EXTENSION for letter in text)


def parts(text: str, spare: int = 0) -> int:
    """How many messages a text is sent, and paid, as; ``spare``: characters that others put behind it."""
    if is_gsm(text):
        return _parts([2 if letter in _EXTENSION else 1 for letter in text] + [1] * spare, *_GSM_ROOM)
    return _parts([2 if letter > "\uffff" else 1 for letter in text] + [1] * spare, *_UCS2_ROOM)


def plain(text: str) -> str:
    """A name or a fact in the GSM alphabet: ``Çiçekçi Ağı`` is ``Çiçekci Agi``.

    Letters without a likeness (of another script) are left out; where these are most of them, all is left out.
    """
    found = "".join(_likeness(letter) for letter in text.translate(_INSTEAD))
    kept, letters = (sum(letter.isalnum() for letter in words) for words in (found, text))
    return " ".join(found.split()) if kept * 2 >= letters else ""


def _likeness(letter: str) -> str:
    if letter in _BASIC or letter in _EXTENSION:
        return letter
    return "".join(piece for piece in unicodedata.normalize("NFKD", letter) if piece in _BASIC)


def _parts(sizes: list[int], only: int, each: int) -> int:
    """Parts for letters of these sizes; a letter of two units is never divided between parts."""
    if sum(sizes) <= only:
        return 1
    count, used = 1, 0
    for size in sizes:
        if used + size > each:
            count, used = count + 1, 0
        used += size
    return count
