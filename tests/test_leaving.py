"""Deleting an account: how it is asked for, what ends at once, and who is told (PRIV-02, PRIV-03, SES-10)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, update

from auth_portal.db import utcnow
from auth_portal.models import Identifier, IdentifierChange, User
from auth_portal.signin.events import PORTAL
from tests.bearing import me
from tests.conftest import Made, services_of
from tests.departing import ADA, CLOSED, END, GONE, ada, events, leave, left
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.leaving import WEEK, goodbyes, link_in, user_id_of
from tests.support.api import in_parallel
from tests.support.letters import text_of
from tests.support.smtp import MailSink

__all__ = ["ada", "left"]
REFUSED = (401, "code_invalid")


def test_the_page_says_what_happens_and_asks_once_more(ada: BrowserDriver, app: Flask) -> None:
    ada.get("/account/delete")
    assert ada.heading == "Delete your account"
    assert "29 May 2026" in ada.page
    assert ada.post("/account/delete", {}).status_code == 400
    assert ada.title.startswith("Error: Delete your account")
    assert ada.error("sure") == "Please confirm that you mean it."
    assert ada.get("/account").status_code == 200
    assert events(app, user_id_of(app, ADA)) == []


def test_after_it_the_browser_is_signed_out_and_told_when_it_ends(ada: BrowserDriver) -> None:
    """SES-08, SES-19."""
    answer = leave(ada)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert ada.cookie("portal-session") is None
    ada.follow(answer)
    assert ada.heading == "Your account is closed"
    assert ada.notice == "It will be erased on 29 May 2026 16:11 UTC."
    assert ada.get("/account").location == "/login"


def test_it_needs_the_token_of_the_form(ada: BrowserDriver) -> None:
    """SES-16."""
    ada.get("/account/delete")
    assert ada.post("/account/delete", {"sure": "y", "csrf_token": ""}).status_code == 403
    assert ada.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/account/delete", "/account/export"])
def test_a_sign_in_of_more_than_ten_minutes_ago_is_confirmed_first(
    ada: BrowserDriver, clock: time_machine.Traveller, path: str
) -> None:
    """SES-15: and then leads back to the page."""
    ada.get(path)
    clock.shift(600)
    assert ada.post(path, {"sure": "y"}).location == "/account/confirm"
    assert ada.get(path).location == "/account/confirm"
    ada.get("/account/confirm")
    ada.follow(ada.post("/account/confirm", {"channel": "email"}))
    assert ada.enter(ada.code_sent_to(ADA)).location == path
    assert ada.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/account/delete", "/account/export"])
def test_who_is_not_signed_in_signs_in_first(browser: BrowserDriver, path: str) -> None:
    for answer in (browser.get(path), browser.post(path, {"sure": "y"})):
        assert answer.status_code in (303, 403)
    assert browser.get(path).location == "/login"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "me"), ("GET", "me/export")])
def test_the_api_wants_a_recent_sign_in_too(
    clock: time_machine.Traveller, api: ApiDriver, method: str, path: str
) -> None:
    """SES-15."""
    token = api.register(ADA)["accessToken"]
    clock.shift(599)
    assert api.call(method, path, token=token).status_code == 200
    clock.shift(31)
    token = api.register("bob@example.com")["refreshToken"]
    clock.shift(600)
    token = data_of(api.post("refresh-token", {"refreshToken": token}))["accessToken"]
    answer = api.call(method, path, token=token)
    assert (*outcome(answer), answer.json["errors"]) == (403, "reauthentication_required", ["Forbidden"])
    assert outcome(api.call(method, path)) == GONE
    assert outcome(api.call(method, path, token="x.y.z")) == GONE


def test_everything_that_the_person_is_signed_in_with_is_dead_at_once(ada: BrowserDriver, api: ApiDriver) -> None:
    """SES-10."""
    first = api.at("203.0.113.5").proven(ADA)
    services_of(api.app).background.wait()  # the notice of it must not be the newest letter
    second = api.at("203.0.113.6").proven(ADA)
    answer = api.call("DELETE", "me", token=first["accessToken"])
    assert (answer.status_code, data_of(answer)) == (200, {"eraseAt": "2026-05-29T16:11:27.000Z"})
    for tokens in (first, second):
        assert outcome(me(api, tokens["accessToken"])) == GONE
        assert outcome(api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})) == GONE
    assert ada.get("/account").location == "/login"
    assert outcome(api.call("DELETE", "me", token=first["accessToken"])) == GONE


def test_a_right_code_opens_nothing_and_a_wrong_one_tells_nothing(left: BrowserDriver, api: ApiDriver) -> None:
    """Only whoever proves the address learns it (OTP-21, OTP-23)."""
    sent = api.send(ADA)
    stranger = api.at("203.0.113.9").send("nobody@example.com")
    assert set(data_of(sent)) == set(data_of(stranger))
    code = api.code_sent_to(ADA)
    assert outcome(api.login(ADA, wrong_code(code))) == REFUSED
    answer = api.login(ADA, code)
    assert (*outcome(answer), answer.json["errors"]) == (*CLOSED, ["Hesap kullanıma kapalı"])
    assert outcome(api.login(ADA, code)) == REFUSED


def test_codes_that_were_on_their_way_stop_working(ada: BrowserDriver, api: ApiDriver) -> None:
    api.at("203.0.113.5").send(ADA)
    code = api.code_sent_to(ADA)
    leave(ada)
    assert outcome(api.at("203.0.113.5").login(ADA, code)) == REFUSED


def test_the_address_is_nobody_elses_in_the_meantime(
    ada: BrowserDriver, api: ApiDriver, clock: time_machine.Traveller
) -> None:
    """Whoever has the mailbox now gets the way back, and no new account over the old one."""
    leave(ada)
    clock.shift(60)
    api.send(ADA)
    answer = api.login(ADA, api.code_sent_to(ADA))
    assert outcome(answer) == CLOSED
    assert answer.json["data"] is None


def test_with_closed_sign_up_the_person_is_known_all_the_same(
    left: BrowserDriver, make_app: Made, outbox: MailSink
) -> None:
    closed = ApiDriver(make_app(signup="closed"), outbox)
    closed.send(ADA)
    assert outcome(closed.login(ADA, closed.code_sent_to(ADA))) == CLOSED


def test_the_days_are_what_the_setting_says(make_app: Made, outbox: MailSink, clock: time_machine.Traveller) -> None:
    api = ApiDriver(make_app(deletion_grace="30d"), outbox)
    token = api.register(ADA)["accessToken"]
    answer = api.call("DELETE", "me", token=token)
    assert data_of(answer)["eraseAt"] == "2026-06-21T16:11:27.000Z"


def test_asked_for_many_times_at_once_it_happens_once(ada: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    """A double click: one date, one letter, one event."""
    user_id = user_id_of(app, ADA)
    dates = in_parallel([lambda: services_of(app).leaving.request(user_id, PORTAL)] * 10)
    assert dates == [END] * 10
    assert len(goodbyes(app, outbox, ADA)) == 1
    assert events(app, user_id) == [("deletion_requested", "portal")]


def change(app: Flask, former: str, undo_until: Any, undone_at: Any = None) -> None:
    """Ada's main address was another one before."""
    now = utcnow()
    row = {"id": former[:32], "user_id": user_id_of(app, ADA), "channel": "email", "former": former, "current": ADA}
    times = {"former_verified_at": now, "changed_at": now, "undo_until": undo_until, "undone_at": undone_at}
    with services_of(app).engine.begin() as connection:
        connection.execute(insert(IdentifierChange), row | times)


