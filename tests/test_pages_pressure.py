"""The page under pressure: whoever is refused for a full network or site may go on by a proof of work (OTP-40)."""

from __future__ import annotations

import base64
import io
import re
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
from tests.drivers import ApiDriver, BrowserDriver, cookies_of, outcome
from tests.support.api import in_parallel
from tests.support.puzzles import encoded, proof_for, puzzle_in, solve
from tests.support.smtp import MailSink
from tests.test_statements import counted

ADA, BOB = "ada@example.com", "bob@example.com"
HERE, ELSEWHERE = "203.0.113.1", "203.0.113.2"
QUOTA = 3
HOUR = 3_600
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


def fill(app: Flask, outbox: MailSink, address: str = HERE) -> None:
    """Use up what a network may have sent."""
    api = ApiDriver(app, outbox, address)
    statuses = [api.send(f"filler{number}@example.com").status_code for number in range(QUOTA + 1)]
    assert statuses == [201] * QUOTA + [429]
    outbox.clear()


@pytest.fixture
def browser(app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser in a network that has used up its sends; it has asked for Ada's code and stands at the puzzle."""
    fill(app, outbox)
    browser = BrowserDriver(app, outbox, HERE)
    assert browser.ask(ADA).status_code == 429
    return browser


def go_on(browser: BrowserDriver, proof: str, email: str = ADA) -> TestResponse:
    """Send the form of the page as its script does."""
    return browser.post("/login", {"email": email, "proof": proof})


def other_browser(app: Flask, outbox: MailSink, address: str = HERE) -> BrowserDriver:
    """One more browser, at the first page."""
    browser = BrowserDriver(app, outbox, address)
    browser.get("/login")
    return browser


def levels(app: Flask) -> list[Any]:
    """How full every bucket is."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(text("SELECT key, spent_until FROM send_limit ORDER BY key")).all())


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


def test_a_refused_proof_brings_a_new_puzzle_that_waits_for_the_person(browser: BrowserDriver) -> None:
    """Else a browser whose network changes with each request would go on by itself for ever."""
    proof = proof_for(browser.page)
    go_on(browser, proof)
    assert go_on(browser, proof, BOB).status_code == 429
    assert " data-now" not in browser.page
    assert browser.hidden("proof") == ""
    assert go_on(browser, proof_for(browser.page), BOB).location == "/login/code"


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


def test_a_spent_solution_stays_spent_for_as_long_as_it_would_be_good(
    browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    proof = proof_for(browser.page)
    assert go_on(browser, proof).location == "/login/code"
    for _ in range(6):
        clock.shift(LIFETIME / 6)
        assert go_on(browser, proof, BOB).status_code == 429


def test_a_ticket_is_locked_in_one_order_with_the_other_buckets(app: Flask) -> None:
    """Else two sends with one solution could wait for each other."""
    limits = services_of(app).limits
    for number in range(50):
        keys = [bucket.key for bucket in limits.buckets(parse_email(f"p{number}@example.com"), HERE, str(number))]
        assert len(keys) == 4
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
