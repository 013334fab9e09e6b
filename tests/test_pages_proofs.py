"""What a proof of work is good for at the pages: one send, from its network, in its time (OTP-40)."""

from __future__ import annotations

import base64
import io
from functools import partial
from typing import Any

import altcha
import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from auth_portal.signin import proof_of_work
from auth_portal.signin.addresses import parse_email
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.proof_of_work import LIFETIME, ProofOfWork
from tests.conftest import NOW, SECRET_KEY, Made, services_of
from tests.drivers import BrowserDriver
from tests.pressure import ADA, BOB, ELSEWHERE, HERE, HOUR, QUOTA, fill, go_on, other_browser
from tests.support.api import in_parallel
from tests.support.puzzles import encoded, proof_for, puzzle_in, solve
from tests.support.smtp import MailSink

NEW_SECRET = "another secret of the tests that is well over thirty-two bytes"

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


def levels(app: Flask) -> list[Any]:
    """How full every bucket is."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(text("SELECT key, spent_until FROM send_limit ORDER BY key")).all())


def test_a_solved_puzzle_brings_the_code_once(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-40."""
    proof = proof_for(browser.page)
    answer = go_on(browser, proof)
    assert (answer.status_code, answer.location) == (303, "/login/code")
    for email, other in ((ADA, browser), (BOB, browser), (BOB, other_browser(app, outbox))):
        again = go_on(other, proof, email)
        assert again.status_code == 429
        assert puzzle_in(again.text)["parameters"]["nonce"] not in str(base64.b64decode(proof))
    assert [mail.recipients for mail in outbox.messages] == [[ADA]]
    browser.follow(answer)
    assert browser.enter(browser.code_sent_to(ADA)).location == "/register"


