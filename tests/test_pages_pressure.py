"""The page under pressure: whoever is refused for a full network or site may go on by a proof of work (OTP-40)."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask

from auth_portal.signin import proof_of_work
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, cookies_of, outcome
from tests.pressure import ADA, BOB, ELSEWHERE, HERE, HOUR, QUOTA, fill, go_on, other_browser
from tests.support.puzzles import proof_for, puzzle_in
from tests.support.smtp import MailSink
from tests.test_statements import counted

pytestmark = pytest.mark.usefixtures("clock", "easy")


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puzzles that are solved at once; the browser's test solves a real one."""
    monkeypatch.setattr(proof_of_work, "MAX_TRIES", 5)


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal that sends 3 codes an hour to one network, and 2 to one inbox."""
    made: Flask = make_app(sends_per_source_per_hour=QUOTA, sends_per_inbox_per_hour=2, resend_after=0)
    return made


@pytest.fixture
def browser(app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser in a network that has used up its sends; it has asked for Ada's code and stands at the puzzle."""
    fill(app, outbox)
    browser = BrowserDriver(app, outbox, HERE)
    assert browser.ask(ADA).status_code == 429
    return browser


WORDS = {
    "en": ("A moment, please", "Please try again in 20 minutes", "from your network"),
    "tr": ("Bir dakika lütfen", "Lütfen 20 dakika sonra tekrar deneyin.", "Ağınızdan"),
}


