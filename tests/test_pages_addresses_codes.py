"""The page that takes the code for one more address or number: whose it is, and when it is over (OTP-21, OTP-36)."""

from __future__ import annotations

import re
from html import unescape

import time_machine
from flask import Flask

from tests.drivers import wrong_code
from tests.owning import ADA, BOB, EVE, NEW, PHONE, app
from tests.support.outboxes import Outboxes
from tests.tending import EMAIL_PAGES, PHONE_PAGES, Person, ada

__all__ = ["ada", "app"]


def test_to_keep_the_main_one_is_remembered_by_all_pages_on_the_way(
    ada: Person, clock: time_machine.Traveller
) -> None:
    """By a wrong code, a resend and another language: nothing is replaced by an accident."""
    ada.add(NEW, keep=True)
    code = ada.code_sent_to(NEW)
    assert ada.here == f"{EMAIL_PAGES}/code?keep=1"
    assert "takes the place" not in ada.page
    assert ada.confirm(wrong_code(code)).status_code == 401
    clock.shift(31)
    again = re.search(rf'action="({EMAIL_PAGES}\?keep=1)"', ada.page)
    assert again is not None
    answer = ada.post(unescape(again[1]), {"email": NEW})
    assert answer.location == ada.here
    ada.follow(answer)
    assert ada.notice == "Sent again. The code is the same as before."
    language = re.search(rf'href="({EMAIL_PAGES}/code\?[^"]*lang=en[^"]*)"', ada.page)
    assert language is not None
    ada.here = unescape(language[1])
    ada.get(ada.here)
    assert ada.confirm(code).status_code == 303
    assert ada.shown() == [f"{ADA}*", NEW]


def test_wrong_codes_are_counted_and_end_it(ada: Person, clock: time_machine.Traveller) -> None:
    ada.add(NEW)
    code = ada.code_sent_to(NEW)
    assert ada.confirm("12").status_code == 400
    assert ada.error("code") == "This is not a code."
    for left in (4, 3, 2, 1):
        assert ada.confirm(wrong_code(code, left)).status_code == 401
        assert ada.error("code").startswith(f"That code is not right. {left} ")
    assert ada.confirm(wrong_code(code, 5)).status_code == 401
    assert ada.heading == "This code no longer works"
    assert ada.confirm(code).status_code == 401
    assert ada.shown() == [f"{ADA}*"]


def test_a_code_that_is_over_is_said_so_also_after_a_new_proof(ada: Person, clock: time_machine.Traveller) -> None:
    """The session goes on (SES-04), its code does not."""
    ada.add(NEW)
    code = ada.code_sent_to(NEW)
    clock.shift(600)
    assert ada.get(EMAIL_PAGES).location == "/account/confirm"
    ada.get("/account/confirm")
    ada.follow(ada.post("/account/confirm", {}))
    assert ada.enter(ada.code_sent_to(ADA)).location == EMAIL_PAGES
    ada.get(f"{EMAIL_PAGES}/code")
    assert ada.heading == "This code no longer works"
    assert ada.confirm(code).status_code == 401
    assert ada.shown() == [f"{ADA}*"]


def test_a_code_page_is_of_the_session_that_asked(
    ada: Person, app: Flask, outboxes: Outboxes, clock: time_machine.Traveller
) -> None:
    """Neither another person's browser nor another one of hers goes on with it."""
    ada.add(NEW)
    code, challenge = ada.code_sent_to(NEW), ada.hidden("challenge") or ""
    for number, email in enumerate((EVE, ADA)):
        other = Person(app, outboxes, f"198.51.100.{number}")
        clock.shift(60)
        assert other.prove(email).status_code == 303
        if email == EVE:
            other.register(EVE)
        other.get(EMAIL_PAGES)
        assert other.get(f"{EMAIL_PAGES}/code").location == EMAIL_PAGES
        other.get(EMAIL_PAGES)
        answer = other.post(f"{EMAIL_PAGES}/code", {"code": code, "challenge": challenge})
        assert answer.location == EMAIL_PAGES
        assert NEW not in other.shown()
    assert ada.confirm(code).status_code == 303


def test_a_code_for_a_number_is_none_for_the_page_of_addresses(ada: Person) -> None:
    ada.add(PHONE)
    assert ada.get(f"{EMAIL_PAGES}/code").location == EMAIL_PAGES
    assert ada.get(f"{PHONE_PAGES}/code").status_code == 200
    assert ada.confirm(ada.code_sent_to(PHONE)).status_code == 303
    assert ada.shown(PHONE_PAGES) == [f"{PHONE}*"]


def test_a_second_tab_and_a_second_click_go_on(ada: Person) -> None:
    """The other tab notices that the code did its work."""
    ada.add(NEW)
    code, challenge = ada.code_sent_to(NEW), ada.hidden("challenge") or ""
    state = f"{EMAIL_PAGES}/code/state?challenge={challenge}"
    assert ada.get(state).json == {"approved": False, "done": False}
    ada.confirm(code)
    assert ada.get(state).json == {"approved": False, "done": True}
    answer = ada.post(f"{EMAIL_PAGES}/code", {"code": code, "challenge": challenge})
    assert (answer.status_code, answer.location) == (303, EMAIL_PAGES)
    assert ada.get(f"{EMAIL_PAGES}/code").location == EMAIL_PAGES
    assert ada.shown() == [f"{NEW}*"]


def test_what_is_another_persons_is_told_after_the_right_code(ada: Person, app: Flask, outboxes: Outboxes) -> None:
    """OTP-21."""
    Person(app, outboxes).register(BOB)
    ada.add(BOB)
    assert ada.heading == "Enter your code"
    assert ada.confirm(ada.code_sent_to(BOB)).status_code == 409
    assert ada.refusal == "It belongs to another account. Sign in with it, and remove it there first."
    assert ada.shown() == [f"{ADA}*"]
