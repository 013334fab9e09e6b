"""The puzzle in a real browser: solved by the page itself under our policy, and never the only way in (OTP-40)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import Visit
from tests.support.api import Api
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess, development_portal

QUOTA = 2
SAYS = {
    "en-US": ("A moment, please", "Please try again in 30 minutes.", "We are checking that you are not a robot"),
    "tr-TR": ("Bir dakika lütfen", "Lütfen 30 dakika sonra tekrar deneyin.", "Robot olmadığınızı kontrol ediyoruz"),
}
HELD_BACK = """
const compute = SubtleCrypto.prototype.deriveBits;
const held = new Promise((resolve) => { globalThis.goOn = resolve; });
SubtleCrypto.prototype.deriveBits = async function (...given) { await held; return compute.apply(this, given); };
"""
"""A script that lets the page compute only after ``goOn()``."""
LOCALES = pytest.mark.parametrize("locale", SAYS)

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A development portal that sends 2 codes an hour to one network and believes what address it is told."""
    path = tmp_path_factory.mktemp("pressure") / "portal.db"
    with development_portal(path, sends_per_source_per_hour=QUOTA, trusted_proxies=1) as running:
        yield running


@pytest.fixture
def full_network(portal: PortalProcess) -> Callable[[], str]:
    """Makes networks that have used up their sends; the address of one more."""

    def make() -> str:
        address = f"203.0.113.{next(_numbers)}"
        with Api(portal.url, {"X-Forwarded-For": address}) as api:
            answers = [api.send_code(f"filler{next(_numbers)}@example.com").status for _ in range(QUOTA + 1)]
        assert answers == [201] * QUOTA + [429]
        return address

    return make


@pytest.fixture
def visit(visit: Visit, full_network: Callable[[], str]) -> Visit:
    """Opens browser windows in a network that is full."""

    def open_window(**options: object) -> Visitor:
        visitor = visit(extra_http_headers={"X-Forwarded-For": full_network()}, **options)
        visitor.accept_status(429)
        return visitor

    return open_window


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"pressure{os.getpid()}.{next(_numbers)}@example.com"


def ask(page: Page, email: str) -> None:
    """Enter the address and press the button."""
    page.goto("/login")
    page.locator("[name=email]").fill(email)
    page.locator("main .button").click()


@LOCALES
def test_the_page_solves_its_puzzle_by_itself_and_the_code_is_sent(visit: Visit, email: str, locale: str) -> None:
    """OTP-40, WEB-11: a real puzzle, nothing to press, to read or to type."""
    visitor = visit(locale=locale)
    ask(visitor.page, email)
    visitor.page.wait_for_url("**/login/code")
    assert visitor.posts == ["/login", "/login"]
    assert visitor.storages() == [0, 0, 0, 0, 0]
    assert visitor.letters_to(email) == 1
    visitor.page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    visitor.page.wait_for_url("**/register")


@LOCALES
def test_while_it_works_the_page_says_so_and_cannot_be_sent_twice(visit: Visit, email: str, locale: str) -> None:
    """WEB-14, WEB-23: the computing is held back to look at the page."""
    visitor = visit(locale=locale, viewport={"width": 320, "height": 640})
    page = visitor.page
    page.add_init_script(HELD_BACK)
    ask(page, email)
    heading, wait, check = SAYS[locale]
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.locator("main .address")).to_have_text(email)
    expect(page.locator("[role=status]")).to_contain_text(check)
    expect(page.get_by_text(wait)).to_be_hidden()
    expect(page.locator("main .button")).to_be_disabled()
    expect(page.locator("main .button")).to_have_attribute("aria-busy", "true")
    assert (visitor.overflow(), visitor.too_small()) == (0, [])
    page.locator("main .button").click(force=True)
    place = page.locator("main .button").bounding_box()
    page.evaluate("['wait', 'check'].forEach(n => document.querySelector(`[data-${n}]`).toggleAttribute('hidden'))")
    assert page.locator("main .button").bounding_box() == place, "the button jumps"
    page.evaluate("goOn()")
    page.wait_for_url("**/login/code")
    assert (visitor.posts, visitor.letters_to(email)) == (["/login", "/login"], 1)


@LOCALES
def test_without_a_script_the_page_says_how_long_to_wait(visit: Visit, email: str, locale: str) -> None:
    """OTP-40, WEB-19: and the button is there for when the time is over."""
    visitor = visit(locale=locale, java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = visitor.page
    ask(page, email)
    heading, wait, check = SAYS[locale]
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.get_by_text(wait)).to_be_visible()
    expect(page.get_by_text(check)).to_be_hidden()
    expect(page.locator("main .button")).to_be_enabled()
    page.locator("main .button").click()
    expect(page.get_by_text(wait)).to_be_visible()
    assert visitor.posts == ["/login", "/login"]


def test_a_browser_that_cannot_compute_says_how_long_to_wait(visit: Visit, email: str) -> None:
    """OTP-40: as on plain http in a local network, where there is no Web Crypto."""
    visitor = visit()
    visitor.page.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined })")
    ask(visitor.page, email)
    expect(visitor.page.get_by_text(SAYS["en-US"][1])).to_be_visible()
    button = visitor.page.locator("main .button")
    expect(button).to_be_enabled()
    button.click()
    expect(button).to_be_enabled()
    assert visitor.posts == ["/login", "/login"]


def test_a_proof_that_is_refused_is_not_followed_by_another_until_the_person_asks(
    visit: Visit, email: str, full_network: Callable[[], str]
) -> None:
    """A browser whose network changes with each request would compute for ever."""
    visitor, moved = visit(), full_network()
    page = visitor.page

    def send_from_elsewhere(route: Route) -> None:
        is_solved = "proof=ey" in (route.request.post_data or "")
        route.continue_(headers=route.request.headers | ({"x-forwarded-for": moved} if is_solved else {}))

    page.route("**/login", send_from_elsewhere)
    with page.expect_response(lambda answer: "proof=ey" in (answer.request.post_data or "")):
        ask(page, email)
    expect(page.get_by_text(SAYS["en-US"][1])).to_be_visible()
    page.wait_for_timeout(2_000)
    assert visitor.posts == ["/login", "/login"]
    page.context.set_extra_http_headers({"X-Forwarded-For": moved})
    page.locator("main .button").click()
    page.wait_for_url("**/login/code")
    assert visitor.posts == ["/login"] * 3