@pytest.mark.parametrize("language", WORDS)
def test_a_full_network_is_answered_with_a_puzzle_and_with_how_long_to_wait(
    app: Flask, outbox: MailSink, language: str
) -> None:
    """OTP-40, API-03, API-04; contract, section 7."""
    fill(app, outbox)
    browser = BrowserDriver(app, outbox, HERE, language)
    answer = browser.ask(ADA)
    heading, wait, cause = WORDS[language]
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == str(HOUR // QUOTA)
    assert answer.headers["RateLimit-Policy"] == f'"source-hour";q={QUOTA};w={HOUR}'
    assert answer.headers["RateLimit"] == f'"source-hour";r=0;t={HOUR // QUOTA}'
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.heading == heading
    assert wait in browser.notice
    assert cause in browser.page
    assert f'<html lang="{language}"' in browser.page
    assert (browser.hidden("email"), browser.hidden("proof")) == (ADA, "")
    assert " data-now" in browser.page, "it does not begin by itself"
    assert puzzle_in(browser.page)["parameters"]["cost"] == 5_000
    assert outbox.messages == []


def test_a_refused_proof_brings_a_new_puzzle_that_waits_for_the_person(browser: BrowserDriver) -> None:
    """Else a browser whose network changes with each request would go on by itself for ever."""
    proof = proof_for(browser.page)
    go_on(browser, proof)
    assert go_on(browser, proof, BOB).status_code == 429
    assert " data-now" not in browser.page
    assert browser.hidden("proof") == ""
    assert go_on(browser, proof_for(browser.page), BOB).location == "/login/code"


def test_who_waits_needs_no_puzzle(browser: BrowserDriver, clock: time_machine.Traveller) -> None:
    """OTP-40, WEB-11: never the only way in. The form as it is, without a script."""
    form = {"email": browser.hidden("email") or "", "proof": browser.hidden("proof") or ""}
    clock.shift(HOUR // QUOTA - 1)
    assert browser.post("/login", form).status_code == 429
    assert "Please try again in 1 second" in browser.notice
    clock.shift(1)
    assert browser.post("/login", form).location == "/login/code"


def test_a_network_with_room_has_no_puzzle(app: Flask, outbox: MailSink) -> None:
    """Under pressure only."""
    browser = other_browser(app, outbox, ELSEWHERE)
    assert "puzzle" not in browser.page
    assert browser.ask(ADA).location == "/login/code"
    assert "puzzle" not in browser.page


def test_no_proof_passes_a_full_inbox(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-20: it has had its letters; who holds one of them waits, and the proof stays good for another address."""
    owner = BrowserDriver(app, outbox, ELSEWHERE)
    assert [owner.ask(ADA).status_code for _ in range(3)] == [303, 303, 429]
    assert "data-puzzle" not in owner.page
    assert owner.heading == "Too many requests"
    fill(app, outbox, "203.0.113.3")
    crowded = BrowserDriver(app, outbox, "203.0.113.3")
    crowded.client = owner.client  # the owner, who moved into a network that is full as well
    answer = crowded.ask(ADA)
    assert answer.status_code == 429
    assert "data-puzzle" not in answer.text, "a puzzle that would not help"
    crowded.ask(BOB)
    proof = proof_for(crowded.page)
    assert go_on(crowded, proof, ADA).status_code == 429
    crowded.get("/login")
    assert go_on(crowded, proof, BOB).location == "/login/code"
    assert [mail.recipients for mail in outbox.messages] == [[BOB]]


def test_beyond_a_full_inbox_a_proof_leads_to_the_code_that_all_share(
    app: Flask, browser: BrowserDriver, outbox: MailSink
) -> None:
    """OTP-15, OTP-20: both are full, and the owner gets in by the puzzle or by waiting for the network alone."""
    api = ApiDriver(app, outbox, ELSEWHERE)
    assert [api.send(ADA).status_code for _ in range(2)] == [201, 201]
    answer = browser.ask(ADA)
    assert answer.headers["RateLimit-Policy"].startswith('"source-hour"')
    assert answer.headers["Retry-After"] == str(HOUR // QUOTA)
    assert go_on(browser, proof_for(browser.page)).location == "/login/code"
    browser.get("/login/code")
    assert 'data-code="20"' in browser.page
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_the_api_has_no_puzzle(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    """Contract, section 2."""
    answer = ApiDriver(app, outbox, HERE).post("send-otp-email", {"email": ADA, "proof": proof_for(browser.page)})
    assert outcome(answer) == (429, "too_many_requests")
    assert "puzzle" not in answer.text
    assert answer.headers["Retry-After"] == str(HOUR // QUOTA)


def test_known_and_unknown_addresses_get_the_same_page(app: Flask, outbox: MailSink) -> None:
    """OTP-22."""
    ApiDriver(app, outbox, ELSEWHERE).register(ADA)
    fill(app, outbox)
    shown = []
    for email in (ADA, BOB):
        browser = BrowserDriver(app, outbox, HERE)
        answer = browser.ask(email)
        page = re.sub(r"data-puzzle='[^']*'", "", browser.page.replace(email, "-"))
        page = re.sub(r'(name="csrf_token"[^>]*value=")[^"]*', r"\1", page)
        headers = {name for name, _value in answer.headers}
        shown.append((answer.status_code, page, headers, sorted(cookies_of(answer))))
    assert shown[0] == shown[1]


def test_a_known_browser_is_asked_only_when_its_own_sends_are_used_up(make_app: Made, outbox: MailSink) -> None:
    """OTP-17, OTP-19: then its puzzle is that of its network, and its proof is spent for all."""
    app = make_app(sends_per_source_per_hour=QUOTA, resend_after=0)
    member = BrowserDriver(app, outbox, HERE)
    member.register(ADA)
    member.post("/logout", {})
    stranger = BrowserDriver(app, outbox, HERE)
    while stranger.ask(BOB).status_code == 303:
        pass
    assert [member.ask(ADA).status_code for _ in range(QUOTA + 1)] == [303] * QUOTA + [429]
    proof = proof_for(member.page)
    assert go_on(member, proof).location == "/login/code"
    assert go_on(member, proof).status_code == 429
    assert go_on(stranger, proof, BOB).status_code == 429
    assert go_on(stranger, proof_for(stranger.page), BOB).location == "/login/code"


def test_neither_the_page_nor_a_proof_costs_the_normal_path_anything(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """Contract, section 8: two statements and one commit for a send, a proof included."""
    app = make_app(sends_per_source_per_hour=QUOTA, sends_per_inbox_per_hour=5, sends_per_inbox_per_day=20)
    engine = services_of(app).engine
    browser = other_browser(app, outbox, HERE)
    browser.post("/login", {"email": "first@example.com"})
    costs = {}
    with counted(engine) as costs["usual"]:
        assert browser.post("/login", {"email": ADA}).status_code == 303
    assert browser.post("/login", {"email": "last@example.com"}).status_code == 303
    with counted(engine) as costs["refused"]:
        assert browser.post("/login", {"email": BOB}).status_code == 429
    proof = proof_for(browser.page)
    with counted(engine) as costs["proof"]:
        assert go_on(browser, proof, BOB).status_code == 303
    assert {name: (len(cost.statements), cost.commits) for name, cost in costs.items()} == {
        "usual": (2, 1),
        "refused": (3, 0),
        "proof": (2, 1),
    }