def test_a_letter_goes_to_every_address_that_could_still_be_the_persons(
    ada: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    """OTP-31: whoever took an account over must not be able to delete it behind its owner's back."""
    second = {"channel": "email", "value": "second@example.com", "user_id": user_id_of(app, ADA), "rank": 1}
    with services_of(app).engine.begin() as connection:
        connection.execute(insert(Identifier), second | {"verified_at": utcnow()})
    change(app, "owner@example.com", utcnow() + WEEK)
    change(app, "long-ago@example.com", utcnow())
    change(app, "back@example.com", utcnow() + WEEK, undone_at=utcnow())
    leave(ada)
    told = [ADA, "second@example.com", "owner@example.com"]
    links = {link_in(goodbyes(app, outbox, email)[0]) for email in told}
    assert len(links) == 1
    assert [goodbyes(app, outbox, email) for email in ("long-ago@example.com", "back@example.com")] == [[], []]


@pytest.mark.parametrize(("locale", "date"), [("en", "29 May 2026 16:11 UTC"), ("tr", "29 Mayıs 2026 16:11 UTC")])
def test_the_letter_says_when_it_ends_in_the_persons_language(
    ada: BrowserDriver, app: Flask, outbox: MailSink, locale: str, date: str
) -> None:
    """MAIL-19."""
    with services_of(app).engine.begin() as connection:
        connection.execute(update(User).values(locale=locale))
    leave(ada)
    letter = outbox.sent_to(ADA)[-1]
    assert date in text_of(letter)
    assert letter.parsed["Content-Language"] == locale
    assert letter.parsed["Auto-Submitted"] == "auto-generated"
    assert link_in(letter)
