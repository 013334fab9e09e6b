"""Signing in and registering where something is missing: a mouse, JavaScript, images, cookies, short names."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import email, portal, register
from tests.conftest import Visit
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess

__all__ = ["email", "portal"]

_numbers = itertools.count()
SMALL = {"viewport": {"width": 320, "height": 640}}
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenh"
EMOJI = "👩‍💻 Ada 🏳️‍🌈"
COOKIES = {"en": "allow cookies", "tr": "çerezlere izin verin", "ar": "ملفات تعريف الارتباط"}

_WATCH = """window.moved = [];
new PerformanceObserver((list) => moved.push(...list.getEntries().map((entry) => entry.value)))
    .observe({ type: 'layout-shift', buffered: true });"""


def enter(visitor: Visitor, email: str, *, scripted: bool = True) -> Page:
    """Ask for a code and type it."""
    page = visitor.ask(email)
    page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    if not scripted:
        page.locator("[data-open] .button").click()
    return page


@pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_keyboard_alone_signs_in_and_registers(visit: Visit, email: str, scripted: bool) -> None:
    """WEB-01, WEB-17: no pointer is used; the field that is next has the focus of itself."""
    visitor = visit(java_script_enabled=scripted)
    page, keys = visitor.page, visitor.page.keyboard
    page.goto("/login")
    expect(page.locator("[name=email]")).to_be_focused()
    keys.type(email)
    keys.press("Enter")
    page.wait_for_url("**/login/code")
    code = visitor.code_for(email)
    page.bring_to_front()
    expect(page.locator("[name=code]")).to_be_focused()
    keys.type(code)
    if not scripted:
        keys.press("Enter")
    page.wait_for_url("**/register")
    expect(page.locator("[name=first_name]")).to_be_focused()
    keys.type("Ada")
    keys.press("Tab")
    keys.type("Lovelace")
    while not page.locator("[name=terms]").evaluate("field => field === document.activeElement"):
        keys.press("Tab")
        assert visitor.focus_ring() >= 3
    keys.press("Space")
    keys.press("Enter")
    page.wait_for_url("**/account")


@pytest.mark.parametrize("locale", COOKIES)
def test_without_javascript_and_images_somebody_signs_in_and_registers(visit: Visit, email: str, locale: str) -> None:
    """WEB-01."""
    visitor = visit(java_script_enabled=False, locale=locale)
    visitor.accepted.append("net::ERR_FAILED")
    visitor.context.route(
        "**/*", lambda route: route.abort() if route.request.resource_type == "image" else route.continue_()
    )
    register(enter(visitor, email, scripted=False))
    expect(visitor.page.locator("html")).to_have_attribute("lang", locale)


@pytest.mark.parametrize("locale", COOKIES)
def test_nothing_moves_while_pages_are_shown(visit: Visit, email: str, locale: str) -> None:
    """Not a pixel: what scripts uncover has had its room from the start (ui.md)."""
    visitor = visit(**SMALL, locale=locale)
    visitor.context.add_init_script(_WATCH)
    page = visitor.ask(email)
    for path in ("/login", "/login?by=phone", "/login/code"):
        page.goto(path)
        page.wait_for_timeout(1_200)
        assert (path, page.evaluate("moved")) == (path, [])


@pytest.mark.parametrize("name", [LONG, EMOJI])
def test_unusual_names_and_the_longest_address_fit_the_smallest_screen(visit: Visit, name: str) -> None:
    """WEB-19: a name of 64 characters, one of emoji, an address of 254."""
    visitor = visit(**SMALL)
    start = f"{os.getpid()}.{next(_numbers)}."
    email = start + "a" * (64 - len(start)) + "@" + ".".join(["b" * 62, "b" * 61, "b" * 60]) + ".com"
    assert len(email) == 254
    page = visitor.ask(email)
    assert visitor.overflow() == 0
    page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    page.wait_for_url("**/register")
    assert visitor.overflow() == 0
    register(page, name)
    for path in ("", "/profile", "/email", "/phone", "/sessions", "/activity", "/apps", "/export", "/delete"):
        page.goto(f"/account{path}")
        assert (path, visitor.overflow()) == (path, 0)


def test_whoever_wants_no_motion_sees_none(visit: Visit, email: str) -> None:
    """WCAG 2.3.3: not even while a form is on its way."""
    visitor = visit(reduced_motion="reduce")
    page = visitor.page
    page.goto("/login")
    page.evaluate("() => document.addEventListener('submit', (event) => event.preventDefault())")
    page.locator("[name=email]").fill(email)
    page.locator("main .button").click()
    expect(page.locator("main .button")).to_have_attribute("aria-busy", "true")
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("locale", COOKIES)
def test_a_browser_that_keeps_no_cookies_is_told_that_they_are_needed(
    visit: Visit, portal: PortalProcess, tmp_path: Path, locale: str
) -> None:
    """In its language (ui.md)."""
    chromium = visit().context.browser
    assert chromium is not None
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Preferences").write_text(json.dumps(blocked))
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    context = chromium.browser_type.launch_persistent_context(
        profile.parent, executable_path=path, args=["--no-sandbox", "--headless=new"], locale=locale
    )
    try:
        page = context.pages[0]
        page.goto(f"{portal.url}/login")
        assert context.cookies() == []
        page.locator("[name=email]").fill("nobody@example.com")
        page.locator("main .button").click()
        expect(page.locator("html")).to_have_attribute("lang", locale)
        expect(page.locator("h1")).to_contain_text(COOKIES[locale])
    finally:
        context.close()
