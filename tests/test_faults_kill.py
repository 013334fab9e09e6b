"""A worker that is killed (kill -9) at any step of a request: what is kept, what the person sees (OTP-05, OPS-07).

Each test kills its request at the first step (see ``tests.support.steps``), then at the second, and so on, every time
with another person, until there is no such step and the request is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from auth_portal.db import configure_engine, engine_options
from tests.conftest import DATABASES, environment
from tests.drivers import outcome
from tests.faults import (
    RESEND_AFTER_S,
    Kill,
    Stage,
    by_approval,
    by_json,
    by_json_form,
    by_link,
    by_page,
    by_page_form,
    guess,
    seen,
    send_by_json,
    send_by_page,
)
from tests.support.faulty_portal import FaultyPortal, RemoteApp
from tests.support.smtp import MailSink
from tests.test_pages_links import DEAD, letter_link

LIMITS = {
    "sends_per_inbox_per_hour": 5,
    "sends_per_inbox_per_day": 20,
    "sends_per_site_per_hour": 0,
    "site_guess_budgets": "4:100000/30d",
}
CODE_PAGE, CODE_DEAD = "Enter your code", "This code no longer works"
SENDING = {"BEGIN", "INSERT send_limit", "INSERT challenge", "COMMIT", "SMTP letter", "SMTP letter sent", "answer"}
GUESSING = {"UPDATE challenge", "compare", "answer"}
ENTERING = {"BEGIN", "UPDATE challenge", "COMMIT", "answer"}
REGISTERING = {"UPDATE registration", "INSERT user", "INSERT identifier", "INSERT session", "COMMIT", "answer"}
ATTEMPTS = 5
CODE_TTL_S = 600
KNOWN = pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])


@pytest.fixture(scope="module", params=DATABASES)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A production portal in an empty database, whose site-wide budget no test uses up."""
    path: Path = tmp_path_factory.mktemp("kill") / "portal.db"
    is_sqlite = request.param == "sqlite"
    postgres = None if is_sqlite else request.getfixturevalue("postgres")
    url = f"sqlite:///{path}" if is_sqlite else postgres.create_database("kill")
    real, options = engine_options(url, 1)

    engine = create_engine(real, **options)
    configure_engine(engine)
    with MailSink() as sink:
        with FaultyPortal(environment(url, sink.url, **LIMITS)) as portal:
            yield Stage(RemoteApp(portal), sink, engine)
        engine.dispose()
    if not is_sqlite:
        postgres.drop_database("kill")


@KNOWN
def test_a_send_by_json_that_is_killed_is_repeated_at_once_or_after_the_announced_wait(
    stage: Stage, is_known: bool
) -> None:
    """OTP-15, OTP-09: the connection breaks. Only what was committed makes the caller wait, 30 s at most."""
    for kill in stage.kills(lambda: send_by_json(stage, stage.person(is_known)), SENDING):
        assert kill.is_committed or "SMTP letter" not in kill.done, "a letter left before its code was kept"
        again = kill.act()
        if not kill.is_committed:
            assert outcome(again) == (201, None), kill.done
        elif "SMTP letter" in kill.done:
            assert outcome(again) == (409, "resend_too_soon"), kill.done
            stage.sink.wait_for(kill.email)
        else:
            assert outcome(again) == (409, "resend_too_soon"), kill.done
            assert 0 < int(again.headers["Retry-After"]) <= RESEND_AFTER_S
            stage.later()
            assert outcome(kill.act()) == (201, None), kill.done
        assert outcome(stage.api.login(kill.email, stage.code(kill.email))) == (200, None), kill.done


@KNOWN
def test_a_send_by_page_that_is_killed_is_repeated_at_once_or_after_the_announced_wait(
    stage: Stage, is_known: bool
) -> None:
    """OTP-15: the same for a browser that sends its form again; where a letter left, its code works at once."""
    for kill in stage.kills(lambda: send_by_page(stage, stage.person(is_known)), SENDING):
        assert kill.is_committed or "SMTP letter" not in kill.done, "a letter left before its code was kept"
        assert kill.act().location == "/login/code"
        kill.by.get("/login/code")
        assert kill.by.heading == CODE_PAGE, kill.done
        assert kill.by.notice.startswith("A code was sent a moment ago. It can be") == kill.is_committed, kill.done
        if "SMTP letter" in kill.done:
            stage.sink.wait_for(kill.email)
        elif kill.is_committed:
            stage.later()
            kill.by.follow(kill.act())
            assert kill.by.notice.startswith("Sent again. It is the same code"), kill.done
        answer = kill.by.enter(stage.code(kill.email))
        assert answer.location == ("/account" if is_known else "/register"), kill.done


def test_in_a_flood_a_kill_before_the_shared_letter_left_costs_a_codes_life_at_most(stage: Stage) -> None:
    """OTP-15, OTP-20: who asks meanwhile waits for a letter that never left, and gets the next one."""
    email, other = stage.person(), stage.browser()
    for host in range(1, 6):
        assert outcome(stage.api.at(f"127.0.1.{host}").send(email)) == (201, None)
    kill = send_by_page(stage, email)
    assert stage.try_to(kill, "kill SMTP letter") is None
    kill.by.follow(kill.act())
    other.ask(email)
    assert (kill.by.heading, other.heading) == (CODE_PAGE, CODE_PAGE)
    assert len(stage.sink.sent_to(email)) == 5
    stage.later(CODE_TTL_S)
    other.ask(email)
    assert len(stage.sink.sent_to(email)) == 6
    assert other.enter(stage.code(email)).location == "/register"


