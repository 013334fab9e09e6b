"""Takes a picture of all of a page, as Chromium's debugger gives it."""

from __future__ import annotations

import base64
from typing import Any, Literal

from playwright.sync_api import Page

Kind = Literal["webp", "png"]
WIDTHS = (320, 1280)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_LONGEST = 1600
"""Pixels of a long page that are in a picture: the rest is more of the same."""
_QUALITY = 80
_NO_CARET = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('* { caret-color: transparent !important; }');
    document.adoptedStyleSheets = [sheet];
}"""


def picture(page: Page, kind: Kind) -> bytes:
    """The page as it is now, from its top on, without a caret."""
    page.evaluate(_NO_CARET)
    session = page.context.new_cdp_session(page)
    size = session.send("Page.getLayoutMetrics")["cssContentSize"]
    wanted: dict[str, Any] = {
        "format": kind,
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], _LONGEST), "scale": 1},
    }
    if kind == "webp":
        wanted["quality"] = _QUALITY
    data = session.send("Page.captureScreenshot", wanted)["data"]
    session.detach()
    return base64.b64decode(data)


def resize(page: Page, width: int) -> None:
    """Make the window as wide as this; a narrow one is a phone's."""
    page.set_viewport_size({"width": width, "height": 640 if width < 480 else 800})
