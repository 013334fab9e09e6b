"""Leaving with a phone: who is told by text message, and that nothing of a number stays (PRIV-02, PRIV-03)."""

from __future__ import annotations

import re

import time_machine
from flask import Flask

from auth_portal.signin import retention
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.leaving import WEEK, every_value, found_in
from tests.phoning import ADA, NUMBER, STRANGER, api, app, browser, register_both
from tests.support.outboxes import Outboxes

__all__ = ["api", "app", "browser"]
_LINK = re.compile(r"http://127\.0\.0\.1:8000(/account/restore/[A-Za-z0-9_-]{48})$")


def delete(app: Flask, api: ApiDriver, token: str) -> None:
    """The person deletes the account; whatever tells of it was sent."""
    assert api.call("DELETE", "me", token=token).status_code == 200
    services_of(app).background.wait()


def test_who_has_only_a_number_is_told_there_and_can_take_it_back(
    app: Flask, api: ApiDriver, browser: BrowserDriver, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    tokens = api.register(NUMBER)
    delete(app, api, tokens["accessToken"])
    found = _LINK.search(outboxes.sms.sent_to(NUMBER)[-1].text)
    assert found is not None, outboxes.sms.sent_to(NUMBER)[-1].text
    browser.get(found[1])
    assert browser.post(found[1], {}).location == "/login"
    clock.shift(31)
    assert api.proven(NUMBER)["user"]["id"] == tokens["user"]["id"]


def test_who_has_an_address_costs_no_text_message(app: Flask, api: ApiDriver, outboxes: Outboxes) -> None:
    register_both(app, api)
    token = api.at("203.0.113.9").proven(ADA)["accessToken"]
    services_of(app).background.wait()
    outboxes.clear()
    delete(app, api, token)
    assert len(outboxes.sent_to(ADA)) == 1
    assert outboxes.sent_to(NUMBER) == []


def test_what_tells_of_a_deletion_counts_as_what_it_costs_and_leaves_beyond_the_limit_too(
    make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """OTP-19, OTP-31: it has the link; nobody gets there without a code, which was counted before."""
    app = make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=8)
    api, other = ApiDriver(app, outboxes), ApiDriver(app, outboxes, "203.0.113.9")
    delete(app, api, api.register(NUMBER)["accessToken"])
    assert outcome(other.send(STRANGER)) == (429, "too_many_requests"), "two leave at once"
    assert len(outboxes.sms.texts) == 2

    clock.shift(86_400)
    app = make_app(sms_url=outboxes.sms.setting, sms_per_site_per_day=4)
    api = ApiDriver(app, outboxes, "203.0.113.7")
    delete(app, api, api.at("203.0.113.9").register(STRANGER)["accessToken"])
    assert _LINK.search(outboxes.sms.sent_to(STRANGER)[-1].text)


def test_a_right_code_to_the_number_opens_nothing_either(
    app: Flask, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    delete(app, api, api.register(NUMBER)["accessToken"])
    clock.shift(31)
    api.send(NUMBER)
    assert outcome(api.login(NUMBER, api.code_sent_to(NUMBER))) == (403, "deletion_pending")


def test_nothing_of_the_number_stays(app: Flask, api: ApiDriver, clock: time_machine.Traveller) -> None:
    tokens = api.register(NUMBER)
    delete(app, api, tokens["accessToken"])
    clock.shift(WEEK)
    engine = services_of(app).engine
    assert found_in(every_value(engine), NUMBER[1:]) >= {"identifier.value"}
    assert retention.prune(engine, services_of(app).seals)["people"] == 1
    values = every_value(engine)
    assert found_in(values, NUMBER[1:]) | found_in(values, tokens["user"]["id"]) == set()