def test_by_proofs_a_network_gets_its_quota_once_more_and_then_waits(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-19, OTP-40: whoever computes faster than people type does not get to send without end."""
    fill(app, outbox)
    for number in range(QUOTA + 1):
        browser, email = BrowserDriver(app, outbox, HERE), f"new{number}@example.com"
        browser.ask(email)
        answer = go_on(browser, proof_for(browser.page), email)
        assert answer.status_code == (303 if number < QUOTA else 429)
    assert "data-puzzle" not in answer.text, "a puzzle that would not help"
    assert int(answer.headers["Retry-After"]) == HOUR // QUOTA
    clock.shift(HOUR // QUOTA)
    assert BrowserDriver(app, outbox, HERE).ask(ADA).status_code == 303


@pytest.mark.parametrize("same", [True, False], ids=["one_browser", "many_browsers"])
def test_of_many_that_send_one_solution_at_once_one_passes(
    app: Flask, browser: BrowserDriver, outbox: MailSink, same: bool
) -> None:
    """OTP-40: exactly once, however many arrive at the same moment."""
    proof = proof_for(browser.page)
    senders = [browser.another_tab() if same else other_browser(app, outbox) for _ in range(12)]
    for sender in senders:
        sender.page = sender.page or browser.page
    emails = [f"person{number}@example.com" for number in range(12)]
    calls = [partial(go_on, sender, proof, email) for sender, email in zip(senders, emails, strict=True)]
    answers = in_parallel(calls)
    statuses = [answer.status_code for answer in answers if isinstance(answer, TestResponse)]
    assert sorted(statuses) == [303] + [429] * 11
    assert len(outbox.messages) == 1


def test_puzzles_of_others_are_worth_nothing(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    """Solved in another network, made up, changed, or for another portal."""
    fill(app, outbox, ELSEWHERE)
    foreign = BrowserDriver(app, outbox, ELSEWHERE)
    foreign.ask(ADA)
    puzzle = puzzle_in(browser.page)
    changed = solve(puzzle)
    changed["challenge"]["parameters"]["expiresAt"] += 60
    cheap = altcha.create_challenge("PBKDF2/SHA-256", 1, counter=1, hmac_secret=b"x", expires_at=NOW + LIFETIME)
    proofs = {
        "foreign": proof_for(foreign.page),
        "made up": encoded(solve(cheap.to_dict())),
        "changed": encoded(changed),
        "of another portal": encoded(solve(ProofOfWork(KeyRing([NEW_SECRET])).issue(HERE))),
        "unsolved": encoded({"challenge": puzzle, "solution": {"counter": 1, "derivedKey": "00" * 32}}),
    }
    for name, proof in proofs.items():
        assert go_on(browser, proof).status_code == 429, name
    assert outbox.messages == []
    assert go_on(foreign, proofs["foreign"]).location == "/login/code"


def test_a_solution_is_good_for_ten_minutes(browser: BrowserDriver, clock: time_machine.Traveller) -> None:
    proof, late = (proof_for(browser.page), clock)
    late.shift(LIFETIME.total_seconds() + 1)
    assert go_on(browser, proof).status_code == 429
    proof = proof_for(browser.page)
    late.shift(LIFETIME.total_seconds() - 1)
    assert go_on(browser, proof).location == "/login/code"


def test_a_spent_solution_stays_spent_for_as_long_as_it_would_be_good(
    browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    proof = proof_for(browser.page)
    assert go_on(browser, proof).location == "/login/code"
    for _ in range(6):
        clock.shift(LIFETIME / 6)
        assert go_on(browser, proof, BOB).status_code == 429


def test_a_solution_outlives_a_change_of_the_secret_and_so_does_its_use(
    browser: BrowserDriver, make_app: Made, outbox: MailSink
) -> None:
    """OPS-15: good under the new secret, and spent under both."""
    used, unused = proof_for(browser.page), proof_for((browser.ask(BOB), browser.page)[1])
    assert go_on(browser, used).location == "/login/code"
    limits = {"sends_per_source_per_hour": QUOTA, "resend_after": 0}
    later = make_app(secret_key=NEW_SECRET, secret_key_fallbacks=SECRET_KEY, **limits)
    fill(later, outbox)
    at_new = other_browser(later, outbox)
    assert go_on(at_new, used, BOB).status_code == 429
    assert go_on(at_new, unused, BOB).location == "/login/code"
    assert go_on(browser, unused, "cem@example.com").status_code == 429
    without = make_app(secret_key=NEW_SECRET, **limits)
    assert go_on(other_browser(without, outbox), proof_for((browser.ask(BOB), browser.page)[1])).status_code == 429


def test_a_refused_send_gives_everything_back(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-15: by a full bucket, by asking too soon, by a relay; the proof too."""
    proof = proof_for(browser.page)
    before = levels(app)
    assert browser.post("/login", {"email": ADA}).status_code == 429
    assert levels(app) == before
    outbox.fault = "reject_5xx"
    assert go_on(browser, proof).status_code == 500
    outbox.fault = None
    assert go_on(browser, proof).location == "/login/code"
    assert len(outbox.messages) == 1


def test_asking_too_soon_costs_no_proof(make_app: Made, outbox: MailSink) -> None:
    """WEB-23: a second click on the same page, and the code that is on its way."""
    app = make_app(sends_per_source_per_hour=QUOTA)
    fill(app, outbox)
    browser = BrowserDriver(app, outbox, HERE)
    browser.ask(ADA)
    first, second = proof_for(browser.page), proof_for((browser.ask(ADA), browser.page)[1])
    for proof in (first, first, second):
        assert go_on(browser, proof).location == "/login/code"
    assert len(outbox.messages) == 1
    browser.get("/login")
    assert go_on(browser, second, BOB).location == "/login/code"


def test_where_there_is_room_a_bad_or_spent_proof_does_no_harm(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """As if none was given: after five minutes there is room for one more, and the ticket is still spent."""
    app = make_app(sends_per_source_per_hour=12, resend_after=0)
    browser = BrowserDriver(app, outbox, HERE)
    while browser.ask(ADA).status_code == 303:
        pass
    spent = proof_for(browser.page)
    assert go_on(browser, spent).location == "/login/code"
    for bad in (spent, "nonsense", encoded({})):
        assert go_on(browser, bad).status_code == 429
        clock.shift(300)
        assert go_on(browser, bad).location == "/login/code"


def test_a_ticket_is_locked_in_one_order_with_the_other_buckets(app: Flask) -> None:
    """Else two sends with one solution could wait for each other."""
    limits = services_of(app).limits
    for number in range(50):
        keys = [bucket.key for bucket in limits.buckets(parse_email(f"p{number}@example.com"), HERE, str(number))]
        assert len(keys) == 5
        assert keys == sorted(keys)


HOSTILE = {
    "huge": "A" * 60_000,
    "just too long": "A" * 1_025,
    "NUL": "\0" * 40,
    "beyond ASCII": "ü\u2028\U0001f511" * 40,
    "markup": "'\"><script>alert(1)</script>",
    "SQL": "' OR 1=1 --",
    "deep JSON": base64.b64encode(b"[" * 700).decode(),
    "null": base64.b64encode(b"null").decode(),
    "not base64": "====",
    "a format": "%s%n{0}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_proof_is_as_if_none_was_given(browser: BrowserDriver, name: str) -> None:
    """API-06: never our fault, and nothing of it comes back."""
    answer = go_on(browser, HOSTILE[name])
    assert answer.status_code == 429
    assert browser.hidden("proof") == ""
    assert "alert(1)" not in answer.text
    assert go_on(browser, proof_for(browser.page)).location == "/login/code"


def test_a_proof_of_another_kind_is_as_if_none_was_given(browser: BrowserDriver) -> None:
    """A file, several fields, and more than a request may have."""
    token = browser.hidden("csrf_token") or ""
    file = {"csrf_token": token, "email": ADA, "proof": (io.BytesIO(b"\0" * 9), "proof")}
    several = {"csrf_token": token, "email": ADA, "proof": ["a", "b"]}
    huge = {"csrf_token": token, "email": ADA, "proof": "A" * 70_000}
    for data, status in ((file, 429), (several, 429), (huge, 413)):
        answer = browser.client.post("/login", data=data, headers=browser.headers, environ_base=browser.environ)
        assert answer.status_code == status


def test_a_proof_is_no_csrf_token(browser: BrowserDriver, outbox: MailSink) -> None:
    """SES-16: refused before the proof is looked at, so it is still good."""
    proof = proof_for(browser.page)
    form = {"email": ADA, "proof": proof}
    for token in ({}, {"csrf_token": "made up"}):
        answer = browser.client.post(
            "/login", data=form | token, headers=browser.headers, environ_base=browser.environ
        )
        assert answer.status_code == 403
    assert browser.post("/login", form, Sec_Fetch_Site="cross-site").status_code == 403
    assert outbox.messages == []
    browser.ask(ADA)
    assert go_on(browser, proof).location == "/login/code"
