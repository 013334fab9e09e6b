"""An app's colour as our accent: moved as far as reading needs it, in light and in dark (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_CONTRAST = 4.5
_LIGHT, _DARK = (255, 255, 255), (23, 28, 27)
"""The cards of portal.css. On what is tinted no text has the accent: docs.css has colours of its own there."""
_STEPS = 40
Rgb = tuple[int, int, int]


class Accent(NamedTuple):
    """The accent of a letter: on white, with white on it; on a dark ground, with ``dark_text`` on it."""

    color: str
    dark_color: str
    dark_text: str


OWN = Accent("#0c6b58", "#66cfb6", "#06241d")
"""The portal's green, as its pages have it."""


def stylesheet(color: str) -> str:
    """CSS that makes ``#rrggbb`` the accent of a page."""
    wanted = _parse(color)
    light, dark = _readable(wanted, _LIGHT, (0, 0, 0)), _readable(wanted, _DARK, (255, 255, 255))
    light_rules, dark_rules = (f":root {{ {_properties(accent)} }}" for accent in (light, dark))
    return f"{light_rules}\n@media (prefers-color-scheme: dark) {{ {dark_rules} }}\n"


@lru_cache(maxsize=256)
def accent_of(color: str) -> Accent:
    """``#rrggbb`` as the accent of a letter; the portal's own where there is none."""
    if not color:
        return OWN
    dark = on_dark(color)
    return Accent(on_white(color), dark, _hex(_text_on(_parse(dark))))


def on_white(color: str) -> str:
    """The colour, dark enough to be read on white, and for white to be read on it."""
    return _hex(_readable(_parse(color), _LIGHT, (0, 0, 0)))


def on_dark(color: str) -> str:
    """The colour, light enough to be read on the dark ground of pages and letters."""
    return _hex(_readable(_parse(color), _DARK, (255, 255, 255)))


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _properties(accent: Rgb) -> str:
    text = _text_on(accent)
    over = _mix(accent, (0, 0, 0) if text == (255, 255, 255) else (255, 255, 255), 0.15)
    return (
        f"--accent: {_hex(accent)}; --accent-over: {_hex(over)}; --on-accent: {_hex(text)}; --ring: {_hex(accent)};"
    )


def _text_on(color: Rgb) -> Rgb:
    return max(((255, 255, 255), (0, 0, 0)), key=lambda candidate: contrast(color, candidate))


def _readable(color: Rgb, ground: Rgb, toward: Rgb) -> Rgb:
    """The colour, moved towards black or white until it can be read on its ground."""
    for step in range(_STEPS + 1):
        moved = _mix(color, toward, step / _STEPS)
        if contrast(moved, ground) >= _CONTRAST:
            return moved
    return toward


def _parse(color: str) -> Rgb:
    return (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))


def _mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return (red, green, blue)


def _luminance(color: Rgb) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
