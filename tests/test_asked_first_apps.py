"""What a person is asked who is on the way to an app: it waits for the answers, and is not lost (OP-14, OP-30)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.arriving import ask, enter, start
from tests.asking import DETAILS, TERMS, Portal, portal
from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.filling import COMPANY, declared
from tests.relying import ADA, RelyingParty, answer_in, request_id_in
from tests.resuming import NAMES
from tests.support.smtp import MailSink

__all__ = ["portal"]


@pytest.fixture
def shop(portal: Portal) -> RelyingParty:
    """A trusted app."""
    return RelyingParty(portal.app)


def at(app: Flask, shop: RelyingParty) -> RelyingParty:
    """The same app at the portal after its restart."""
    shop.app = app
    return shop


def test_an_app_waits_for_the_answers_and_is_not_lost(portal: Portal, shop: RelyingParty) -> None:
    """OP-30."""
    ada = portal.becomes(terms_version="2", **declared(COMPANY))
    answer = ada.get(at(portal.app, shop).address(state="of-the-shop"))
    request_id = request_id_in(answer.location)
    assert answer.location == f"/account/terms?request={request_id}"
    ada.follow(answer)
    assert (ada.heading, "Demo Shop" in ada.page) == (TERMS, True)
    accepted = ada.post(f"/account/terms?request={request_id}", {"version": "2"})
    step = ada.follow(accepted)
    assert step.location == f"/account/details?request={request_id}"
    ada.follow(step)
    assert (ada.heading, "Demo Shop" in ada.page) == (DETAILS, True)
    assert ada.post(f"/account/details?request={request_id}", {"own_company": ""}).status_code == 400
    saved = ada.post(f"/account/details?request={request_id}", {"own_company": "Engines"})
    told = answer_in(ada.follow(saved))
    assert told["state"] == "of-the-shop"
    assert shop.exchange(told["code"]).status_code == 200


def test_an_app_that_wants_no_page_is_told_that_one_is_needed(portal: Portal, shop: RelyingParty) -> None:
    """OP-14."""
    for settings in ({"terms_version": "2"}, declared(COMPANY)):
        ada = portal.becomes(**settings)
        told = answer_in(ada.get(at(portal.app, shop).address(prompt="none")))
        assert told["error"] == "interaction_required", settings


def test_no_way_of_the_app_leads_around_the_question(portal: Portal, shop: RelyingParty) -> None:
    untrusted = RelyingParty(portal.app, is_trusted=False)
    ada = portal.becomes(terms_version="2")
    request_id = request_id_in(ada.get(at(portal.app, untrusted).address()).location)
    for step in ("consent", "choose"):
        assert ada.get(f"/oauth/{step}/{request_id}").location == f"/oauth/authorize/{request_id}"
    ada.get(f"/account/terms?request={request_id}")
    assert ada.post(f"/oauth/consent/{request_id}", {"answer": "allow"}).location == f"/oauth/authorize/{request_id}"
    assert ada.get(f"/oauth/authorize/{request_id}").location == f"/account/terms?request={request_id}"


def test_who_is_signed_out_meanwhile_signs_in_and_still_reaches_the_app(
    portal: Portal, shop: RelyingParty, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    ada = portal.becomes(terms_version="2")
    answer = ada.get(at(portal.app, shop).address(state="of-the-shop"))
    request_id = request_id_in(answer.location)
    ada.follow(answer)
    kept = ada.another_tab()
    kept.page = ada.page
    ada.post("/logout", {})
    clock.shift(31)
    again = kept.follow(kept.post(f"/account/terms?request={request_id}", {"version": "2"}))
    assert again.location == f"/login?request={request_id}"
    kept.follow(again)
    ask(kept, ADA)
    signed_in = kept.follow(enter(kept, kept.code_sent_to(ADA)))
    kept.follow(signed_in)
    assert kept.heading == TERMS
    accepted = kept.post(f"/account/terms?request={request_id}", {"version": "2"})
    assert answer_in(kept.follow(accepted))["state"] == "of-the-shop"


def test_a_person_who_just_registered_is_asked_nothing(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    app = make_app(terms_version="2", **declared(COMPANY))
    browser, shop = BrowserDriver(app, outbox), RelyingParty(app)
    start(browser, shop)
    clock.shift(1)
    ask(browser, ADA)
    browser.follow(enter(browser, browser.code_sent_to(ADA)))
    fields = {**NAMES, "own_company": "Engines", "request": browser.hidden("request") or ""}
    assert "code" in answer_in(browser.follow(browser.post("/register", fields)))


def test_what_apps_have_goes_on_while_the_question_is_open(portal: Portal, shop: RelyingParty) -> None:
    """Refresh and userinfo: people are asked at the next sign-in, nothing stops in between."""
    tokens = shop.sign_in(portal.ada, scope="openid profile offline_access")
    plain = shop.sign_in(portal.ada)
    portal.becomes(terms_version="2", **declared(COMPANY))
    later = at(portal.app, shop)
    assert later.userinfo(plain["access_token"]).status_code == 200
    assert "refresh_token" in tokens
    refreshed = later.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200, refreshed.text


def test_a_device_gets_its_person_only_after_the_answer(portal: Portal, shop: RelyingParty) -> None:
    """RFC 8628: also there an app is answered."""
    ada = portal.becomes(terms_version="2")
    device = at(portal.app, shop).post("/oauth/device_authorization", {"scope": "openid"}).json
    assert ada.get(f"/device?user_code={device['user_code']}").location == "/account/terms"
    ada.get("/account/terms")
    form = {"user_code": device["user_code"], "answer": "allow"}
    assert ada.post("/device", form).location == ada.post("/device/answer", form).location == "/account/terms"
    assert ada.post("/account/terms", {"version": "2"}).location == "/device"
    ada.get("/device")
    assert ada.post("/device", form).status_code == 200
    assert ada.post("/device/answer", form).status_code == 200
