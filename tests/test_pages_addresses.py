"""The lists of a person's addresses and numbers: their buttons, who may use them (OTP-31, OTP-32, OTP-36, SES-12)."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask

from tests.conftest import Made
from tests.owning import ADA, BOB, NEW, NEWER, OTHER_PHONE, PHONE, app
from tests.support.outboxes import Outboxes, is_number
from tests.tending import EMAIL_PAGES, PHONE_PAGES, Person, ada

__all__ = ["ada", "app"]
STEPS = [("GET", ""), ("POST", ""), ("GET", "/code"), ("POST", "/code"), ("GET", "/code/state")]
STEPS += [("POST", "/main"), ("POST", "/remove")]


@pytest.mark.parametrize(("former", "new"), [(ADA, NEW), (PHONE, OTHER_PHONE)])
def test_one_is_replaced_and_everybody_else_can_be_signed_out(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes, former: str, new: str
) -> None:
    """SES-12."""
    person, other = Person(app, outboxes), Person(app, outboxes, "198.51.100.7")
    person.register(former)
    clock.shift(60)
    other.prove(former)
    assert person.shown(person.pages(former)) == [f"{former}*"]
    assert person.add(new).location == f"{person.pages(new)}/code"
    assert (person.heading, new in person.page) == ("Enter your code", True)
    assert f'takes the place of <bdi dir="ltr">{former}</bdi>' in person.page
    person.confirm(person.code_sent_to(new))
    assert person.notice == f"This is your {'number' if is_number(new) else 'address'} now."
    assert "Sign out everywhere else" in person.page
    assert other.get("/account").status_code == 200
    assert person.post("/account/sessions/end-others", {}).status_code == 303
    assert other.get("/account").location == "/login"
    assert person.shown(person.pages(new)) == [f"{new}*"]
    assert "can undo the change until" in person.page
    assert "Sign out everywhere else" not in person.page


def test_one_is_added_beside_the_main_one(ada: Person) -> None:
    """OTP-36: it can be made the main one, and either can go."""
    ada.take(NEW, keep=True)
    assert ada.shown() == [f"{ADA}*", NEW]
    assert ada.do("main", NEW).location == f"{EMAIL_PAGES}?changed=1"
    assert ada.notice == "This is the main one now."
    assert ada.shown() == [f"{NEW}*", ADA]
    assert ada.do("remove", NEW).location == f"{EMAIL_PAGES}?changed=1"
    assert ada.notice == "It is removed."
    assert ada.shown() == [f"{ADA}*"]


def test_the_page_of_numbers_says_what_is_risky_and_offers_an_address(
    clock: time_machine.Traveller, app: Flask, outboxes: Outboxes
) -> None:
    """OTP-32."""
    person = Person(app, outboxes)
    person.register(PHONE)
    person.get(PHONE_PAGES)
    assert "numbers get taken over" in person.page
    assert "An email address is the safer way to sign in" in person.page
    assert f'href="{EMAIL_PAGES}"' in person.page
    clock.shift(60)
    person.take(NEW)
    person.get(PHONE_PAGES)
    assert "numbers get taken over" in person.page
    assert "Add an email address" not in person.page


def test_what_was_entered_wrong_is_said_under_the_field(ada: Person) -> None:
    for email, words in (
        ("", "This is required."),
        ("no-address", "This is not an email address."),
        (ADA, "This is yours already."),
    ):
        assert ada.add(email).status_code == 400
        assert ada.error("email") == words
        assert ada.title.startswith("Error: Email addresses")
        assert ada.value("email") == email
    ada.get(PHONE_PAGES)
    assert ada.post(PHONE_PAGES, {"phone": "12"}).status_code == 400
    assert ada.error("phone") == "This is not a phone number."


@pytest.mark.parametrize(("method", "step"), STEPS)
def test_every_page_needs_a_sign_in_of_the_last_ten_minutes(
    ada: Person, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller, method: str, step: str
) -> None:
    """SES-15: and leads back to the list."""
    ada.take(NEW, keep=True)
    ada.get(EMAIL_PAGES)
    stranger = Person(app, outboxes)
    stranger.get("/login")
    clock.shift(600)
    for person, way in ((ada, "/account/confirm"), (stranger, "/login")):
        path = f"{EMAIL_PAGES}{step}"
        fields = {"email": NEWER, "value": NEW, "code": "1234"}
        answer = person.get(path) if method == "GET" else person.post(path, fields)
        assert (answer.status_code, answer.location) == (303, way)
    clock.shift(1)
    ada.get("/account/confirm")
    ada.settle()
    ada.follow(ada.post("/account/confirm", {}))
    assert ada.enter(ada.code_sent_to(ADA)).location == EMAIL_PAGES
    assert ada.shown() == [f"{ADA}*", NEW]


@pytest.mark.parametrize("step", ["", "/code", "/main", "/remove"])
def test_every_button_needs_the_token_of_its_form(ada: Person, step: str) -> None:
    """SES-16."""
    ada.take(NEW, keep=True)
    fields = {"csrf_token": "", "email": NEWER, "value": NEW, "code": "1234"}
    assert ada.post(f"{EMAIL_PAGES}{step}", fields).status_code == 403
    assert ada.shown() == [f"{ADA}*", NEW]


def test_a_third_one_replaces_the_main_one_or_is_refused(ada: Person, clock: time_machine.Traveller) -> None:
    ada.take(NEW, keep=True)
    clock.shift(1)
    ada.get(EMAIL_PAGES)
    assert 'name="keep"' not in ada.page
    ada.add(NEWER, keep=True)
    assert ada.confirm(ada.code_sent_to(NEWER)).status_code == 409
    assert ada.refusal == "You have two of these already. Replace the main one, or remove one first."
    assert ada.shown() == [f"{ADA}*", NEW]


def test_the_last_one_has_no_button_and_cannot_be_removed(ada: Person) -> None:
    ada.get(EMAIL_PAGES)
    assert f"{EMAIL_PAGES}/remove" not in ada.page
    assert ada.do("remove", ADA).status_code == 409
    assert ada.refusal == "This is the last one that you can sign in with. Add another one first."


def test_removing_asks_once_more_and_says_what_it_does(ada: Person) -> None:
    ada.take(NEW, keep=True)
    ada.get(EMAIL_PAGES)
    question = re.search(r"<details[^>]*>(?:(?!</details>).)*Remove….*?</details>", ada.page, re.DOTALL)
    assert question is not None
    assert "You cannot sign in with it any more" in question[0]
    assert f'action="{EMAIL_PAGES}/remove"' in question[0]


@pytest.mark.parametrize("step", ["main", "remove"])
@pytest.mark.parametrize("value", ["", BOB, "x" * 9_000, PHONE, "<script>"])
def test_what_is_not_ones_own_is_not_there(
    ada: Person, app: Flask, outboxes: Outboxes, step: str, value: str
) -> None:
    Person(app, outboxes).register(BOB)
    ada.get(EMAIL_PAGES)
    assert ada.post(f"{EMAIL_PAGES}/{step}", {"value": value}).status_code == 404
    assert ada.shown() == [f"{ADA}*"]


def test_there_are_no_pages_about_numbers_where_no_texts_are_sent(
    ada: Person, make_app: Made, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """But a number of before is there, and can go."""
    app = make_app()
    clock.shift(60)
    person = Person(app, outboxes)
    person.prove(ADA)
    assert person.get(PHONE_PAGES).status_code == 404
    person.get(EMAIL_PAGES)
    assert person.post(PHONE_PAGES, {"phone": PHONE}).status_code == 404
    ada.take(PHONE)
    assert person.shown(PHONE_PAGES) == [f"{PHONE}*"]
    assert 'name="phone"' not in person.page
    assert person.do("remove", PHONE).status_code == 303
    assert person.get(PHONE_PAGES).status_code == 404


def test_a_relay_that_refuses_is_said_and_costs_nothing(ada: Person, outboxes: Outboxes) -> None:
    outboxes.mail.fault = "reject_5xx"
    assert ada.add(NEW).status_code == 500
    assert ada.refusal == "The letter could not be sent. Please try again."
    assert ada.value("email") == NEW
    outboxes.mail.fault = None
    ada.take(NEW)


def test_no_address_stands_in_the_address_of_a_page(ada: Person, outboxes: Outboxes) -> None:
    """PRIV: what servers on the way keep in their logs."""
    answers = [ada.add(NEW, keep=True), ada.confirm(ada.code_sent_to(NEW))]
    answers += [ada.do("main", NEW), ada.do("remove", ADA)]
    locations = [answer.location or "" for answer in answers]
    assert all(locations)
    assert [location for location in locations if "@" in location or "%40" in location] == []
    assert re.findall(r'(?:href|action)="[^"]*(?:@|%40)[^"]*"', ada.page) == []
