"""Signed-in devices in real browsers: what one of them ends, another notices with its next request (SES-11)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Visit, environment
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink

PHONE = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0 Mobile Safari/537.36"
SCRIPTED = pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])
_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal of two workers with a database of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('sessions') / 'portal.db'}"
    with PortalProcess(environment(url, sink.url, resend_after=0), workers=2) as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"device{next(_numbers)}@example.com"


def sign_in(visitor: Visitor, outbox: MailSink, email: str, *, scripted: bool = True) -> Page:
    """Sign in with a code; where the person is new, register. Stands at the account."""
    page = visitor.ask(email)
    page.locator("[name=code]").press_sequentially(outbox.code_sent_to(email))
    if not scripted:
        page.locator("[data-open] .button").click()
    page.wait_for_url(re.compile("/(register|account)$"))
    if page.url.endswith("/register"):
        page.locator("[name=first_name]").fill("Ada")
        page.locator("[name=last_name]").fill("Lovelace")
        page.locator("[name=terms]").check()
        page.locator("main .button").click()
        page.wait_for_url("**/account")
    return page


@SCRIPTED
def test_a_device_that_is_ended_is_out_with_its_next_request(
    visit: Visit, outbox: MailSink, email: str, scripted: bool
) -> None:
    """SES-11, WEB-01: first one, then, signed in again, as all others."""
    here = sign_in(visit(java_script_enabled=scripted), outbox, email, scripted=scripted)
    visitor = visit(user_agent=PHONE, viewport={"width": 320, "height": 640})
    phone = sign_in(visitor, outbox, email)
    here.goto("/account/sessions")
    other = here.locator("section", has_text="Chrome on Android")
    expect(here.locator("h2", has=here.locator(".tag"))).to_contain_text("Chrome on Linux")
    button = other.get_by_role("button")
    expect(button).to_be_hidden()
    other.locator("summary").click()
    button.click()
    expect(here.locator("[role=status].notice")).to_have_text("That device is signed out.")
    expect(here.locator("h2")).to_have_count(2)
    phone.goto("/account")
    phone.wait_for_url("**/login")

    phone = sign_in(visitor, outbox, email)
    here.goto("/account/sessions")
    here.locator("summary", has_text="Sign out everywhere else").click()
    here.get_by_role("button", name="Sign out everywhere else").click()
    expect(here.locator("[role=status].notice")).to_have_text("One other device is signed out.")
    phone.goto("/account/sessions")
    phone.wait_for_url("**/login")
    here.reload()
    expect(here.locator("h1")).to_have_text("Signed-in devices")


def test_signing_out_everywhere_ends_this_browser_too(visit: Visit, outbox: MailSink, email: str) -> None:
    here, phone = (sign_in(visit(**options), outbox, email) for options in ({}, {"user_agent": PHONE}))
    here.goto("/account/sessions")
    here.locator("summary", has_text="Sign out everywhere…").click()
    here.get_by_role("button", name="Sign out everywhere", exact=True).click()
    here.wait_for_url("**/login")
    expect(here.locator("[role=status].notice")).to_have_text("You are signed out everywhere.")
    for page in (phone, here):
        page.goto("/account/sessions")
        page.wait_for_url("**/login")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_the_list_fits_a_small_window_and_a_finger(
    visit: Visit, outbox: MailSink, email: str, locale: str, scheme: str
) -> None:
    """ui.md: 320 px, nothing wider, nothing too small; the keyboard opens each question."""
    sign_in(visit(user_agent=PHONE), outbox, email)
    visitor = visit(locale=locale, color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = sign_in(visitor, outbox, email)
    page.goto("/account/sessions")
    for summary in page.locator("summary").all():
        summary.focus()
        assert visitor.focus_ring() >= 3
        page.keyboard.press("Enter")
    expect(page.locator("details[open]")).to_have_count(3)
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
