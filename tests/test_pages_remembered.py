"""The address that a browser keeps: only where its person asked for that (ui.md)."""

from __future__ import annotations

import re
from http.cookies import Morsel

from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Made
from tests.drivers import BrowserDriver, cookies_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"


def filled_in(browser: BrowserDriver) -> tuple[str, bool]:
    """What stands in the field, and whether the box is ticked."""
    browser.get("/login")
    [field] = re.findall(r'<input class="input"[^>]*name="email"[^>]*>', browser.page)
    value = re.search(r'value="([^"]*)"', field)
    [box] = re.findall(r'<input type="checkbox"[^>]*name="remember"[^>]*>', browser.page)
    return (value[1] if value else ""), " checked" in box


def kept(answer: TestResponse) -> Morsel[str] | None:
    """The cookie with the address, if the answer sets or clears it."""
    found = [cookie for name, cookie in cookies_of(answer).items() if name.endswith("address")]
    return found[0] if found else None


def test_nothing_is_kept_unless_somebody_asks(browser: BrowserDriver) -> None:
    assert filled_in(browser) == ("", False)
    assert kept(browser.post("/login", {"email": ADA, "asked": "remember"})) is None
    assert filled_in(browser) == ("", False)


def test_who_asks_finds_the_address_again(browser: BrowserDriver) -> None:
    browser.get("/login")
    cookie = kept(browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"}))
    assert cookie is not None
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert filled_in(browser) == (ADA, True)


def test_having_the_letter_sent_again_forgets_nothing(browser: BrowserDriver) -> None:
    browser.get("/login")
    browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"})
    browser.get("/login/code")
    browser.post("/login", {"email": ADA})
    assert filled_in(browser) == (ADA, True)


def test_who_clears_the_box_is_forgotten(browser: BrowserDriver) -> None:
    browser.get("/login")
    browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"})
    browser.get("/login")
    browser.post("/login", {"email": ADA, "asked": "remember"})
    assert filled_in(browser) == ("", False)


def test_a_full_network_changes_nothing_about_it(make_app: Made, outbox: MailSink) -> None:
    """The box counts also where a puzzle, a wait or a fault comes first."""
    app = make_app(sends_per_source_per_hour=1, resend_after=0)
    BrowserDriver(app, outbox).ask("bob@example.com")
    browser = BrowserDriver(app, outbox)
    browser.get("/login")
    answer = browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"})
    assert answer.status_code == 429
    assert kept(answer) is not None
    assert filled_in(browser) == (ADA, True)
    answer = browser.post("/login", {"email": ADA, "asked": "remember"})
    assert (answer.status_code, filled_in(browser)) == (429, ("", False))


def test_who_clears_the_box_is_forgotten_whatever_was_typed(browser: BrowserDriver) -> None:
    browser.get("/login")
    browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"})
    browser.get("/login")
    assert browser.post("/login", {"email": "nobody", "asked": "remember"}).status_code == 400
    assert filled_in(browser) == ("", False)


def test_who_leaves_is_forgotten(browser: BrowserDriver) -> None:
    """PRIV-02."""
    browser.get("/login")
    browser.post("/login", {"email": ADA, "asked": "remember", "remember": "y"})
    browser.enter(browser.outbox.code_sent_to(ADA))
    browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    browser.get("/account/delete")
    browser.post("/account/delete", {"sure": "y"})
    assert filled_in(browser) == ("", False)


def test_what_a_browser_makes_up_is_only_text(app: Flask, outbox: MailSink) -> None:
    """WEB-06."""
    browser = BrowserDriver(app, outbox)
    browser.client.set_cookie("portal-address", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    browser.get("/login")
    assert "<script>alert" not in browser.page
    assert "&lt;script&gt;alert(1)" in browser.page
