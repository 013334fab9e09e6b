"""Undoing a change of the main address or number: the link, its three days, whose the address is then (OTP-31)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.conftest import SECRET_KEY, Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.owning import ADA, BOB, NEW, NEWER, OTHER_PHONE, PHONE, Owner, app, events, press
from tests.support.outboxes import Outboxes
from tests.undoing import HOUR, OVER, UNDONE, ada, identifiers, link, reader, text_link

__all__ = ["ada", "app", "reader"]
ASK = "Undo the change?"
THREE_DAYS = 72 * HOUR
LOGGED_OUT = (401, "unauthorized")
TAKEN = (409, "already_registered")


def test_the_former_address_gets_the_account_back(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """The link says what it would do, and only its button does it, once."""
    ada.take(NEW)
    path = link(outboxes)
    clock.shift(60)
    for _again in range(2):
        assert reader.get(path).status_code == 200
        assert reader.heading == ASK
        assert ADA in reader.page
        assert NEW not in reader.page
        assert "a***@n***.example" in reader.page
    assert ada.has() == [NEW], "a mail scanner opens links, too"
    assert press(reader, path) == UNDONE
    assert identifiers(app, ada) == [(ADA, 0)]
    assert outcome(ada.call("", NEWER)) == LOGGED_OUT
    clock.shift(60)
    ada.sign_in_again(ADA)
    assert ada.has() == [ADA]
    assert ada.api.proven(NEW)["registrationRequired"] is True
    assert events(ada) == ["address_changed", "address_restored"]


def test_all_sessions_end_and_no_browser_is_known_any_more(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, browser: BrowserDriver
) -> None:
    """SES-10: whoever changed the address is signed in somewhere."""
    browser.prove(ADA)
    assert browser.get("/account").status_code == 200
    ada.take(NEW)
    press(reader, link(outboxes))
    assert browser.get("/account").location == "/login"
    assert outcome(ada.api.call("GET", "me", token=ada.token)) == LOGGED_OUT
    assert outcome(ada.api.post("refresh-token", {"refreshToken": ada.refresh_token})) == LOGGED_OUT
    with services_of(app).engine.connect() as connection:
        known = connection.execute(text("SELECT count(*) FROM known_device WHERE user_id = :id"), {"id": ada.id})
        assert known.scalar() == 0


def test_a_code_that_was_on_its_way_adds_nothing_afterwards(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Neither by the session that ended, nor by a new one."""
    ada.take(NEW)
    code = ada.code_for(NEWER)
    press(reader, link(outboxes))
    assert ada.refusal("verify", NEWER, code=code) == LOGGED_OUT
    clock.shift(60)
    ada.sign_in_again(ADA)
    assert ada.refusal("verify", NEWER, code=code) == (401, "code_invalid")
    assert identifiers(app, ada) == [(ADA, 0)]


