"""The whole sign-in in a real browser against a real development portal (ui.md; standards.md, section 5)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browsing import email, portal, register
from tests.conftest import Visit
from tests.drivers import wrong_code

__all__ = ["email", "portal"]


SCRIPTED = pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])


@SCRIPTED
@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_a_person_signs_in_registers_and_signs_out(visit: Visit, email: str, locale: str, scripted: bool) -> None:
    """WEB-01, SES-21; contract, sections 3 and 7."""
    visitor = visit(locale=locale, java_script_enabled=scripted)
    page = visitor.ask(email)
    expect(page.locator("html")).to_have_attribute("lang", locale[:2])
    expect(page.locator("main .address").first).to_have_text(email)
    page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    if not scripted:  # the last digit submits where a script can
        page.locator("[data-open] .button").click()
    register(page, "Ada")
    expect(page.locator("main")).to_contain_text("Ada Lovelace")
    expect(page.locator("main")).to_contain_text(email)
    if scripted:
        assert visitor.storages() == [0, 0, 0, 0, 0]
    page.locator("main .button").click()
    page.wait_for_url("**/login")
    expect(page.locator("[role=status].notice")).to_be_visible()
    page.goto("/account")
    page.wait_for_url("**/login")
    assert visitor.posts == ["/login", "/login/code", "/register", "/logout"]


def test_the_page_is_turkish_for_a_turkish_browser_until_english_is_chosen(visit: Visit) -> None:
    """Contract, section 7."""
    page = visit(locale="tr-TR").page
    page.goto("/login")
    expect(page.locator("html")).to_have_attribute("lang", "tr")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto("/login")
    expect(page.locator("h1")).to_have_text("Sign in")


@pytest.mark.parametrize("pasted", ["{0}{1} {2}{3}", "Your code: {0}{1}{2}{3}.", "{0}-{1}-{2}-{3}\n"])
def test_a_pasted_code_fills_the_field_and_goes(visit: Visit, email: str, pasted: str) -> None:
    """WEB-09: spaces, and the sentence around it."""
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.ask(email)
    text = pasted.format(*visitor.code_for(email))
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.locator("[name=code]").focus()
    page.keyboard.press("Control+V")
    page.wait_for_url("**/register")


def test_pasting_an_incomplete_code_fills_the_field_and_waits(visit: Visit, email: str) -> None:
    """WEB-21: nothing goes before it is whole."""
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.ask(email)
    page.evaluate("text => navigator.clipboard.writeText(text)", "1 2 3")
    page.locator("[name=code]").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("[name=code]")).to_have_value("123")
    assert visitor.posts == ["/login"]


@SCRIPTED
def test_a_wrong_code_is_told_in_place_and_the_field_is_ready_again(visit: Visit, email: str, scripted: bool) -> None:
    """WEB-13; ui.md: nothing jumps, focus moves to the field, the title begins with Error."""
    visitor = visit(java_script_enabled=scripted)
    visitor.accept_status(401)
    page = visitor.ask(email)
    field, code = page.locator("[name=code]"), visitor.code_for(email)
    before = field.bounding_box()
    field.press_sequentially(wrong_code(code))
    if not scripted:
        page.keyboard.press("Enter")
    expect(page.locator(".error")).to_have_text("That code is not right. 4 tries left.")
    expect(page).to_have_title("Error: Enter your code · Auth Portal")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("That code is not right. 4 tries left."))
    assert field.bounding_box() == before
    page.keyboard.type(code)
    if not scripted:
        page.keyboard.press("Enter")
    page.wait_for_url("**/register")


def test_a_second_click_while_the_first_one_is_under_way_sends_nothing(visit: Visit, email: str) -> None:
    """WEB-23: the first request is held back until the button was pressed again."""
    visitor = visit()
    page, held = visitor.page, []
    page.goto("/login")
    page.route("**/login", lambda route: held.append(route))
    page.locator("[name=email]").fill(email)
    box = page.locator("main .button").bounding_box()
    assert box is not None
    with page.expect_request("**/login"):
        page.mouse.click(box["x"] + 50, box["y"] + 20)
    page.mouse.click(box["x"] + 50, box["y"] + 20)
    held[0].continue_()
    page.wait_for_url("**/login/code")
    assert (visitor.posts, visitor.letters_to(email)) == (["/login"], 1)


def test_the_keyboard_is_enough_and_always_shows_where_it_is(visit: Visit, email: str) -> None:
    """WEB-17."""
    visitor = visit()
    page, keys = visitor.page, visitor.page.keyboard
    page.goto("/login")
    expect(page.locator("[name=email]")).to_be_focused()
    keys.type(email)
    keys.press("Enter")
    page.wait_for_url("**/login/code")
    expect(page.locator("[name=code]")).to_be_focused()
    keys.type(visitor.code_for(email))
    page.wait_for_url("**/register")
    expect(page.locator("[name=first_name]")).to_be_focused()
    for key in ("Ada", "Tab", "Lovelace", "Tab", "Space", "Tab"):
        keys.press(key) if key in ("Tab", "Space") else keys.type(key)
        assert visitor.focus_ring() >= 3
    expect(page.locator("main .button")).to_be_focused()
    keys.press("Enter")
    page.wait_for_url("**/account")
    for row in page.locator("main .row").all():
        keys.press("Tab")
        expect(row).to_be_focused()
        assert visitor.focus_ring() >= 3
    keys.press("Tab")
    expect(page.locator("main .button")).to_be_focused()
    assert visitor.focus_ring() >= 3
    keys.press("Enter")
    page.wait_for_url("**/login")


@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_no_page_is_wider_than_a_small_phone_and_everything_is_large_enough_to_touch(
    visit: Visit, email: str, locale: str
) -> None:
    """WEB-16, WEB-19: 320 pixels, with a long address."""
    visitor = visit(locale=locale, viewport={"width": 320, "height": 640})
    for status in (400, 401, 404):
        visitor.accept_status(status)
    page, email = visitor.page, f"a.very.long.name.that.goes.on.and.on.{email}"

    def check() -> None:
        assert (visitor.overflow(), visitor.too_small()) == (0, []), page.url

    page.goto("/nowhere")
    check()
    visitor.ask(email)
    check()
    code = visitor.code_for(email)
    page.locator("[name=code]").press_sequentially(wrong_code(code))
    page.locator(".error").wait_for()
    check()
    page.locator("[name=code]").press_sequentially(code)
    page.wait_for_url("**/register")
    page.locator("main .button").click()
    page.locator(".error").first.wait_for()
    check()
    register(page, "Wolfeschlegelsteinhausenbergerdorff" * 2)
    check()
    page.goto("/dev/mailbox")
    check()


def test_back_after_signing_out_shows_nothing_of_the_person(visit: Visit, email: str) -> None:
    """SES-18, WEB-23."""
    visitor = visit()
    page = visitor.ask(email)
    page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    register(page, "Ada")
    page.go_back()
    page.wait_for_url("**/account")
    page.locator("main .button").click()
    page.wait_for_url("**/login")
    page.go_back()
    page.wait_for_url("**/login")
    expect(page.locator("body")).not_to_contain_text(email)


def test_a_tab_that_waits_for_a_code_notices_the_sign_in_in_another(visit: Visit, email: str) -> None:
    """ui.md: already signed in in another tab, this tab notices and goes on."""
    visitor = visit()
    page = visitor.ask(email)
    other = visitor.new_page()
    other.goto("/login/code")
    other.locator("[name=code]").press_sequentially(visitor.code_for(email))
    other.wait_for_url("**/register")
    page.bring_to_front()
    page.wait_for_url("**/register")


def test_the_code_page_counts_down_and_offers_a_new_code_in_place(visit: Visit, email: str) -> None:
    """WEB-14, WEB-15: told when a resend is possible and when the time is up, without a reload."""
    visitor = visit()
    visitor.page.clock.install()
    page = visitor.ask(email)
    again = page.locator("[data-resend-in]")
    expect(again).to_be_disabled()
    page.clock.fast_forward(31_000)
    expect(again).to_be_enabled()
    expect(page.locator("[data-live]")).to_have_text("You can have the code sent again now.")
    page.clock.fast_forward(600_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("This code no longer works")
    expect(page.get_by_role("button", name="Send a new code")).to_be_focused()
    expect(page.locator("[data-live]")).to_have_text("The code no longer works. You can have a new one sent.")


def test_a_likely_typing_error_is_a_suggestion_and_no_obstacle(visit: Visit) -> None:
    """ui.md."""
    page = visit().page
    page.goto("/login")
    page.locator("[name=email]").press_sequentially("ada@gmial.com")
    page.get_by_role("button", name="ada@gmail.com").click()
    expect(page.locator("[name=email]")).to_have_value("ada@gmail.com")
    expect(page.locator("[data-typo]")).to_be_hidden()


def test_the_suggestion_never_takes_a_click_from_the_button(visit: Visit, email: str) -> None:
    """ui.md, nothing jumps: a button that moves between press and release is not clicked."""
    page = visit().page
    page.goto("/login")
    page.locator("[name=email]").fill(email.replace("example.com", "gmial.com"))
    page.locator("main .button").click()
    page.wait_for_url("**/login/code")
