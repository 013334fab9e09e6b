"""The cookie of browsers that somebody signed in with: whom it makes known, and for how long (OTP-17, OTP-18)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import MetaData, select, text

from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver, cookies_of, wrong_code
from tests.knowing import ADA, ELSEWHERE, attack, length_for, member, registered, stranger
from tests.support.smtp import MailSink

__all__ = ["member", "stranger"]
BOB = "bob@example.com"
DEVICE = "portal-device"
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("public_url", "name"), [("https://portal.example", "__Host-device"), ("http://127.0.0.1:8000", DEVICE)]
)
def test_a_registration_and_a_sign_in_make_the_browser_known_by_a_cookie_that_is_locked_to_us(
    make_app: Made, outbox: MailSink, public_url: str, name: str
) -> None:
    """OTP-17, SES-02, SES-03."""
    app = make_app(public_url=public_url)
    first, second = BrowserDriver(app, outbox), BrowserDriver(app, outbox, ELSEWHERE)
    proof = first.prove(ADA)
    assert name not in cookies_of(proof), "known before there is anybody to know"
    first.follow(proof)
    registration = first.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    for answer in (registration, second.prove(ADA)):
        assert answer.location == "/account"
        cookie = cookies_of(answer)[name]
        assert len(cookie.value) >= 22, "fewer than 128 bits"
        assert cookie["httponly"]
        assert bool(cookie["secure"]) is name.startswith("__Host-")
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
        assert 0 < int(cookie["max-age"]) <= 400 * 86_400
    assert first.cookie(name) != second.cookie(name)


def test_a_sign_in_on_a_known_browser_keeps_its_cookie(member: BrowserDriver, clock: time_machine.Traveller) -> None:
    """OTP-17: no new row for each sign-in."""
    before = member.cookie(DEVICE)
    clock.shift(60)
    answer = member.prove(ADA)
    assert answer.location == "/account"
    assert DEVICE not in cookies_of(answer)
    assert member.cookie(DEVICE) == before


def test_the_secret_is_nowhere_in_the_database(app: Flask, member: BrowserDriver) -> None:
    """OTP-17, SES-01."""
    engine = services_of(app).engine
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        dump = str([connection.execute(select(table)).all() for table in tables.sorted_tables])
        hashes = connection.execute(text("SELECT secret_hash FROM known_device")).all()
    assert len(hashes) == 1
    assert str(hashes[0][0]) in dump
    assert (member.cookie(DEVICE) or "nothing") not in dump


def test_the_cookie_alone_opens_nothing(member: BrowserDriver, stranger: BrowserDriver) -> None:
    """OTP-18: neither signed in, nor any step nearer to it than anybody."""
    secret = member.cookie(DEVICE) or ""
    stranger.client.set_cookie(DEVICE, secret)
    stranger.client.set_cookie("portal-session", secret)
    assert stranger.get("/account").location == "/login"
    stranger.ask(ADA)
    assert stranger.enter(wrong_code(stranger.code_sent_to(ADA))).status_code == 401
    assert stranger.get("/account").location == "/login"
    assert stranger.enter(stranger.code_sent_to(ADA)).location == "/account"


def test_the_cookie_of_one_account_is_worth_nothing_for_another(
    app: Flask,
    outbox: MailSink,
    member: BrowserDriver,
    stranger: BrowserDriver,
    clock: time_machine.Traveller,
) -> None:
    """OTP-17."""
    registered(stranger, BOB)
    clock.shift(30)
    attack(app, outbox, BOB)
    assert [length_for(app, member, BOB), length_for(app, stranger, BOB)] == [6, 4]


def test_four_people_may_share_a_browser_and_a_fifth_takes_the_place_of_the_first(
    app: Flask, outbox: MailSink, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OTP-17."""
    people = [f"person{number}@example.com" for number in range(5)]
    for email in people:
        registered(browser, email)
        attack(app, outbox, email)
        clock.shift(30)
    assert [length_for(app, browser, email) for email in people] == [6, 4, 4, 4, 4]


FORGED = {
    "empty": "",
    "made up": "A" * 32,
    "only separators": "." * 4_000,
    "hundreds of secrets": ".".join(["A" * 8] * 400),
    "one huge secret": "A" * 4_000,
    "a star": "%",
    "quotes": "' OR 1=1 --",
    "beyond ASCII": "ü\u2028\U0001f511",
    "a hash of the table": "0" * 64,
}


def test_a_forged_cookie_is_worth_nothing_and_harms_nobody(
    app: Flask, outbox: MailSink, member: BrowserDriver
) -> None:
    """OTP-17."""
    with services_of(app).engine.connect() as connection:
        stored = str(connection.execute(text("SELECT secret_hash FROM known_device")).scalar())
    attack(app, outbox)
    for name, value in (FORGED | {"the stored hash": stored}).items():
        browser = BrowserDriver(app, outbox, ELSEWHERE)
        browser.client.set_cookie(DEVICE, value)
        assert length_for(app, browser) == 6, name
        assert browser.enter(browser.code_sent_to(ADA)).location == "/account", name


def test_a_real_secret_among_forged_ones_still_counts(
    app: Flask, outbox: MailSink, member: BrowserDriver, stranger: BrowserDriver
) -> None:
    """OTP-17: three made-up ones before it, and none beyond the fourth is looked at."""
    secret = member.cookie(DEVICE) or ""
    attack(app, outbox)
    stranger.client.set_cookie(DEVICE, f"a.b.c.{secret}")
    assert length_for(app, stranger) == 4
    fifth = BrowserDriver(app, outbox, ELSEWHERE)
    fifth.client.set_cookie(DEVICE, f"a.b.c.d.{secret}")
    assert length_for(app, fifth) == 6


def test_a_browser_is_known_for_four_hundred_days_and_then_again_after_a_sign_in(
    app: Flask, outbox: MailSink, member: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OTP-17: the server's clock decides, not the cookie's."""
    secret = member.cookie(DEVICE) or ""
    clock.shift(400 * DAY - timedelta(seconds=60))
    attack(app, outbox)
    visitors = [BrowserDriver(app, outbox), BrowserDriver(app, outbox)]
    lengths = []
    for visitor in visitors:
        visitor.client.set_cookie(DEVICE, secret)
        lengths.append(length_for(app, visitor))
        clock.shift(60)
    assert lengths == [4, 6]
    assert visitors[1].enter(visitors[1].code_sent_to(ADA)).location == "/account"
    visitors[1].post("/logout", {})
    attack(app, outbox)
    clock.shift(60)
    assert length_for(app, visitors[1]) == 4


def test_a_known_browser_of_somebody_who_was_deleted_knows_nobody(
    app: Flask, outbox: MailSink, member: BrowserDriver
) -> None:
    """OTP-41."""
    with services_of(app).engine.begin() as connection:
        connection.execute(text('DELETE FROM "user"'))
        assert connection.execute(text("SELECT count(*) FROM known_device")).scalar() == 0
    attack(app, outbox)
    assert length_for(app, member) == 6
    assert member.enter(member.code_sent_to(ADA)).location == "/register"
