"""A challenge of the pages belongs to the browser that asked: no other browser and no JSON call gets at it."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.support.smtp import MailSink

ADA = "ada@example.com"
BOB = "bob@example.com"


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Another browser in the same network."""
    return BrowserDriver(app, outbox)


def test_two_tabs_with_two_addresses_each_take_their_own_code(browser: BrowserDriver) -> None:
    """SES-06."""
    second = browser.another_tab()
    browser.ask(ADA)
    second.ask(BOB)
    browser.follow(browser.enter(browser.code_sent_to(ADA)))
    second.follow(second.enter(second.code_sent_to(BOB)))
    assert ADA in browser.page
    assert BOB in second.page


def test_each_browser_gets_in_by_its_own_code_only(make_app: Made, outbox: MailSink) -> None:
    """OTP-06, OTP-07."""
    app = make_app(code_length=8)
    hers, his = BrowserDriver(app, outbox), BrowserDriver(app, outbox)
    hers.ask(ADA)
    her_code = hers.code_sent_to(ADA)
    his.ask(ADA)
    his_code = his.code_sent_to(ADA)
    assert [his.enter(her_code).status_code, hers.enter(his_code).status_code] == [401, 401]
    assert [his.enter(his_code).location, hers.enter(her_code).location] == ["/register", "/register"]


def test_a_foreign_challenge_in_the_form_opens_nothing_and_costs_its_owner_nothing(
    browser: BrowserDriver, stranger: BrowserDriver
) -> None:
    """SES-17."""
    browser.ask(ADA)
    foreign, code = browser.hidden("challenge") or "", browser.code_sent_to(ADA)
    stranger.ask(BOB)
    for _ in range(6):
        stranger.post("/login/code", {"code": wrong_code(code), "challenge": foreign})
    answer = stranger.post("/login/code", {"code": code, "challenge": foreign})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert stranger.get("/register").location == "/login"
    assert browser.enter(code).location == "/register"


def test_the_code_of_a_page_is_worth_nothing_to_the_json_api(browser: BrowserDriver, api: ApiDriver) -> None:
    """Contract, section 5, rule 3."""
    browser.ask(ADA)
    code, challenge = browser.code_sent_to(ADA), browser.hidden("challenge")
    for _ in range(6):
        assert api.login(ADA, code).status_code == 401
        assert api.login(ADA, code, challengeId=challenge).status_code == 401
    assert browser.enter(code).location == "/register"


def test_the_code_of_the_json_api_is_worth_nothing_on_a_page(browser: BrowserDriver, api: ApiDriver) -> None:
    """Contract, section 5, rule 3."""
    sent = api.send(ADA).json
    assert sent is not None
    code = browser.code_sent_to(ADA)
    browser.ask(BOB)
    answer = browser.post("/login/code", {"code": code, "challenge": sent["data"]["challengeId"]})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert browser.get("/register").location == "/login"
    assert api.login(ADA, code).status_code == 200
