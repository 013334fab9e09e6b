"""The authorization endpoint as a dispatcher: whatever happens on the way, a request ends with its app (OP-30)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.arriving import ada, arrive, ask, blog, enter, phone, query_of, start
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, shop
from tests.support.smtp import MailSink
from tests.test_pages_links import letter_link, press

__all__ = ["ada", "blog", "phone", "shop"]
BOB = "bob@example.com"


def test_two_tabs_finish_each_with_its_own_request(
    shop: RelyingParty, blog: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """The second tab shares the first one's code, and goes on without another."""
    tab = browser.another_tab()
    start(browser, shop, state="of-the-shop")
    start(tab, blog, state="of-the-blog")
    clock.shift(1)
    ask(browser)
    ask(tab)
    code = browser.code_sent_to(ada)
    first = arrive(browser, enter(browser, code))
    second = arrive(tab, enter(tab, code))
    assert (first["state"], second["state"]) == ("of-the-shop", "of-the-blog")
    assert shop.exchange(first["code"]).status_code == 200
    assert shop.exchange(second["code"]).status_code == 400
    assert blog.exchange(second["code"]).status_code == 200


def test_a_tab_that_waits_goes_on_once_another_tab_signed_in(
    shop: RelyingParty, blog: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    tab = browser.another_tab()
    waiting = start(browser, shop, state="of-the-shop")
    start(tab, blog)
    clock.shift(1)
    ask(browser)
    ask(tab)
    arrive(tab, enter(tab, tab.code_sent_to(ada)))
    state = browser.get(f"/login/code/state?request={waiting}&challenge={browser.hidden('challenge')}")
    assert state.json == {"approved": False, "done": True}
    assert arrive(browser, browser.get(f"/login/code?request={waiting}"))["state"] == "of-the-shop"


def test_the_letters_link_finishes_the_request_of_a_closed_tab(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller, outbox: MailSink
) -> None:
    start(browser, shop)
    clock.shift(1)
    ask(browser)
    answer = arrive(browser, press(browser.another_tab(), letter_link(outbox)))
    assert shop.exchange(answer["code"]).status_code == 200


def test_a_link_that_is_confirmed_elsewhere_sends_the_waiting_tab_to_its_app(
    shop: RelyingParty,
    browser: BrowserDriver,
    phone: BrowserDriver,
    ada: str,
    clock: time_machine.Traveller,
    outbox: MailSink,
) -> None:
    start(browser, shop)
    clock.shift(1)
    ask(browser)
    assert press(phone, letter_link(outbox)).status_code == 200
    assert phone.heading == "Confirmed"
    assert "code" in arrive(browser, enter(browser, ""))


def test_a_code_that_was_sent_again_leads_to_the_app(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    start(browser, shop)
    clock.shift(1)
    ask(browser)
    clock.shift(31)
    ask(browser)
    assert "code" in arrive(browser, enter(browser, browser.code_sent_to(ada)))


def test_a_wrong_code_does_not_lose_the_app(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    start(browser, shop)
    clock.shift(1)
    ask(browser)
    code = browser.code_sent_to(ada)
    assert enter(browser, code[::-1] if code[::-1] != code else "0001").status_code == 401
    assert "Demo Shop" in browser.page
    assert "code" in arrive(browser, enter(browser, code))


def test_a_new_person_arrives_at_the_app_after_the_registration(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    start(browser, shop)
    clock.shift(1)
    ask(browser)
    browser.follow(enter(browser, browser.code_sent_to(ADA)))
    assert "Demo Shop" in browser.page
    fields = {"first_name": "Ada", "last_name": "L", "terms": "y", "request": browser.hidden("request") or ""}
    assert "code" in arrive(browser, browser.post("/register", fields))


def test_a_registration_that_is_completed_later_leads_to_the_app(
    shop: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """The tab was closed; hours later the person opens the portal, whose address says nothing of the app."""
    start(browser, shop, state="of-yesterday")
    clock.shift(1)
    ask(browser)
    enter(browser, browser.code_sent_to(ADA))
    clock.shift(6 * 3_600)
    browser.get("/register")
    fields = {"first_name": "Ada", "last_name": "L", "terms": "y", "registration": browser.hidden("registration")}
    answer = browser.post("/register", {name: value or "" for name, value in fields.items()})
    assert arrive(browser, answer)["state"] == "of-yesterday"


@pytest.mark.parametrize("path", ["authorize", "consent", "choose", "not-admitted"])
def test_a_request_opens_in_no_other_browser(
    shop: RelyingParty, browser: BrowserDriver, phone: BrowserDriver, path: str
) -> None:
    request_id = start(browser, shop)
    phone.register(BOB)
    assert phone.get(f"/oauth/{path}/{request_id}").status_code == 410
    assert "Demo Shop" not in phone.get(f"/login?request={request_id}").text


def test_without_cookies_there_is_a_page_and_no_loop(shop: RelyingParty, app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    answer = client.post("/oauth/authorize", data=dict(query_of(shop)))
    hops = 0
    while answer.status_code == 303:
        hops += 1
        assert hops < 4
        answer = client.get(answer.location)
    assert answer.status_code == 410


def test_a_request_by_post_is_shown_by_get(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    """D6: the POST comes without cookies, what follows has them."""
    browser.prove(ada)
    clock.shift(1)
    answer = browser.client.post(
        "/oauth/authorize", data=dict(query_of(shop)), headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 303
    assert "code" in arrive(browser, answer)


def test_a_request_is_answered_once(
    shop: RelyingParty, browser: BrowserDriver, ada: str, clock: time_machine.Traveller
) -> None:
    request_id = start(browser, shop)
    clock.shift(1)
    ask(browser)
    arrive(browser, enter(browser, browser.code_sent_to(ada)))
    assert browser.get(f"/oauth/authorize/{request_id}").status_code == 410
    assert browser.heading == "Already done"
    browser.get("/account")
    assert browser.post(f"/oauth/cancel/{request_id}", {}).status_code == 410


def test_a_login_hint_is_filled_in_and_nothing_is_sent(
    shop: RelyingParty, browser: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OP-18."""
    outbox.clear()
    start(browser, shop, login_hint=ada)
    assert browser.value("email") == ada
    assert outbox.sent_to(ada) == []
    ask(browser)
    assert len(outbox.sent_to(ada)) == 1


def test_who_gave_up_is_not_led_back_later(browser: BrowserDriver, clock: time_machine.Traveller) -> None:
    """The way back to the device's page is over with its code."""
    browser.get("/device")
    clock.shift(600)
    assert browser.register(ADA).location == "/account"
