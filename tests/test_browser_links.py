"""The links of letters and long codes in a real browser: what waits goes on by itself (OTP-37, OTP-20, WEB-09)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.conftest import Visit, environment
from tests.drivers import wrong_code
from tests.support.api import Api
from tests.support.letters import code_in, text_of
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink

_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal that sends two letters an hour to one inbox, and the next code to all at once."""
    url = f"sqlite:///{tmp_path_factory.mktemp('links') / 'portal.db'}"
    with PortalProcess(environment(url, sink.url, sends_per_inbox_per_hour=2)) as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"link{next(_numbers)}@example.com"


def link_to(outbox: MailSink, email: str) -> str:
    """The path of the link in the newest letter to the address."""
    found = re.search(r"/login/link/[0-9a-f]{64}", text_of(outbox.sent_to(email)[-1]))
    assert found is not None
    return found[0]


def confirm_elsewhere(visit: Visit, path: str) -> None:
    """Open the link in another browser and press its button."""
    phone = visit(viewport={"width": 320, "height": 640}).page
    phone.goto(path)
    expect(phone.locator("h1")).to_have_text("Sign in on the other device?")
    phone.locator("main form .button").click()
    expect(phone.locator("h1")).to_have_text("Confirmed")


def test_a_waiting_page_goes_on_once_the_link_was_confirmed_elsewhere(
    visit: Visit, outbox: MailSink, email: str
) -> None:
    """OTP-37; the one that confirmed is not signed in."""
    waiting = visit().ask(email)
    confirm_elsewhere(visit, link_to(outbox, email))
    waiting.wait_for_url("**/register")


def test_a_page_whose_tries_are_used_up_goes_on_too(visit: Visit, outbox: MailSink, email: str) -> None:
    """OTP-15, OTP-37: whoever mistyped five times still has the letter."""
    visitor = visit()
    visitor.accept_status(401)
    waiting = visitor.ask(email)
    code = code_in(outbox.sent_to(email)[-1])
    for step in range(1, 6):
        with waiting.expect_navigation():
            waiting.locator("[name=code]").press_sequentially(wrong_code(code, step))
    expect(waiting.locator("h1")).to_have_text("This code no longer works")
    confirm_elsewhere(visit, link_to(outbox, email))
    waiting.wait_for_url("**/register")


def test_without_a_script_the_button_goes_on_with_an_empty_field(visit: Visit, outbox: MailSink, email: str) -> None:
    """WEB-01, OTP-37."""
    waiting = visit(java_script_enabled=False).ask(email)
    confirm_elsewhere(visit, link_to(outbox, email))
    waiting.locator("[data-open] .button").first.click()
    waiting.wait_for_url("**/register")


@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_a_long_code_is_pasted_as_the_letter_shows_it_and_goes(
    visit: Visit, portal: PortalProcess, outbox: MailSink, email: str, locale: str
) -> None:
    """OTP-02, OTP-20, BUD-07, WEB-09: the page says how many digits and nothing else; at 320 px nothing overflows."""
    for host in ("127.0.0.2", "127.0.0.3"):
        with Api(portal.url, source=host) as flood:
            assert flood.send_code(email).status == 201
    visitor = visit(
        locale=locale, viewport={"width": 320, "height": 640}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = visitor.ask(email)
    expect(page.locator("label")).to_have_text("20-digit code" if locale == "en-US" else "20 haneli kod")
    assert visitor.overflow() == 0
    text = text_of(outbox.sent_to(email)[-1])
    grouped = re.search(r"^(?:[0-9]{4} ){4}[0-9]{4}$", text, re.MULTILINE)
    assert grouped is not None
    page.evaluate("text => navigator.clipboard.writeText(text)", f"Code: {grouped[0]}.")
    page.locator("[name=code]").focus()
    page.keyboard.press("Control+V")
    page.wait_for_url("**/register")
