"""The pages of the reference in a real browser: without JavaScript, on the smallest screen, before axe-core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Visit, unavailable
from tests.playing import Panel, Portals, new_email, portal, portals
from tests.support.axe import LIBRARY, faults_of
from tests.support.chromium import Visitor

__all__ = ["portal", "portals"]

LOCALES = pytest.mark.parametrize("locale", ["tr-TR", "en-US"])
SMALL = {"viewport": {"width": 320, "height": 640}}


def addresses(page: Page) -> list[str]:
    """All pages of the reference."""
    page.goto("/docs")
    links: list[str] = page.locator(".docs-nav a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert len(links) > 30
    return ["/docs", *links, "/docs/playground", "/docs/search", "/docs/search?q=code", "/docs/search?q=zzzz"]


@LOCALES
def test_no_page_scrolls_sideways_on_the_smallest_screen(visit: Visit, locale: str) -> None:
    """UI: 320 pixels; tables and code scroll in their boxes."""
    visitor = visit(locale=locale, **SMALL)
    page = visitor.page
    for address in addresses(page):
        page.goto(address)
        expect(page.locator("h1")).to_be_visible()
        assert (address, visitor.overflow()) == (address, 0)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert (address, visitor.overflow()) == (address, 0)


def test_a_call_does_not_widen_a_small_page(visit: Visit) -> None:
    """Long tokens and letters stay in their boxes."""
    visitor = visit(**SMALL)
    visitor.page.goto("/docs/api/send-otp-email")
    panel = Panel(visitor.page)
    panel.ask_and_use_the_code(new_email())
    panel.call("200 OK")
    assert visitor.overflow() == 0


@LOCALES
def test_every_page_reads_well_without_javascript(visit: Visit, locale: str) -> None:
    """The contents stand beside the text; instead of the playground there are samples."""
    visitor = visit(locale=locale, java_script_enabled=False)
    page = visitor.page
    for address in addresses(page):
        page.goto(address)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".docs-nav a").last).to_be_visible()
        expect(page.locator(".docs-menu > summary")).to_be_hidden()
    page.goto("/docs/api/send-otp-email")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("[data-panel]")).to_be_hidden()
    expect(page.locator("#samples ~ details").first.locator("pre")).to_be_visible()
    page.locator("#answers ~ details summary").nth(1).click()
    expect(page.locator("#answers ~ details pre").nth(1)).to_be_visible()
    page.locator("#q").fill("challengeId")
    page.keyboard.press("Enter")
    expect(page.locator(".docs-list a").first).to_be_visible()


def test_on_a_small_screen_the_contents_are_a_menu(visit: Visit) -> None:
    """Closed, and opened without JavaScript too."""
    page = visit(java_script_enabled=False, **SMALL).page
    page.goto("/docs/tokens")
    expect(page.locator(".docs-nav a").first).to_be_hidden()
    page.locator(".docs-menu > summary").click()
    page.locator(".docs-nav a", has_text="Errors").click()
    page.wait_for_url("**/docs/errors")


def test_code_can_be_copied(visit: Visit) -> None:
    """The button says that it was."""
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    page.goto("/docs/quick-start")
    block = page.locator(".code-box").first
    block.hover()
    block.locator("button").click()
    expect(block.locator("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre").text_content()


def states(visitor: Visitor, portals: Portals) -> Iterator[str]:
    """The pages in the states that axe-core is to see; the page shows the one that is named."""
    page, panel = visitor.page, Panel(visitor.page)
    for address in ("/docs", "/docs/quick-start", "/docs/security", "/docs/settings", "/docs/search?q=code"):
        page.goto(address)
        yield address
    page.goto("/docs/api/send-otp-email")
    page.locator("summary").evaluate_all("all => all.forEach(one => { one.parentElement.open = true; })")
    panel.member("email").fill(new_email())
    panel.call("201 Created")
    expect(panel.mail.locator("button")).to_be_visible()
    yield "a call and its letter"
    page.goto("/docs/playground")
    panel.choose("completeRegistration")
    yield "the playground"
    panel.choose("sendOtpEmail")
    panel.member("email").fill("nobody")
    panel.call("400 validation_failed")
    yield "a refusal"
    panel.choose_server(portals.production.url)
    yield "the loud warning"
    panel.send.click()
    yield "the question"
    panel.dialog.locator("[value=no]").click()
    panel.choose_server(portals.away)
    panel.send.click()
    expect(panel.answer.locator("[role=alert]")).to_be_visible()
    yield "no answer"


@LOCALES
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing(visit: Visit, portals: Portals, locale: str, width: int) -> None:
    """All of its rules, in the light and in the dark."""
    if not LIBRARY.exists():
        unavailable("no axe-core: make .venv/installed-node")
    visitor = visit(locale=locale, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    visitor.accept_status(400)
    visitor.accepted.append("ERR_CONNECTION_REFUSED")
    visitor.others = (portals.away,)
    for state in states(visitor, portals):
        for scheme in ("light", "dark"):
            visitor.page.emulate_media(color_scheme=scheme)
            assert (state, scheme, faults_of(visitor.page)) == (state, scheme, [])
