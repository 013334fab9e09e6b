"""A change of the address in real browsers, and its undoing by whoever reads mail at the former one (OTP-31)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Visit, environment
from tests.owning import undo_links
from tests.support.portal import PortalProcess
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink
from tests.test_browser_sessions import PHONE, sign_in

SCRIPTED = pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])
_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink, sms_sink: SmsSink) -> Iterator[PortalProcess]:
    """A portal of two workers with a database of its own, a relay and a gateway."""
    url = f"sqlite:///{tmp_path_factory.mktemp('addresses') / 'portal.db'}"
    settings = environment(url, sink.url, resend_after=0, sms_url=sms_sink.setting)
    with PortalProcess(settings, workers=2) as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"owner{next(_numbers)}@example.com"


def add(page: Page, kind: str, value: str, *, keep: bool = False) -> None:
    """Enter one more address or number; the page stands at the code."""
    page.goto(f"/account/{kind}")
    page.locator(f"[name={kind}]").fill(value)
    if keep:
        page.get_by_label("Keep").check()
    page.get_by_role("button", name="Send code").click()
    page.wait_for_url(re.compile(f"/account/{kind}/code"))


def confirm(page: Page, code: str, *, scripted: bool = True) -> None:
    """Enter the code; the page stands at the list."""
    page.locator("[name=code]").press_sequentially(code)
    if not scripted:
        page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"\?changed=1$"))


@SCRIPTED
def test_an_address_is_changed_and_the_former_one_takes_it_back(
    visit: Visit, outbox: MailSink, email: str, scripted: bool
) -> None:
    """The whole way: two windows that are signed in, a third one where the letter is read."""
    new = f"new.{email}"
    page = sign_in(visit(java_script_enabled=scripted), outbox, email, scripted=scripted)
    other = sign_in(visit(user_agent=PHONE), outbox, email)
    page.goto("/account")
    page.get_by_role("link", name="Email address").click()
    expect(page.locator("h1")).to_have_text("Email addresses")
    add(page, "email", new)
    expect(page.locator("main")).to_contain_text(f"It takes the place of {email}")
    confirm(page, outbox.code_sent_to(new), scripted=scripted)
    expect(page.locator("[role=status].notice")).to_have_text("This is your address now.")
    expect(page.locator("h2 .address")).to_have_text([new])
    page.locator("summary", has_text="Sign out everywhere else").click()
    page.get_by_role("button", name="Sign out everywhere else").click()
    other.goto("/account")
    other.wait_for_url("**/login")

    reader = visit(java_script_enabled=scripted, viewport={"width": 320, "height": 640}).page
    reader.goto(undo_links(outbox, email)[-1])
    expect(reader.locator("h1")).to_have_text("Undo the change?")
    expect(reader.locator("main")).to_contain_text(email)
    reader.get_by_role("button", name="Undo the change").click()
    expect(reader.locator("h1")).to_have_text("The change is undone")
    page.goto("/account/email")
    page.wait_for_url("**/login")
    reader.get_by_role("link", name="Sign in").click()
    reader.locator("[name=email]").fill(email)
    reader.get_by_role("button", name="Send code").click()
    reader.locator("[name=code]").press_sequentially(outbox.code_sent_to(email))
    if not scripted:
        reader.get_by_role("button", name="Sign in").click()
    reader.wait_for_url("**/account")
    reader.goto("/account/email")
    expect(reader.locator("h2 .address")).to_have_text([email])


def test_a_second_address_is_added_chosen_and_removed(visit: Visit, outbox: MailSink, email: str) -> None:
    """OTP-36; removing asks once more."""
    second = f"second.{email}"
    page = sign_in(visit(), outbox, email)
    add(page, "email", second, keep=True)
    confirm(page, outbox.code_sent_to(second))
    expect(page.locator("h2 .address")).to_have_text([email, second])
    page.get_by_role("button", name="Make it the main one").click()
    expect(page.locator("h2 .address")).to_have_text([second, email])
    row = page.locator("section", has=page.locator("h2", has_text=re.compile(f"^{email}")))
    expect(row.get_by_role("button", name="Remove")).to_be_hidden()
    row.locator("summary").click()
    row.get_by_role("button", name="Remove").click()
    expect(page.locator("[role=status].notice")).to_have_text("It is removed.")
    expect(page.locator("h2 .address")).to_have_text([second])


def test_a_tab_that_waits_notices_that_another_one_was_quicker(visit: Visit, outbox: MailSink, email: str) -> None:
    visitor = visit()
    page = sign_in(visitor, outbox, email)
    add(page, "email", f"new.{email}")
    tab = visitor.new_page()
    tab.goto("/account/email/code")
    confirm(tab, outbox.code_sent_to(f"new.{email}"))
    page.wait_for_url("**/account/email")
    expect(page.locator("h2 .address")).to_have_text([f"new.{email}"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "tr-TR"])
def test_the_pages_fit_a_small_window_and_a_finger(
    visit: Visit, outbox: MailSink, sms: SmsSink, email: str, locale: str, scheme: str
) -> None:
    """ui.md: 320 px, nothing wider, nothing too small; the keyboard opens each question."""
    visitor = visit(locale=locale, color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = sign_in(visitor, outbox, email)
    number = f"+9055500011{next(_numbers):02}"
    page.goto("/account/phone")
    page.locator("[name=phone]").fill(number)
    page.locator("main .button").last.click()
    page.wait_for_url("**/account/phone/code")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    confirm(page, sms.code_sent_to(number))
    for path in ("/account/phone", "/account/email"):
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.focus()
            assert visitor.focus_ring() >= 3
            page.keyboard.press("Enter")
        expect(page.locator("details[open]")).to_have_count(1)
        assert (visitor.overflow(), visitor.too_small()) == (0, []), path
