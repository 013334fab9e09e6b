"""What a signed-in person is asked before going on: new terms, and fields that are required by now (PRIV-08)."""

from __future__ import annotations

import re

import pytest
import time_machine
from sqlalchemy import text

from tests.asking import DETAILS, TERMS, Portal, portal
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.filling import COMPANY, NEWS, RULES, declared
from tests.relying import ADA
from tests.resuming import NAMES, moved
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

__all__ = ["portal"]


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


def test_a_form_that_is_open_while_the_terms_change_leads_to_the_question(portal: Portal) -> None:
    ada = portal.becomes(terms_version="2")
    ada.get("/account/terms")
    changed = ada.post("/account/profile", {"first_name": "Eve", "last_name": "L", "locale": "en"})
    assert changed.location == "/account/terms"
    assert services_of(portal.app).users.newest(1)[0].first_name == "Ada"