def test_a_link_works_once_and_later_says_so(
    ada: Owner, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    ada.take(NEW)
    path = link(outboxes)
    assert press(reader, path) == UNDONE
    clock.shift(60)
    ada.sign_in_again(ADA)
    ada.take(NEWER)
    assert press(reader, path) == UNDONE
    assert ada.has() == [NEWER], "the second press did nothing"


@pytest.mark.parametrize(("after", "heading", "left"), [(-1, UNDONE, [ADA]), (0, OVER, [NEW])])
def test_a_change_can_be_undone_for_three_days(
    ada: Owner,
    outboxes: Outboxes,
    reader: BrowserDriver,
    clock: time_machine.Traveller,
    after: int,
    heading: str,
    left: list[str],
) -> None:
    ada.take(NEW)
    clock.shift(THREE_DAYS + after)
    assert press(reader, link(outboxes)) == heading
    ada.sign_in_again(left[0])
    assert ada.has() == left


def test_what_is_not_a_link_of_ours_opens_nothing(ada: Owner, outboxes: Outboxes, reader: BrowserDriver) -> None:
    """Constant-time, and for this purpose only."""
    ada.take(NEW)
    path = link(outboxes)
    change, mac = path[-64:-32], path[-32:]
    forged = [f"{change}{'0' * 32}", f"{mac}{change}", f"{change.upper()}{mac}", path[-63:], f"{path[-64:]}0", "x"]
    for token in forged:
        answer = reader.get(f"/account/undo/{token}")
        assert (answer.status_code, reader.heading) == (404, OVER), token
        assert press(reader, f"/account/undo/{token}") == OVER
    for elsewhere in ("/login/not-me/", "/login/link/"):
        assert reader.get(f"{elsewhere}{path[-64:]}").status_code == 404
    assert ada.has() == [NEW]


def test_the_button_needs_the_token_of_its_form(ada: Owner, outboxes: Outboxes, reader: BrowserDriver) -> None:
    """SES-16."""
    ada.take(NEW)
    assert reader.post(link(outboxes), {"csrf_token": ""}).status_code == 403
    assert ada.has() == [NEW]


def test_links_work_on_under_the_key_before(
    clock: time_machine.Traveller, make_app: Made, outboxes: Outboxes
) -> None:
    """A key that was rotated is honoured as long as it is among the fallbacks."""
    ada = Owner(ApiDriver(make_app(), outboxes))
    ada.take(NEW)
    new_key = "another secret that is well over thirty-two bytes long"
    with_both = make_app(secret_key=new_key, secret_key_fallbacks=SECRET_KEY)
    without = make_app(secret_key=new_key)
    path = link(outboxes)
    assert press(BrowserDriver(without, outboxes), path) == OVER
    assert press(BrowserDriver(with_both, outboxes), path) == UNDONE


def test_a_number_gets_its_account_back_by_a_text_message(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes, reader: BrowserDriver
) -> None:
    """There may be no other way for somebody without an address."""
    owner = Owner(ApiDriver(app, outboxes), PHONE)
    clock.shift(60)
    owner.take(OTHER_PHONE)
    owner.wait()
    assert press(reader, text_link(outboxes, PHONE)) == UNDONE
    assert PHONE in reader.page
    assert identifiers(app, owner) == [(PHONE, 0)]


def registration(api: ApiDriver, email: str) -> tuple[int, str | None]:
    """How a registration with this address ends."""
    token = api.proven(email)["registrationToken"]
    body = {"firstName": "Eve", "lastName": "Hall", "acceptTerms": True}
    return outcome(api.post("complete-registration", body, token=token))


def test_while_a_change_can_be_undone_its_address_is_nobody_elses_to_take(
    ada: Owner, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """Neither by a registration nor by another account; its owner may have it back by code."""
    bob = Owner(ApiDriver(app, outboxes), BOB)
    ada.take(NEW)
    clock.shift(60)
    assert registration(bob.api, ADA) == TAKEN
    clock.shift(60)
    assert bob.refusal("verify", ADA, code=bob.code_for(ADA)) == TAKEN
    clock.shift(60)
    assert ada.take(ADA)["email"] == ADA


def test_it_is_free_once_that_is_over(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    ada.take(NEW)
    clock.shift(THREE_DAYS)
    assert registration(ada.api, ADA) == (201, None)
    assert press(reader, link(outboxes)) == OVER
    ada.sign_in_again(NEW)
    assert ada.has() == [NEW]


def test_what_an_undo_took_away_is_free_at_once(
    ada: Owner, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """It was its owner's after all, in a sense: whoever reads mail there may register."""
    ada.take(NEW)
    clock.shift(60)
    press(reader, link(outboxes))
    clock.shift(60)
    assert registration(ada.api, NEW) == (201, None)


def test_guesses_at_the_former_address_follow_it_back(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """9.6: the time in between is no way to guess for nothing."""
    ada.take(NEW)
    clock.shift(60)
    stranger = ada.api.at("203.0.113.9")
    stranger.send(ADA)
    code = stranger.code_sent_to(ADA)
    for step in range(1, 6):
        assert stranger.login(ADA, f"{(int(code) + step) % 10_000:04}").status_code == 401
    clock.shift(60)
    press(reader, link(outboxes))
    assert data_of(ada.api.send(ADA))["codeLength"] == 6


def test_changes_are_forgotten_once_they_cannot_be_undone(
    ada: Owner, app: Flask, outboxes: Outboxes, reader: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """PRIV-04: an address that somebody gave up is nobody's business then."""
    from auth_portal.signin.retention import prune

    ada.take(NEW)
    clock.shift(THREE_DAYS)
    assert prune(services_of(app).engine, services_of(app).seals)["changes of addresses"] == 0
    clock.shift(1)
    assert prune(services_of(app).engine, services_of(app).seals)["changes of addresses"] == 1
    assert press(reader, link(outboxes)) == OVER
