"""A registration that nobody finished yet, begun for an app: the app gets its answer however late (OP-30)."""

from __future__ import annotations

import time_machine

from tests.arriving import arrive, ask, enter, phone, start
from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, shop
from tests.resuming import NAMES, OFFER, TAKEN, at_registration
from tests.support.smtp import MailSink

__all__ = ["phone", "shop"]


def test_an_app_that_sent_the_person_gets_its_answer_after_the_tab_was_closed(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OP-30: from the first page, which says nothing of the app; until the very end of the registration."""
    start(browser, shop, state="of-yesterday")
    clock.shift(60)
    ask(browser)
    clock.shift(60)
    enter(browser, browser.code_sent_to(ADA))
    tab = browser.another_tab()
    clock.shift(86_399)
    tab.get("/login")
    assert OFFER in tab.page
    tab.get("/register")
    assert "Demo Shop" in tab.page
    answer = tab.post("/register", {**NAMES, "registration": tab.hidden("registration") or ""})
    assert arrive(tab, answer)["state"] == "of-yesterday"


def test_a_registration_that_may_take_a_week_leads_to_the_app_after_days(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    app = make_app(registration_ttl="7d")
    browser, shop = BrowserDriver(app, outbox), RelyingParty(app)
    start(browser, shop, state="of-last-week")
    clock.shift(1)
    ask(browser)
    enter(browser, browser.code_sent_to(ADA))
    clock.shift(6 * 86_400)
    browser.get("/register")
    answer = browser.post("/register", {**NAMES, "registration": browser.hidden("registration") or ""})
    assert arrive(browser, answer)["state"] == "of-last-week"


def test_an_app_that_sends_the_person_again_is_the_one_that_is_answered(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """The person may close the tab once more."""
    start(browser, shop, state="first")
    clock.shift(1)
    ask(browser)
    enter(browser, browser.code_sent_to(ADA))
    clock.shift(3_600)
    request_id = start(browser, shop, state="second")
    assert f'href="/register?request={request_id}"' in browser.page
    browser.get(f"/register?request={request_id}")
    clock.shift(3_600)
    tab = browser.another_tab()
    tab.get("/register")
    answer = tab.post("/register", {**NAMES, "registration": tab.hidden("registration") or ""})
    assert arrive(tab, answer)["state"] == "second"


def test_the_browser_that_an_app_sent_signs_in_for_it_where_another_device_was_first(
    shop: RelyingParty, browser: BrowserDriver, phone: BrowserDriver, clock: time_machine.Traveller
) -> None:
    start(browser, shop, state="of-the-shop")
    clock.shift(1)
    ask(browser)
    browser.follow(enter(browser, browser.code_sent_to(ADA)))
    clock.shift(31)
    at_registration(phone)
    assert phone.post("/register", NAMES).location == "/account", "the app's request is the other browser's"
    clock.shift(31)
    answer = browser.another_tab().get("/register")
    assert "request=" in answer.location
    browser.follow(answer)
    assert (browser.notice, "Demo Shop" in browser.page) == (TAKEN, True)
    ask(browser)
    assert arrive(browser, enter(browser, browser.code_sent_to(ADA)))["state"] == "of-the-shop"
