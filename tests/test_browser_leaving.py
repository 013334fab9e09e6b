"""Taking one's data along, leaving and coming back in a real browser, with and without JavaScript."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import Visit, environment
from tests.leaving import link_in
from tests.support.chromium import Visitor
from tests.support.letters import code_in
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink

_numbers = itertools.count()
WINDOWS = [
    {},
    {"java_script_enabled": False},
    {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal that sends to a relay."""
    url = f"sqlite:///{tmp_path_factory.mktemp('leaving') / 'portal.db'}"
    with PortalProcess(environment(url, sink.url, resend_after=0)) as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"leaving{next(_numbers)}@example.com"


def sign_in(visitor: Visitor, outbox: MailSink, email: str, *, has_script: bool) -> None:
    """Ask for a code and type it; with JavaScript the last digit sends it."""
    count = len(outbox.sent_to(email))
    page = visitor.ask(email)
    page.locator("[name=code]").fill(code_in(outbox.sent_to(email)[count]))
    if not has_script:
        page.locator("main .button").first.click()
    page.wait_for_url(lambda url: not url.endswith("/login/code"))


def register(visitor: Visitor, outbox: MailSink, email: str, *, has_script: bool = True) -> None:
    """Become somebody."""
    sign_in(visitor, outbox, email, has_script=has_script)
    page = visitor.page
    page.locator("[name=first_name]").fill("Ada")
    page.locator("[name=last_name]").fill("Lovelace")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    page.wait_for_url("**/account")


@pytest.mark.parametrize("window", WINDOWS, ids=["wide", "no_javascript", "narrow_dark"])
def test_a_person_leaves_and_comes_back(
    visit: Visit, outbox: MailSink, email: str, window: dict[str, object]
) -> None:
    visitor, has_script = visit(**window), window.get("java_script_enabled") is not False
    register(visitor, outbox, email, has_script=has_script)
    page = visitor.page
    page.goto("/account/delete")
    expect(page.locator("h1")).to_have_text("Delete your account")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    visitor.accept_status(400)
    page.locator("main .button").click()
    expect(page.locator(".error")).to_have_text("Please confirm that you mean it.")
    expect(page.locator("[name=sure]")).to_be_focused()
    page.locator("[name=sure]").check()
    page.locator("main .button").click()
    page.wait_for_url("**/account/deleted")
    expect(page.locator(".notice")).to_contain_text("It will be erased on")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    page.goto("/account")
    page.wait_for_url("**/login")
    path = link_in(outbox.wait_for(email, 2))
    sign_in(visitor, outbox, email, has_script=has_script)
    assert page.url.endswith(path), "a right code leads to the way back"
    expect(page.locator("h1")).to_have_text("Keep your account?")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    page.locator("main .button").click()
    page.wait_for_url("**/login")
    expect(page.locator(".notice")).to_have_text("Your account stays. Please sign in.")
    sign_in(visitor, outbox, email, has_script=has_script)
    page.wait_for_url("**/account")
    visitor.accept_status(404)
    page.goto(path)
    expect(page.locator("h1")).to_have_text("This link no longer works")


@pytest.mark.parametrize("window", WINDOWS[:2], ids=["wide", "no_javascript"])
def test_a_person_takes_everything_along(
    visit: Visit, outbox: MailSink, email: str, window: dict[str, object], tmp_path: Path
) -> None:
    visitor = visit(accept_downloads=True, **window)
    register(visitor, outbox, email, has_script=window.get("java_script_enabled") is not False)
    page = visitor.page
    page.goto("/account/export")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    for name in ("first.json", "second.json"):
        with page.expect_download() as download:
            page.locator("main .button").click()
        assert download.value.suggested_filename.startswith("account-20")
        download.value.save_as(tmp_path / name)
        given = json.loads((tmp_path / name).read_text("utf-8"))
        assert given["addresses"][0]["value"] == email
        expect(page.locator("main .button")).not_to_have_attribute("aria-busy", "true")


def test_the_pages_speak_turkish(visit: Visit, outbox: MailSink, email: str) -> None:
    """Where the catalogue has them, and from the right where that is written so."""
    visitor = visit(locale="tr-TR")
    register(visitor, outbox, email)
    visitor.page.goto("/account/delete")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "tr")
    expect(visitor.page.locator("h1")).to_have_text("Hesabınızı silin")
