"""What a signed-in person is asked before going on: new terms, and fields that are required by now (PRIV-08)."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.arriving import ask, enter, start
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.filling import COMPANY, NEWS, RULES, declared
from tests.relying import ADA, RelyingParty, answer_in, request_id_in
from tests.resuming import moved
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
TERMS, DETAILS = "The terms have changed", "A few more details"


class Portal:
    """A portal whose settings change, and Ada, who was there before."""

    def __init__(self, make_app: Made, outbox: MailSink, **before: Any) -> None:
        self._make, self._outbox = make_app, outbox
        self.app: Flask = make_app(**before)
        self.ada = BrowserDriver(self.app, outbox)
        self.ada.register(ADA)

    def becomes(self, **settings: Any) -> BrowserDriver:
        """Ada's browser at the portal after a restart with these settings."""
        self.app = self._make(**settings)
        secret = self.ada.cookie("portal-session") or ""
        self.ada = moved(self.ada, self.app, self._outbox)
        self.ada.client.set_cookie("portal-session", secret)
        return self.ada

    def events(self, kind: str) -> list[Any]:
        """The facts of what happened."""
        with services_of(self.app).engine.connect() as connection:
            found = connection.execute(text("SELECT facts FROM event WHERE kind = :kind"), {"kind": kind})
            return [str(row.facts) for row in found]