DOORS = {
    "json": (by_json, (401, "code_invalid")),
    "page": (by_page, (401, CODE_DEAD)),
    "link": (by_link, (404, DEAD)),
    "approval": (by_approval, (401, CODE_DEAD)),
}


@KNOWN
@pytest.mark.parametrize("door", DOORS)
def test_a_sign_in_that_is_killed_is_done_or_not_done_and_its_code_works_once(
    stage: Stage, door: str, is_known: bool
) -> None:
    """OTP-05, OTP-08: done, the code is used and a new one is asked for; not done, the same code works."""
    make, refused = DOORS[door]
    table, where = ("session", "/account") if is_known else ("registration", "/register")
    accepted = (200, "") if door == "json" else (303, where)

    def sign_in_by(kill: Kill) -> tuple[int, str]:
        return seen(kill, kill.act())

    for kill in stage.kills(lambda: make(stage, stage.person(is_known)), ENTERING):
        is_guess = door in ("json", "page")
        assert stage.count(table, kill.email) == kill.is_committed, kill.done
        # A guess that was right is none that counts.
        is_counted = is_guess and "UPDATE challenge" in kill.done and not kill.is_committed
        assert stage.attempts(kill.email) == is_counted, kill.done
        assert sign_in_by(kill) == (refused if kill.is_committed else accepted), kill.done
        assert stage.count(table, kill.email) == 1, kill.done
        if kill.is_committed:
            assert door != "json" or outcome(stage.api.send(kill.email)) == (409, "resend_too_soon")
            stage.later()
            assert sign_in_by(make(stage, kill.email)) == accepted, kill.done


def test_an_approval_that_is_killed_is_given_again(stage: Stage) -> None:
    """OTP-37: the phone's button may be pressed twice; the browser that waits goes on once."""

    def prepare() -> Kill:
        browser, phone, email = stage.browser(), stage.browser(), stage.person()
        browser.ask(email)
        path = letter_link(stage.sink, email)
        phone.get(path)
        return Kill(email, phone, lambda: phone.post(path, {}), waiting=browser)

    for kill in stage.kills(prepare, ENTERING):
        assert seen(kill, kill.act()) == (200, "Confirmed"), kill.done
        assert kill.waiting.enter("").location == "/register", kill.done


@pytest.mark.parametrize("door", ["json", "page"])
def test_a_wrong_guess_that_is_killed_stays_counted(stage: Stage, door: str) -> None:
    """OTP-08, OTP-09: a code has its five guesses, answered or not, and the right code no sixth."""
    make, refused = DOORS[door]
    for kill in stage.kills(lambda: guess(stage, make(stage, stage.person()), 1), GUESSING):
        counted = int("UPDATE challenge" in kill.done)
        assert stage.attempts(kill.email) == counted
        answers = [seen(kill, guess(stage, kill, step).act())[0] for step in range(1, ATTEMPTS + 1 - counted)]
        assert answers == [401] * (ATTEMPTS - counted)
        assert seen(kill, guess(stage, kill, 0).act()) == refused
        assert stage.attempts(kill.email) == ATTEMPTS


@pytest.mark.parametrize("door", ["json", "page"])
def test_five_guesses_killed_as_they_are_compared_use_the_code_up_and_the_next_code_works(
    stage: Stage, door: str
) -> None:
    """OTP-08, OPS-07: no guess is compared before it is on record."""
    make, refused = DOORS[door]
    kill = make(stage, stage.person())
    for step in range(1, ATTEMPTS + 1):
        assert stage.try_to(guess(stage, kill, step), "kill compare") is None
    assert seen(kill, kill.act()) == refused
    assert stage.attempts(kill.email) == ATTEMPTS
    stage.later()
    again = make(stage, kill.email)
    assert seen(again, again.act()) == ((200, "") if door == "json" else (303, "/register"))


@pytest.mark.parametrize("door", ["json", "page"])
def test_a_registration_that_is_killed_is_done_or_not_done(stage: Stage, door: str) -> None:
    """Not done, the form is sent again; done, the person signs in: at once, or after the wait for a new code."""
    make, again = (by_json_form, by_json) if door == "json" else (by_page_form, by_page)
    accepted, refused, signed_in = {
        "json": ((201, ""), (409, "already_registered"), (200, "")),
        "page": ((303, "/account"), (303, "/login"), (303, "/account")),
    }[door]
    for kill in stage.kills(lambda: make(stage, stage.person()), REGISTERING):
        assert stage.count("session", kill.email) == kill.is_committed
        assert seen(kill, kill.act()) == (refused if kill.is_committed else accepted), kill.done
        assert stage.count("session", kill.email) == 1
        if kill.is_committed:
            stage.later()
            sign_in = again(stage, kill.email)
            assert seen(sign_in, sign_in.act()) == signed_in
