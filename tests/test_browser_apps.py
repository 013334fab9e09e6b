"""Sign-ins for an app in a real browser: several tabs, lost tabs, the letter's link, a form that posts itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.conftest import environment
from tests.support.letters import code_in, text_of
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.receiver import Receiver, Reply
from tests.support.relying_apps import register
from tests.support.smtp import MailSink

_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal of its own, reached at the address that is its issuer."""
    port = free_port()
    url = f"sqlite:///{tmp_path_factory.mktemp('apps') / 'portal.db'}"
    settings = environment(url, sink.url, public_url=f"http://127.0.0.1:{port}", resend_after=0)
    with PortalProcess(settings, port=port) as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Receiver]:
    """Where the app is: answers every request with a page."""
    page = Reply(
        200, body=b"<!doctype html><title>App</title><h1>Welcome back</h1>", headers={"Content-Type": "text/html"}
    )
    with Receiver(page) as running:
        yield running


@pytest.fixture(scope="module")
def client_id(portal: PortalProcess, site: Receiver) -> str:
    """The app, registered while the portal runs, as an operator does it."""
    words = ["--name", "Demo Shop", "--color", "#8a3ffc", "--redirect-uri", f"{site.url}/callback", "--no-pkce"]
    return str(register(portal, *words)["client_id"])


@pytest.fixture
def person(chromium: Browser, portal: PortalProcess) -> Iterator[BrowserContext]:
    """A new person's browser; no page of the portal may complain."""
    context = chromium.new_context(locale="en-US", base_url=portal.url)
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    # Chromium notes each refusal (the page that a request is over is one), and a field that was filled in before it
    # could be given the focus.
    fine = ("status of 410", "Autofocus processing was blocked")
    assert [text for text in complaints if not any(known in text for known in fine)] == []


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"app{next(_numbers)}@example.com"


@pytest.fixture
def send(client_id: str, site: Receiver) -> Any:
    """Where the app sends people: ``send(state="tab one")``."""

    def address(**parameters: str) -> str:
        wanted = {
            "client_id": client_id,
            "redirect_uri": f"{site.url}/callback",
            "response_type": "code",
            "scope": "openid email",
            **parameters,
        }
        return f"/oauth/authorize?{urlencode(wanted)}"

    return address


def ask(page: Page, email: str) -> None:
    """Enter the address on the page that is open."""
    page.locator("[name=email]").fill(email)
    page.locator("main .button").click()
    page.wait_for_url("**/login/code**")


def complete(page: Page) -> None:
    """Complete the form, and allow the app."""
    page.wait_for_url("**/register**")
    page.locator("[name=first_name]").fill("Ada")
    page.locator("[name=last_name]").fill("Lovelace")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    page.get_by_role("button", name="Allow", exact=True).click()


def answer_at(page: Page, site: Receiver) -> dict[str, str]:
    """What the app got in the address, once the browser is there."""
    page.wait_for_url(f"{site.url}/callback**")
    expect(page.locator("h1")).to_have_text("Welcome back")
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_several_tabs_each_finish_with_their_own_request(
    person: BrowserContext, outbox: MailSink, email: str, send: Any, site: Receiver
) -> None:
    """OP-30: the code is typed in one tab; the other goes on by itself, to its own end."""
    first, second = person.new_page(), person.new_page()
    first.goto(send(state="one"))
    second.goto(send(state="two"))
    ask(first, email)
    ask(second, email)
    second.locator("[name=code]").fill(code_in(outbox.sent_to(email)[-1]))
    complete(second)
    assert answer_at(second, site)["state"] == "two"
    first.reload()
    assert answer_at(first, site)["state"] == "one"


def test_a_closed_tab_and_the_letters_link_lead_back_to_the_app(
    person: BrowserContext, outbox: MailSink, email: str, send: Any, site: Receiver
) -> None:
    page = person.new_page()
    page.goto(send(state="lost"))
    ask(page, email)
    page.close()
    found = re.search(r"/login/link/[0-9a-f]{64}", text_of(outbox.sent_to(email)[-1]))
    assert found is not None
    page = person.new_page()
    page.goto(found[0])
    page.locator("main .button").click()
    page.wait_for_url("**/register**")
    page.close()
    page = person.new_page()
    page.goto("/register")
    expect(page.locator(".toward")).to_contain_text("Demo Shop")
    complete(page)
    assert answer_at(page, site)["state"] == "lost"


def test_a_resend_and_a_changed_address_keep_the_way_back(
    person: BrowserContext, outbox: MailSink, email: str, send: Any, site: Receiver
) -> None:
    page = person.new_page()
    page.goto(send(state="patient"))
    ask(page, f"typo-{email}")
    page.get_by_role("link", name="Change").click()
    ask(page, email)
    page.get_by_role("button", name="Send again").click()
    expect(page.locator(".notice")).to_contain_text("same code")
    page.locator("[name=code]").fill(code_in(outbox.sent_to(email)[-1]))
    complete(page)
    assert answer_at(page, site)["state"] == "patient"


def test_an_answer_that_is_posted_goes_by_itself(
    person: BrowserContext, outbox: MailSink, email: str, send: Any, site: Receiver
) -> None:
    """OP-05: nothing of it is in an address."""
    page = person.new_page()
    page.goto(send(state="posted", response_mode="form_post"))
    ask(page, email)
    page.locator("[name=code]").fill(code_in(outbox.sent_to(email)[-1]))
    complete(page)
    assert answer_at(page, site) == {}
    posted = next(asked for asked in reversed(site.asked) if asked.method == "POST")
    assert posted.fields["state"] == ["posted"]
    assert set(posted.fields) == {"code", "iss", "state"}


def test_going_back_after_the_end_says_that_it_is_done(
    person: BrowserContext, outbox: MailSink, email: str, send: Any, site: Receiver
) -> None:
    page = person.new_page()
    visited: list[Request] = []
    page.on("request", lambda asked: visited.append(asked))
    page.goto(send(state="done"))
    ask(page, email)
    page.locator("[name=code]").fill(code_in(outbox.sent_to(email)[-1]))
    complete(page)
    answer_at(page, site)
    request = next(asked.url for asked in visited if "/oauth/consent/" in asked.url)
    page.goto(request)
    expect(page.locator("h1")).to_have_text("Already done")


def test_the_colour_and_name_of_the_app_are_on_every_page(person: BrowserContext, email: str, send: Any) -> None:
    page = person.new_page()
    page.goto(send())
    for _ in range(2):
        expect(page.locator(".toward")).to_contain_text("Continue to Demo Shop")
        accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        assert accent.strip() == "#8a3ffc"
        if "/login/code" not in page.url:
            ask(page, email)