@pytest.fixture
def portal(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> Portal:
    """The portal before there were versions of the terms, or fields."""
    return Portal(make_app, outbox)


def test_the_version_that_is_in_force_is_noted_at_the_registration(make_app: Made, outbox: MailSink) -> None:
    portal = Portal(make_app, outbox, terms_version="2026-05")
    assert portal.ada.heading == "Your account"
    with services_of(portal.app).engine.connect() as connection:
        assert connection.execute(text('SELECT terms_version FROM "user"')).scalar() == "2026-05"


@pytest.mark.parametrize(("before", "after"), [("", ""), ("1", "1"), ("1", "")])
def test_nobody_is_asked_for_terms_that_did_not_change(
    make_app: Made, outbox: MailSink, before: str, after: str
) -> None:
    ada = Portal(make_app, outbox, terms_version=before).becomes(terms_version=after)
    assert ada.get("/account").status_code == 200
    assert ada.get("/account/terms").location == "/account"


def test_new_terms_are_asked_before_the_account_and_lead_to_where_the_person_was_going(portal: Portal) -> None:
    ada = portal.becomes(terms_version="2", terms_url="https://portal.example/terms")
    answer = ada.get("/account/apps")
    assert answer.location == "/account/terms"
    ada.follow(answer)
    assert ada.heading == TERMS
    assert 'href="https://portal.example/terms"' in ada.page
    accepted = ada.post("/account/terms", {"version": ada.hidden("version") or ""})
    assert (accepted.status_code, accepted.location) == (303, "/account/apps")
    assert ada.follow(accepted).status_code == 200
    assert ada.get("/account/terms").location == "/account"


def test_terms_are_asked_at_the_next_sign_in(portal: Portal, outbox: MailSink, clock: time_machine.Traveller) -> None:
    portal.becomes(terms_version="2")
    clock.shift(31)
    phone = BrowserDriver(portal.app, outbox, "198.51.100.7")
    assert phone.follow(phone.prove(ADA)).location == "/account/terms"


def test_an_acceptance_is_an_event_and_that_once(portal: Portal) -> None:
    """OPS-02; WEB-23: a double click, and the way back through the history."""
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    form = {"version": "2", "csrf_token": ada.hidden("csrf_token") or ""}
    tabs = [ada.another_tab() for _ in range(4)]
    clicks = in_parallel([lambda tab=tab: tab.post("/account/terms", form).status_code for tab in tabs])
    assert clicks == [303] * 4
    assert ada.post("/account/terms", form).location == "/account"
    [facts] = portal.events("terms_accepted")
    assert '"version": "2"' in facts.replace("'", '"')


def test_an_acceptance_counts_for_what_the_page_was_about(portal: Portal) -> None:
    """Between page and button the terms changed once more."""
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    for version in (ada.hidden("version") or "", "", "evil"):
        later = portal.becomes(terms_version="3")
        later.get("/account/terms")
        answer = later.post("/account/terms", {"version": version})
        assert answer.location == "/account/terms", version
    assert portal.events("terms_accepted") == []


@pytest.mark.parametrize("before", ["", "1"])
def test_who_registers_accepts_the_terms_that_the_page_was_about(
    before: str, make_app: Made, outbox: MailSink
) -> None:
    """PRIV-08: nobody has accepted what came into force while the form was open."""
    bob = BrowserDriver(make_app(terms_version=before), outbox)
    bob.get(bob.prove("bob@example.com").location)
    shown = bob.hidden("version") or ""
    bob = moved(bob, make_app(terms_version="2"), outbox)
    bob.get("/register")
    answer = bob.post("/register", {**NAMES, "version": shown})
    assert (answer.status_code, bob.error("terms")[:22]) == (400, TERMS)
    assert (bob.value("first_name"), bob.hidden("version")) == ("Ada", "2")
    assert not re.search(r'name="terms"[^>]*checked', bob.page)
    assert bob.post("/register", {**NAMES, "version": "2"}).location == "/account"
    assert bob.follow(bob.get("/account/terms")).status_code == 200


def test_the_button_needs_its_token_and_a_session(portal: Portal, outbox: MailSink) -> None:
    """SES-16."""
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    assert ada.post("/account/terms", {"version": "2", "csrf_token": ""}).status_code == 403
    stranger = BrowserDriver(portal.app, outbox)
    stranger.get("/login")
    for path in ("/account/terms", "/account/details"):
        assert stranger.get(path).location == stranger.post(path, {"version": "2"}).location == "/login"


def test_who_does_not_accept_can_sign_out_export_and_delete(portal: Portal) -> None:
    """PRIV-01, PRIV-02: nobody must agree to something in order to leave with what is theirs."""
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    assert 'href="/account/delete"' in ada.page
    assert [ada.get(f"/account/{page}").status_code for page in ("delete", "export")] == [200, 200]
    ada.get("/account/terms")
    assert ada.post("/logout", {}).location == "/login"
    assert portal.events("terms_accepted") == []


def test_the_json_api_tells_and_takes_the_acceptance_and_goes_on_meanwhile(make_app: Made, outbox: MailSink) -> None:
    first = ApiDriver(make_app(), outbox).register(ADA)
    app = make_app(terms_version="2")
    api = ApiDriver(app, outbox)
    data = data_of(api.post("refresh-token", {"refreshToken": first["refreshToken"]}))
    token = data["accessToken"]
    assert data["user"]["termsAccepted"] is False
    assert api.call("GET", "me", token=token).status_code == 200
    for body in ({}, {"acceptTerms": False}, {"acceptTerms": "true"}, {"acceptTerms": 1}):
        refused = api.post("me/terms", body, token=token)
        assert outcome(refused) == (400, "validation_failed")
        assert refused.json["errors"][1].startswith("acceptTerms: ")
    assert outcome(api.post("me/terms", {"acceptTerms": True})) == (401, "unauthorized")
    for _ in range(2):
        accepted = api.post("me/terms", {"acceptTerms": True}, token=token)
        assert (accepted.status_code, data_of(accepted)["termsAccepted"]) == (200, True)
    with services_of(app).engine.connect() as connection:
        query = "SELECT count(*) FROM event WHERE kind = 'terms_accepted'"
        assert connection.execute(text(query)).scalar() == 1


def test_accepting_terms_without_a_version_loses_no_former_acceptance(make_app: Made, outbox: MailSink) -> None:
    token = ApiDriver(make_app(terms_version="1"), outbox).register(ADA)["accessToken"]
    app = make_app()
    answer = ApiDriver(app, outbox).post("me/terms", {"acceptTerms": True}, token=token)
    assert (answer.status_code, data_of(answer)["termsAccepted"]) == (200, True)
    assert services_of(app).users.newest(1)[0].terms_version == "1"


def test_one_persons_acceptance_is_nobody_elses(make_app: Made, outbox: MailSink) -> None:
    api = ApiDriver(make_app(), outbox)
    ada, bob = api.register(ADA), api.register("bob@example.com")
    after = ApiDriver(make_app(terms_version="2"), outbox)
    after.post("me/terms", {"acceptTerms": True}, token=ada["accessToken"])
    assert data_of(after.call("GET", "me", token=bob["accessToken"]))["termsAccepted"] is False


def test_a_field_that_is_required_by_now_is_asked_after_the_terms(portal: Portal) -> None:
    ada = portal.becomes(terms_version="2", **declared(COMPANY, NEWS, RULES))
    ada.follow(ada.get("/account/apps"))
    assert ada.heading == TERMS
    ada.follow(ada.follow(ada.post("/account/terms", {"version": "2"})))
    assert (ada.heading, "own_news" in ada.page) == (DETAILS, False)
    refused = ada.post("/account/details", {"own_company": " "})
    assert (refused.status_code, ada.title[:6]) == (400, "Error:")
    assert [ada.error(f"own_{name}") for name in ("company", "rules")] == [
        "This is required.",
        "This must be accepted.",
    ]
    saved = ada.post("/account/details", {"own_company": "Engines", "own_rules": "y", "own_news": "y"})
    assert saved.location == "/account/apps"
    assert ada.get("/account/details").location == "/account"
    user = services_of(portal.app).users.newest(1)[0]
    assert user.fields == {"company": "Engines", "rules": True}, "what was not asked is not taken"


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


def test_a_form_that_is_open_while_the_terms_change_leads_to_the_question(portal: Portal) -> None:
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    changed = ada.post("/account/profile", {"first_name": "Eve", "last_name": "L", "locale": "en"})
    assert changed.location == "/account/terms"
    assert services_of(portal.app).users.newest(1)[0].first_name == "Ada"
