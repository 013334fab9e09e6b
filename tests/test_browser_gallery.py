"""Every page and letter of the gallery, in three languages, light and dark: WEB-16, WEB-18, WEB-19, ui.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from gallery.person import Shown, Walk
from gallery.pictures import resize
from gallery.stage import Stage, stage
from gallery.walks import WALKS
from tests.conftest import unavailable
from tests.support.axe import LIBRARY, faults_of

_TEXT = """(size) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`html { font-size: ${size} !important; }`);
    document.adoptedStyleSheets = [sheet];
}"""
"""Sets the size of the text as a browser's own setting does: the page's policy has no say in it."""

OF_WHOLE_PAGES = ("landmark-one-main", "region")
"""Rules of axe-core that a letter cannot keep: it is a part of a mail program's page, whose landmarks these are."""


@pytest.fixture(scope="module")
def shown_on(chromium: Browser) -> Iterator[Stage]:
    """The portals, started once for all walks."""
    if not LIBRARY.exists():
        unavailable("no axe-core: run make test once, or npm ci in tests/node")
    with stage(chromium) as started:
        yield started


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    root = "document.documentElement"
    return int(page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


def faults_in(shown: Shown, language: str) -> list[object]:
    """All that is wrong with the page in this language; the themes differ by their colours alone."""
    page, found = shown.person.page, list[object]()
    if page.locator("html").get_attribute("lang") != language:
        found.append("is in another language")
    resize(page, 320)
    page.emulate_media(color_scheme="light")
    found += faults_of(page, without=OF_WHOLE_PAGES if shown.name.startswith("letter-") else ())
    page.emulate_media(color_scheme="dark")
    found += faults_of(page, "color-contrast")
    for width in (320, 768, 1280):
        resize(page, width)
        if overflow(page):
            found.append(f"{overflow(page)} px wider than a window of {width}")
    page.evaluate(_TEXT, "200%")
    if overflow(page):
        found.append(f"{overflow(page)} px wider than the window with text of twice the size")
    page.evaluate(_TEXT, "100%")
    return found


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_every_page_is_accessible_fits_and_complains_of_nothing(shown_on: Stage, walk: Walk) -> None:
    """Axe-core's rules, WCAG 1.4.4, 1.4.10 and 2.5.8; no word in the console, no request to another origin."""
    found: list[object] = []
    names = set()
    for shown in walk(shown_on):
        names.add(shown.name)
        for language in shown.each_language():
            found += [(shown.name, language, fault) for fault in faults_in(shown, language)]
        found += [(shown.name, complaint) for complaint in shown.person.complaints]
        shown.person.complaints.clear()
    assert names, "a walk that shows nothing"
    assert found == []
