"""The reference in a real browser: the playground's whole sign-in, its care with Production, and what it keeps."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import Visit
from tests.playing import WARNING, Panel, Portals, new_email, portal, portals
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess

__all__ = ["portal", "portals"]

LOCALES = pytest.mark.parametrize("locale", ["tr-TR", "en-US"])
SEND = "/api/v1/auth/send-otp-email"


def opened(visitor: Visitor, path: str = "/docs/playground") -> Panel:
    """The panel of a page, ready."""
    visitor.page.goto(path)
    panel = Panel(visitor.page)
    expect(panel.send).to_be_visible()
    return panel


@LOCALES
def test_a_whole_sign_in_happens_in_the_panel_and_leaves_nothing_behind(visit: Visit, locale: str) -> None:
    """Contract, section 6; SES-21."""
    visitor = visit(locale=locale)
    panel, email = opened(visitor, "/docs/api/send-otp-email"), new_email()
    expect(visitor.page.locator("html")).to_have_attribute("lang", locale[:2])
    before = visitor.context.cookies(), visitor.page.url, visitor.page.evaluate("history.length")
    panel.sign_in(email)
    panel.next(0)
    panel.is_at("getMe")
    panel.call("200 OK")
    expect(panel.answer).to_contain_text(email)
    token = panel.token.input_value()
    expect(panel.request).not_to_contain_text(token)
    panel.choose("refreshToken")
    panel.call("200 OK")
    panel.next(0)
    panel.is_at("getMe")
    assert panel.token.input_value() not in ("", token)
    panel.call("200 OK")
    assert (visitor.context.cookies(), visitor.page.url, visitor.page.evaluate("history.length")) == before
    assert visitor.storages() == [0, 0, 0, 0, 0]
    visitor.page.reload()
    expect(panel.send).to_be_visible()
    panel.choose("getMe")
    expect(panel.token).to_have_value("")
    assert set(visitor.posts) == {
        f"/api/v1/auth/{name}"
        for name in ("send-otp-email", "login-otp-email", "complete-registration", "refresh-token")
    }


def test_a_page_that_is_left_and_come_back_to_has_no_token(visit: Visit) -> None:
    """The browser may have kept the whole page in memory."""
    visitor = visit()
    panel = opened(visitor)
    panel.sign_in(new_email())
    visitor.page.goto("/docs/errors")
    visitor.page.go_back()
    panel.choose("getMe")
    expect(panel.token).to_have_value("")
    expect(panel.answer).to_be_empty()


def sends_at(portal: PortalProcess) -> int:
    """How often it was asked to send a code."""
    return len(re.findall(rf'"method": "POST", "route": "{SEND}"', portal.log_text()))


@LOCALES
def test_production_is_asked_about_and_only_yes_sends(visit: Visit, portals: Portals, locale: str) -> None:
    """Contract, section 6: the warning to the letter, before any call that changes data."""
    visitor, production = visit(locale=locale), portals.production
    visitor.others = (production.url,)
    panel, email = opened(visitor, "/docs/api/send-otp-email"), new_email()
    expect(panel.warning).to_have_text(WARNING[locale])
    expect(panel.warning).not_to_have_class(re.compile("is-loud"))
    panel.choose_server(production.url)
    expect(panel.warning).to_have_class(re.compile("is-loud"))
    panel.member("email").fill(email)
    panel.send.click()
    expect(panel.dialog.locator(".warning")).to_have_text(WARNING[locale])
    panel.dialog.locator("[value=no]").click()
    expect(panel.dialog).to_be_hidden()
    panel.send.click()
    visitor.page.keyboard.press("Escape")
    expect(panel.dialog).to_be_hidden()
    panel.send.click()
    visitor.page.keyboard.press("Enter")  # the focus is on what sends nothing
    expect(panel.dialog).to_be_hidden()
    expect(panel.request).to_be_empty()
    assert visitor.calls == []
    sends = sends_at(production)
    panel.send.click()
    panel.dialog.locator("[value=yes]").dblclick()
    expect(panel.status).to_have_text("201 Created")
    expect(panel.request).to_contain_text(f"POST {production.url}{SEND}")
    assert [call for call in visitor.calls if call.startswith("POST")] == [f"POST {production.url}{SEND}"]
    assert sends_at(production) == sends + 1
    expect(panel.mail).to_be_empty()


def test_reading_on_production_is_neither_warned_of_nor_asked_about(visit: Visit, portals: Portals) -> None:
    """A GET changes nothing."""
    visitor = visit()
    visitor.others = (portals.production.url,)
    visitor.accept_status(401)
    panel = opened(visitor)
    panel.choose_server(portals.production.url)
    panel.choose("getMe")
    expect(panel.warning).not_to_have_class(re.compile("is-loud"))
    panel.call("401 unauthorized")
    expect(panel.dialog).to_be_hidden()


def test_what_one_server_gave_never_goes_to_another(visit: Visit, portals: Portals) -> None:
    """Tokens, codes and addresses are forgotten with the server that they are of."""
    visitor = visit()
    panel, email = opened(visitor), new_email()
    panel.sign_in(email)
    panel.choose("getMe")
    assert panel.token.input_value()
    panel.choose_server(portals.production.url)
    expect(panel.token).to_have_value("")
    expect(panel.answer).to_be_empty()
    panel.choose("loginOtpEmail")
    assert [panel.member(name).input_value() for name in ("email", "code", "challengeId")] == [
        "ada@example.com",
        "",
        "",
    ]
    panel.choose_server(portals.first.url)
    panel.choose("getMe")
    expect(panel.token).to_have_value("")


def test_an_answer_that_comes_after_another_server_was_chosen_is_dropped(visit: Visit, portals: Portals) -> None:
    """Neither shown nor remembered."""
    visitor = visit()
    panel, held = opened(visitor), list[Route]()
    panel.ask_and_use_the_code(new_email())
    visitor.page.route("**/login-otp-email", lambda route: held.append(route))
    with visitor.page.expect_request("**/login-otp-email"):
        panel.send.click()
    expect(panel.send).to_have_attribute("aria-busy", "true")
    panel.choose_server(portals.production.url)
    held[0].abort()
    expect(panel.send).not_to_have_attribute("aria-busy", "true")
    expect(panel.answer).to_be_empty()
    panel.choose_server(portals.first.url)
    panel.choose("completeRegistration")
    expect(panel.token).to_have_value("")


def test_a_double_click_sends_once_and_empty_members_are_left_out(visit: Visit) -> None:
    """Of the optional members none is sent that was not filled in."""
    visitor = visit()
    panel, email = opened(visitor), new_email()
    panel.member("email").fill(email)
    with visitor.page.expect_request(f"**{SEND}") as sent:
        panel.send.dblclick()
    expect(panel.status).to_have_text("201 Created")
    assert sent.value.post_data_json == {"email": email}
    assert sent.value.headers["accept"] == "application/json"
    assert visitor.posts == [SEND]


def test_own_fields_are_sent_as_what_they_are(visit: Visit) -> None:
    """A number as a number, a choice from its list, and none that was left out."""
    visitor = visit()
    panel, page = opened(visitor), visitor.page
    panel.ask_and_use_the_code(new_email())
    panel.call("200 OK")
    panel.next()
    page.locator("#play-body-fields-seats").fill("12")
    with page.expect_request("**/complete-registration") as sent:
        panel.call("201 Created")
    named = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    assert sent.value.post_data_json == {**named, "fields": {"seats": 12}}
    panel.choose("updateMe")
    page.locator("#play-body-fields-team").select_option("ops")
    with page.expect_request("**/auth/me") as sent:
        panel.call("200 OK")
    assert sent.value.post_data_json == {"fields": {"team": "ops"}}


def test_refusals_and_dead_servers_are_shown_in_place(visit: Visit, portals: Portals) -> None:
    """The code of a refusal, its headers, and plain words where nothing answers."""
    visitor = visit()
    visitor.others = (portals.away,)
    visitor.accept_status(400)
    visitor.accept_status(409)
    visitor.accepted += ["ERR_CONNECTION_REFUSED"]
    panel = opened(visitor)
    panel.member("email").fill("nobody")
    panel.call("400 validation_failed")
    panel.member("email").fill(new_email())
    panel.call("201 Created")
    panel.call("409 resend_too_soon")
    panel.answer.locator("summary").click()
    expect(panel.answer).to_contain_text(re.compile(r"retry-after: \d+"))
    panel.choose_server(portals.away)
    panel.send.click()
    expect(panel.answer.locator("[role=alert]")).to_contain_text("ALLOWED_ORIGINS")
    expect(panel.send).not_to_have_attribute("aria-busy", "true")


def test_a_session_of_the_list_can_be_ended(visit: Visit) -> None:
    """Its id flows from the one call to the other."""
    visitor = visit()
    visitor.accept_status(401)
    panel = opened(visitor)
    panel.sign_in(new_email())
    panel.choose("listSessions")
    panel.call("200 OK")
    panel.choose("endSession")
    expect(visitor.page.locator("#play-path-session_id")).to_have_value(re.compile(r"^\w{32}$"))
    panel.call("200 OK")
    panel.choose("getMe")
    panel.call("401 unauthorized")


def tab_to(page: Page, selector: str) -> None:
    """Go on with the keyboard until the focus is there."""
    for _step in range(80):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard never came to {selector}")


def test_the_keyboard_alone_signs_in(visit: Visit) -> None:
    """Search, skip link, form, letter and next call; what has the focus shows it."""
    visitor = visit()
    panel, page, email = opened(visitor), visitor.page, new_email()
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.locator("[data-search]")).to_have_value("a/b")
    page.reload()
    expect(panel.send).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "#play-body-email")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(email)
    page.keyboard.press("Enter")
    expect(panel.mail.locator("button")).to_be_visible()
    tab_to(page, "[data-mail] button")
    assert visitor.focus_ring() >= 2
    page.keyboard.press("Enter")
    expect(panel.send).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.status).to_have_text("200 OK")
    tab_to(page, "[data-answer] .play-next button")
    page.keyboard.press("Enter")
    expect(panel.send).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.status).to_have_text("201 Created")
