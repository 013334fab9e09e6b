"""Fields of every type, new terms and the account in a real browser: small, without JavaScript, in both languages."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Visit
from tests.filling import COMPANY, declared
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess, development_portal

_numbers = itertools.count()
NAME = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenh"
SMALL = {"viewport": {"width": 320, "height": 640}}
SCRIPTED = pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of this module's people."""
    return tmp_path_factory.mktemp("profile") / "portal.db"


@pytest.fixture(scope="module")
def portal(database: Path) -> Iterator[PortalProcess]:
    """A development portal with fields of every type."""
    with development_portal(database, terms_url="https://terms.example/", **declared()) as running:
        yield running


@pytest.fixture(scope="module")
def stricter(portal: PortalProcess, database: Path) -> Iterator[PortalProcess]:
    """The same portal after its operator changed the terms and wants to know one thing more."""
    more = {**COMPANY, "name": "cost", "label": {"tr": "Masraf yeri", "en": "Cost centre"}}
    with development_portal(
        database, terms_version="2", terms_url="https://terms.example/", **declared(more)
    ) as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"profile{os.getpid()}.{next(_numbers)}@example.com"


def to_registration(visitor: Visitor, email: str, *, scripted: bool = True) -> Page:
    """Prove the address; the page stands at the form."""
    page = visitor.ask(email)
    page.locator("[name=code]").press_sequentially(visitor.code_for(email))
    if not scripted:  # the last digit submits where a script can
        page.locator("[data-open] .button").click()
    page.wait_for_url("**/register")
    return page


def fill(page: Page) -> None:
    """Fill all of the form in, with long and unusual values, and send it."""
    page.locator("[name=first_name]").fill(NAME)
    page.locator("[name=last_name]").fill("👩‍💻 Lovelace 🏳️‍🌈")
    page.get_by_label("Company").fill("Donaudampfschifffahrtsgesellschaft & Söh")
    page.get_by_label("Seats").fill("9007199254740991")
    page.get_by_label("Birthday").fill("1815-12-10")
    page.get_by_label("Team").select_option(label="Development")
    page.get_by_label("Web site").fill("ada.example/" + "x" * 80)
    page.get_by_label("Newsletter").check()
    page.get_by_label("House rules").check()
    page.locator("[name=terms]").check()
    page.locator("main .button").click()


@SCRIPTED
def test_a_small_phone_shows_and_takes_fields_of_every_type(visit: Visit, email: str, scripted: bool) -> None:
    """WEB-01, WEB-16, WEB-19: names of 64 characters and emoji among them."""
    visitor = visit(java_script_enabled=scripted, **SMALL)
    visitor.accept_status(400)

    def check() -> None:
        inline = [text for text in visitor.too_small() if "terms.example" not in text]  # a link in a sentence
        assert (visitor.overflow(), inline) == (0, []), page.url

    page = to_registration(visitor, email, scripted=scripted)
    check()
    page.locator("main .button").click()
    page.locator(".error").first.wait_for()
    check()
    expect(page.locator("[name=first_name]")).to_be_focused()
    fill(page)
    page.wait_for_url("**/account")
    check()
    for words in (NAME, "👩‍💻 Lovelace", "9007199254740991", "10 December 1815", "Development", email):
        expect(page.locator("main")).to_contain_text(words)
    page.get_by_role("link", name="Change your details").click()
    page.wait_for_url("**/account/profile")
    check()
    page.locator("select[name=locale]").select_option(label="Türkçe")
    page.get_by_label("Team").select_option(label="Operations")
    page.locator("main .button").click()
    page.wait_for_url("**/account")
    check()
    expect(page.locator("html")).to_have_attribute("lang", "tr")
    expect(page.locator("main")).to_contain_text("İşletim")
    expect(page.locator("[role=status].notice")).to_be_visible()


@SCRIPTED
def test_a_closed_window_goes_on_where_it_was(visit: Visit, email: str, scripted: bool) -> None:
    """ui.md; what was good in the form is there again."""
    visitor = visit(java_script_enabled=scripted, **SMALL)
    visitor.accept_status(400)
    page = to_registration(visitor, email, scripted=scripted)
    page.locator("[name=first_name]").fill("Ada")
    page.get_by_label("Birthday").fill("1815-12-10")
    page.locator("main .button").click()
    page.locator(".error").first.wait_for()
    page.close()
    page = visitor.new_page()
    page.goto("/")
    expect(page.locator(".unfinished")).to_contain_text("p…@example.com")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.locator(".unfinished a").click()
    page.wait_for_url("**/register")
    expect(page.locator("[name=first_name]")).to_have_value("Ada")
    expect(page.get_by_label("Birthday")).to_have_value("1815-12-10")
    fill(page)
    page.wait_for_url("**/account")


@SCRIPTED
def test_new_terms_and_a_new_field_are_asked_in_turn(
    visit: Visit, stricter: PortalProcess, email: str, scripted: bool
) -> None:
    """At 320 pixels; both pages can be left."""
    visitor = visit(java_script_enabled=scripted, **SMALL)
    visitor.accept_status(400)
    page = to_registration(visitor, email, scripted=scripted)
    fill(page)
    page.wait_for_url("**/account")
    # Cookies know no ports: at the portal after its restart the browser is still signed in.
    later = moved(visitor, stricter, java_script_enabled=scripted)
    page = later.page
    page.goto("/account/apps")
    page.wait_for_url("**/account/terms")
    assert (later.overflow(), later.too_small()) == (0, [])
    expect(page.get_by_role("link", name="Delete account")).to_be_visible()
    page.locator("main .button").click()
    page.wait_for_url("**/account/details")
    expect(page.get_by_label("Cost centre")).to_be_focused()
    assert (later.overflow(), later.too_small()) == (0, [])
    page.locator("main .button").click()
    page.locator(".error").wait_for()
    page.get_by_label("Cost centre").fill("4711")
    page.locator("main .button").click()
    page.wait_for_url("**/account/apps")
    page.get_by_role("link", name="Your account").click()
    page.wait_for_url("**/account")
    expect(page.locator("main")).to_contain_text("4711")
    complaints = later.complaints
    later.close()
    assert complaints == []


def moved(visitor: Visitor, portal: PortalProcess, **options: Any) -> Visitor:
    """The same browser at another portal."""
    options |= {"storage_state": visitor.context.storage_state(), **SMALL}
    later = Visitor(visitor.context.browser, portal.url, **options)  # type: ignore[arg-type]
    later.accept_status(400)
    return later


def test_right_to_left_the_arrows_point_the_other_way(visit: Visit, email: str) -> None:
    """ui.md: logical properties only."""
    visitor = visit(**SMALL)
    page = to_registration(visitor, email)
    fill(page)
    page.wait_for_url("**/account")
    arrow, label = page.locator(".row .icon").first, page.locator(".row b").first
    assert box(arrow)["x"] > box(label)["x"]
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert box(arrow)["x"] < box(label)["x"]
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.row .icon')).transform")
        == "matrix(-1, 0, 0, 1, 0, 0)"
    )
    assert visitor.overflow() == 0


def box(part: Any) -> dict[str, float]:
    """Where it is."""
    found = part.bounding_box()
    assert found is not None
    return dict(found)
