"""The colours of the reference: every text has 4.5 to 1 on what it stands on, in the light, in the dark, on paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auth_portal.delivery.colors import Rgb, contrast

STATIC = Path(__file__).resolve().parents[1] / "static"
ON_CODE = ["text", "soft", "c-word", "c-text", "c-name", "c-number", "c-note"]
PAIRS = [
    *[(name, "code") for name in ON_CODE],
    *[(name, background) for name in ("text", "soft", "accent") for background in ("card", "tint")],
    ("get", "get-tint"),
    ("patch", "patch-tint"),
    ("bad", "bad-tint"),
    ("warn", "warn-tint"),
]


def tokens(scheme: str) -> dict[str, str]:
    """The colours that are in force: those of a scheme over the light ones, of docs.css over those of portal.css."""
    found: dict[str, str] = {}
    for name in ("portal.css", "docs.css"):
        css = (STATIC / name).read_text("utf-8")
        blocks = [re.search(r"^:root \{(.*?)\}", css, re.DOTALL | re.MULTILINE)]
        if scheme != "light":
            blocks.append(
                re.search(rf"^@media [^\n]*{scheme}[^\n]*\{{\n  :root \{{(.*?)\}}", css, re.DOTALL | re.MULTILINE)
            )
        for block in filter(None, blocks):
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block[1]))
    return found


def rgb(color: str) -> Rgb:
    """``#rgb`` or ``#rrggbb`` as numbers."""
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_colour_can_be_read(scheme: str) -> None:
    """WCAG 2.2, 1.4.3."""
    colors = tokens(scheme)
    ratios = {pair: contrast(*(rgb(colors[name]) for name in pair)) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
