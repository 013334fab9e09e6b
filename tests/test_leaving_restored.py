"""Taking a deletion back within its days: what leads there, what does it, and what does not (PRIV-03, SES-16)."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from flask import Flask

from auth_portal.signin.events import OPERATOR
from tests.bearing import me
from tests.conftest import Made, services_of
from tests.departing import ADA, CLOSED, END, GONE, ada, events, leave, left, restore
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.leaving import WEEK, goodbyes, link_in, user_id_of
from tests.support.letters import text_of
from tests.support.smtp import MailSink

__all__ = ["ada", "left"]


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
