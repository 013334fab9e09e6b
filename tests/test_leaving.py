"""Deleting an account: what ends at once, who is told, and how it is taken back (PRIV-02, PRIV-03, SES-10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, select, update
from werkzeug.test import TestResponse

from auth_portal.db import utcnow
from auth_portal.models import Event, Identifier, IdentifierChange, User
from auth_portal.signin.events import OPERATOR, PORTAL
from tests.bearing import me
from tests.conftest import NOW, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.leaving import WEEK, goodbyes, link_in, user_id_of
from tests.support.api import in_parallel
from tests.support.letters import text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
CLOSED = (403, "deletion_pending")
REFUSED = (401, "code_invalid")
GONE = (401, "unauthorized")
END = (NOW + WEEK).replace(microsecond=0)


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, in which she has just registered."""
    browser.register(ADA)
    return browser


@pytest.fixture
def left(ada: BrowserDriver, clock: time_machine.Traveller) -> BrowserDriver:
    """The same, a minute after she deleted her account."""
    ada.follow(leave(ada))
    clock.shift(60)
    return ada


def leave(browser: BrowserDriver) -> TestResponse:
    """Delete the account whose browser this is; the letter has left."""
    browser.get("/account/delete")
    answer = browser.post("/account/delete", {"sure": "y"})
    services_of(browser.client.application).background.wait()
    assert (answer.status_code, answer.location) == (303, "/account/deleted")
    return answer


def restore(browser: BrowserDriver, path: str) -> TestResponse:
    """Open a link and press its button, if it has one."""
    page = browser.get(path)
    return browser.post(path, {}) if page.status_code == 200 else page


def events(app: Flask, user_id: str) -> list[tuple[str, str]]:
    """What the audit log says of the deletion, and who did it."""
    kinds = ("deletion_requested", "deletion_undone")
    query = select(Event.kind, Event.actor).where(Event.user_id == user_id, Event.kind.in_(kinds))
    with services_of(app).engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(Event.happened_at))]


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


