"""Signing in by phone in a real browser against a real development portal; WebOTP where there is one (WEB-26)."""

from __future__ import annotations

import itertools
import os

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import portal
from tests.conftest import Visit
from tests.support.chromium import Visitor

__all__ = ["portal"]

_numbers = itertools.count()

# A phone with WebOTP: the test says when the text arrives, and hears what the page does.
PHONE = """
window.OTPCredential = class {};
navigator.credentials.get = (options) => new Promise((arrive, fail) => {
  window.heard('asked for ' + options.otp.transport);
  options.signal.addEventListener('abort', () => {
    window.heard('stopped');
    fail(new DOMException('', 'AbortError'));
  });
  window.textArrives = (code) => arrive({ code });
  window.personDeclines = () => fail(new DOMException('', 'NotAllowedError'));
});
"""


@pytest.fixture
def number() -> str:
    """A number that nobody else sends to."""
    return f"+90555{os.getpid() % 100_000:05}{next(_numbers):02}"


def with_phone(visitor: Visitor) -> list[str]:
    """Let the browser know WebOTP; what its pages do with it."""
    heard: list[str] = []
    visitor.context.expose_function("heard", lambda word: heard.append(word))
    visitor.context.add_init_script(PHONE)
    return heard


def arrives(page: Page, code: str) -> None:
    """A text with this code comes, and the person lets the page have it."""
    page.evaluate("code => window.textArrives(code)", code)


@pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_person_signs_in_by_phone(visit: Visit, number: str, scripted: bool) -> None:
    """WEB-01; the way from the first page on, where the browser knows no WebOTP."""
    visitor = visit(java_script_enabled=scripted)
    page = visitor.page
    page.goto("/login")
    page.get_by_role("link", name="Use my phone number instead").click()
    page.get_by_label("Mobile number").fill(f"0{number[3:6]} {number[6:9]} {number[9:11]} {number[11:]}")
    page.get_by_role("button", name="Send code").click()
    page.wait_for_url("**/login/code")
    page.locator("[name=code]").press_sequentially(visitor.code_for(number))
    if not scripted:
        page.locator("[data-open] .button").click()
    page.wait_for_url("**/register")
    assert visitor.posts == ["/login", "/login/code"]


def test_the_code_of_a_text_is_offered_by_the_phone_and_signs_in(visit: Visit, number: str) -> None:
    """WEB-26."""
    visitor = visit()
    heard = with_phone(visitor)
    page = visitor.ask(number)
    assert heard == ["asked for sms"]
    arrives(page, visitor.code_for(number))
    page.wait_for_url("**/register")
    assert visitor.posts == ["/login", "/login/code"]


def test_a_form_that_was_sent_by_hand_waits_for_no_text(visit: Visit, number: str) -> None:
    """WEB-26: whatever comes afterwards is not sent, too."""
    visitor = visit()
    heard = with_phone(visitor)
    page = visitor.ask(number)
    code = visitor.code_for(number)
    page.evaluate(
        "() => document.addEventListener('submit', (event) => { event.preventDefault(); window.heard('sent'); })"
    )
    page.locator("[name=code]").press_sequentially(code)
    expect(page.locator("[data-open] .button")).to_have_attribute("aria-busy", "true")
    arrives(page, code)
    expect(page.locator("[name=code]")).to_have_value(code)
    assert heard == ["asked for sms", "stopped", "sent"]


def test_a_person_who_declines_types_the_code(visit: Visit, number: str) -> None:
    visitor = visit()
    with_phone(visitor)
    page = visitor.ask(number)
    page.evaluate("() => window.personDeclines()")
    page.locator("[name=code]").press_sequentially(visitor.code_for(number))
    page.wait_for_url("**/register")


def test_a_page_that_waits_for_a_letter_asks_for_no_text(visit: Visit) -> None:
    visitor = visit()
    heard = with_phone(visitor)
    page = visitor.ask(f"phone{os.getpid()}@example.com")
    expect(page.locator("[data-auto]").first).to_be_visible()
    assert heard == []


@pytest.mark.parametrize("path", ["/login", "/login?by=phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_the_narrowest_phone(visit: Visit, path: str, scheme: str) -> None:
    """WEB-17, WEB-18: nothing is wider than 320 pixels or too small to be hit."""
    visitor = visit(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    visitor.page.goto(path)
    assert visitor.overflow() == 0
    assert visitor.too_small() == []
    visitor.page.keyboard.press("Tab")
    assert visitor.focus_ring() >= 2