def test_a_right_code_shows_who_typed_it_the_way_back(left: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    """The letter may be lost; a code proves the mailbox as well."""
    (letter,) = goodbyes(app, outbox, ADA)
    answer = left.prove(ADA)
    assert answer.location == link_in(letter)
    left.follow(answer)
    assert left.heading == "Keep your account?"
    assert "29 May 2026" in left.page
    assert ADA not in left.page


def test_the_link_of_a_codes_letter_leads_there_too(left: BrowserDriver, outbox: MailSink) -> None:
    """OTP-37: in the browser that asked, and by an approval elsewhere."""
    left.ask(ADA)
    path = text_of(outbox.sent_to(ADA)[-1]).partition("/login/link/")[2].split()[0]
    left.get(f"/login/link/{path}")
    assert left.post(f"/login/link/{path}", {}).location.startswith("/account/restore/")


def test_an_approval_elsewhere_leads_the_waiting_browser_there(
    left: BrowserDriver, app: Flask, outbox: MailSink
) -> None:
    left.ask(ADA)
    path = text_of(outbox.sent_to(ADA)[-1]).partition("/login/link/")[2].split()[0]
    phone = BrowserDriver(app, outbox, "198.51.100.7")
    phone.get(f"/login/link/{path}")
    assert phone.post(f"/login/link/{path}", {}).status_code == 200
    assert left.enter("").location.startswith("/account/restore/")


def test_the_link_takes_it_back_once_and_the_person_signs_in_as_always(
    left: BrowserDriver, app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    user_id = user_id_of(app, ADA)
    path = link_in(goodbyes(app, outbox, ADA)[0])
    for _ in range(2):
        assert left.get(path).status_code == 200, "opening it has no effect: scanners do that"
    answer = restore(left, path)
    assert (answer.status_code, answer.location) == (303, "/login")
    left.follow(answer)
    assert left.notice == "Your account stays. Please sign in."
    assert left.get("/account").location == "/login", "the link signs nobody in"
    assert (left.post(path, {}).status_code, left.heading) == (404, "This link no longer works")
    assert left.get(path).status_code == 404
    assert left.prove(ADA).location == "/account"
    assert user_id_of(app, ADA) == user_id
    assert events(app, user_id) == [("deletion_requested", "person"), ("deletion_undone", "person")]
    clock.shift(WEEK)
    assert services_of(app).users.find_by_id(user_id) is not None


def test_a_link_of_an_earlier_deletion_is_dead(
    left: BrowserDriver, app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    earlier = link_in(goodbyes(app, outbox, ADA)[0])
    restore(left, earlier)
    left.prove(ADA)
    clock.shift(1)
    leave(left)
    later = link_in(goodbyes(app, outbox, ADA)[1])
    assert later != earlier
    assert restore(left, earlier).status_code == 404
    assert restore(left, later).location == "/login"


def test_ended_sessions_stay_ended_when_it_is_taken_back(
    ada: BrowserDriver, api: ApiDriver, app: Flask, outbox: MailSink
) -> None:
    tokens = api.at("203.0.113.5").proven(ADA)
    cookie = ada.cookie("portal-session") or ""
    leave(ada)
    restore(ada, link_in(goodbyes(app, outbox, ADA)[0]))
    assert outcome(me(api, tokens["accessToken"])) == GONE
    assert outcome(api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})) == GONE
    ada.client.set_cookie("portal-session", cookie)
    assert ada.get("/account").location == "/login"


def test_once_the_days_are_over_nothing_takes_it_back(
    left: BrowserDriver, api: ApiDriver, app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """Whether the hourly job has come by or not."""
    path = link_in(goodbyes(app, outbox, ADA)[0])
    clock.move_to(END - timedelta(microseconds=1))
    assert left.get(path).status_code == 200
    clock.move_to(END)
    assert left.post(path, {}).status_code == 410
    assert left.heading == "It is too late"
    assert left.get(path).status_code == 410
    api.send(ADA)
    assert outcome(api.login(ADA, api.code_sent_to(ADA))) == CLOSED
    assert not services_of(app).leaving.restore_user(user_id_of(app, ADA), OPERATOR)


def test_taking_it_back_needs_the_token_of_the_form(left: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    """SES-16."""
    path = link_in(goodbyes(app, outbox, ADA)[0])
    left.get(path)
    assert left.post(path, {"csrf_token": ""}).status_code == 403
    assert left.get(path).status_code == 200


def test_nothing_but_the_link_itself_takes_it_back(left: BrowserDriver, app: Flask, outbox: MailSink) -> None:
    """Neither a part of it, nor a relative, nor what somebody who knows the user's id could make."""
    path = link_in(goodbyes(app, outbox, ADA)[0])
    token = path.rpartition("/")[2]
    user_id = user_id_of(app, ADA)
    flipped = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    forged = [
        token[:-1],
        token + "A",
        token.swapcase(),
        flipped,
        user_id,
        user_id * 2,
        "A" * 87,
        "x",
        "%00",
        "é" * 40,
    ]
    for fake in forged:
        assert left.get(f"/account/restore/{fake}").status_code == 404, fake
        assert left.post(f"/account/restore/{fake}", {}).status_code in (403, 404), fake
    assert user_id not in path
    assert left.get(path).status_code == 200


def test_the_link_outlives_a_change_of_the_secret_as_long_as_the_former_is_honoured(
    left: BrowserDriver, app: Flask, make_app: Made, outbox: MailSink
) -> None:
    """OPS-15."""
    path = link_in(goodbyes(app, outbox, ADA)[0])
    former = "a secret of the tests that is well over thirty-two bytes"
    with_it = make_app(secret_key="another secret of the tests that is over 32 bytes", secret_key_fallbacks=former)
    without = make_app(secret_key="another secret of the tests that is over 32 bytes")
    assert without.test_client().get(path).status_code == 404
    assert with_it.test_client().get(path).status_code == 200


def test_an_operator_takes_it_back_too(left: BrowserDriver, app: Flask) -> None:
    user_id = user_id_of(app, ADA)
    assert services_of(app).leaving.restore_user(user_id, OPERATOR)
    assert not services_of(app).leaving.restore_user(user_id, OPERATOR)
    assert events(app, user_id) == [("deletion_requested", "person"), ("deletion_undone", "operator")]
    assert left.prove(ADA).location == "/account"


def test_who_is_suspended_stays_so_when_it_is_taken_back(
    left: BrowserDriver, app: Flask, outbox: MailSink, api: ApiDriver
) -> None:
    """And learns with a right code only that the account is closed, not of the way back."""
    services_of(app).users.suspend(user_id_of(app, ADA))
    api.send(ADA)
    assert outcome(api.login(ADA, api.code_sent_to(ADA))) == (403, "account_suspended")
    assert restore(left, link_in(goodbyes(app, outbox, ADA)[0])).location == "/login"
    api.at("203.0.113.8").send(ADA)
    assert outcome(api.at("203.0.113.8").login(ADA, api.code_sent_to(ADA))) == (403, "account_suspended")


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
