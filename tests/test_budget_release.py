"""What the ledger holds and for how long: reservations, refunds, registration, pruning (standards.md 9.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from time import monotonic

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Connection, text

from auth_portal.app import create_app
from auth_portal.signin.retention import prune
from tests.conftest import NOW, Made, services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.guessing import ADA, LIFE, REFUSED, Sent, Visitor, new_address
from tests.support.letters import text_of
from tests.support.smtp import Fault, MailSink

DAY = timedelta(days=1)
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def visitor(app: Flask, outbox: MailSink) -> Visitor:
    """Who asks for Ada's codes at a portal with the default budget."""
    return Visitor(app, outbox)


def test_an_issued_code_keeps_its_guesses_whatever_happens_to_the_budget(visitor: Visitor) -> None:
    """9.6 rule 2, OTP-15: all lengths are used up by others before its owner types it."""
    browser, code = visitor.browse()
    assert visitor.use_up().length == 20
    for step in range(1, 5):
        assert browser.enter(wrong_code(code, step)).status_code == 401
    assert browser.enter(code).status_code == 303


@pytest.mark.parametrize("is_same_code", [True, False])
def test_a_success_refunds_the_guesses_of_its_own_code_and_of_no_other(
    visitor: Visitor, clock: time_machine.Traveller, is_same_code: bool
) -> None:
    """BUD-03, 9.6 rule 4: four failures in one code, a success in that or in another."""
    first = visitor.send()
    first.guess_wrong(4)
    if is_same_code:
        assert first.is_right()
    else:
        clock.shift(LIFE)
        assert visitor.send().is_right()
    following = visitor.send()
    assert following.length == 4
    following.guess_wrong(4 if is_same_code else 1)
    assert following.is_right() is is_same_code
    assert visitor.send().length == (4 if is_same_code else 6)


def stop_newest(visitor: Visitor) -> None:
    """Say "that was not me" in the newest letter."""
    link = re.findall(r"/login/not-me/\w+", text_of(visitor.outbox.sent_to(ADA)[-1]))[0]
    browser = BrowserDriver(visitor.app, visitor.outbox)
    browser.get(link)
    assert browser.post(link, {}).status_code == 200


ENDS: dict[str, tuple[Callable[[Visitor, Sent], object], int]] = {
    "nothing, yet": (lambda _visitor, _sent: None, 0),
    "time": (lambda _visitor, _sent: None, 3),
    "a success": (lambda _visitor, sent: sent.is_right(), 5),
    "not me": (lambda visitor, _sent: stop_newest(visitor), 3),
}
"""What ends a code, and the guesses that the next one of its length has then."""


@pytest.mark.parametrize("end", ENDS)
def test_what_a_code_reserves_is_held_until_it_is_over(
    visitor: Visitor, clock: time_machine.Traveller, end: str
) -> None:
    """BUD-04, 9.6 rules 3 and 4: of five two are spent; three come back, or all by a success."""
    finish, guesses = ENDS[end]
    sent = visitor.send()
    sent.guess_wrong(2)
    finish(visitor, sent)
    clock.shift(LIFE if end == "time" else 597)
    following = visitor.send()
    assert following.length == (4 if guesses else 6)
    if guesses:
        following.guess_wrong(guesses - 1)
        assert visitor.send().length == 6
        assert following.is_right()


def test_a_code_whose_letter_no_relay_took_holds_nothing(visitor: Visitor) -> None:
    """BUD-04: an outage makes nobody's codes longer."""
    visitor.outbox.fault = "reject_5xx"
    for _ in range(3):
        assert ApiDriver(visitor.app, visitor.outbox, new_address()).send(ADA).status_code == 500
    visitor.outbox.fault = None
    assert visitor.send().length == 4


class SlyRelay(MailSink):
    """A relay that takes no letter, and while it is asked lets somebody do something first."""

    meanwhile: Callable[[], None] | None = None

    @property
    def fault(self) -> Fault | None:
        """Asked at each step of a conversation."""
        job, self.meanwhile = self.meanwhile, None
        if job is not None:
            job()
        return "reject_5xx"

    @fault.setter
    def fault(self, _value: Fault | None) -> None:
        pass


def test_guesses_at_a_code_whose_letter_is_still_on_the_way_count_though_it_is_refused(
    database_url: str, make_app: Made, outbox: MailSink
) -> None:
    """OTP-13: while a relay is away, who asks again and again must not get new guesses again and again."""
    budget = {"code_length": 8, "guess_budgets": "8:5/30d"}
    with SlyRelay() as relay:
        app = create_app(settings_for(database_url, relay.url, **budget))
        attacker = ApiDriver(app, relay, new_address())

        def guess() -> None:
            for number in range(5):
                assert outcome(attacker.login(ADA, f"{number:08}")) == REFUSED

        relay.meanwhile = guess
        assert attacker.send(ADA).status_code == 500
        assert relay.meanwhile is None, "nobody guessed"
        services_of(app).background.wait()
        services_of(app).engine.dispose()
    assert Visitor(make_app(**budget), outbox).send().length == 20


def test_a_registration_takes_over_what_was_guessed_at_the_address(
    visitor: Visitor, clock: time_machine.Traveller
) -> None:
    """9.6, OTP-22: nobody gets a fresh budget by becoming a user, and what is reserved stays reserved."""
    visitor.use_up(6)
    waiting = visitor.send()
    ApiDriver(visitor.app, visitor.outbox, new_address()).register(ADA)
    waiting.guess_wrong(5)
    clock.shift(31)
    assert visitor.send().length == 6
    clock.shift(31 * DAY)
    assert visitor.send().length == 6
    clock.shift(365 * DAY)
    assert visitor.send().length == 4


def wait_until(connection: Connection, blocked: int, ended: Thread) -> None:
    """Until so many statements wait for locks of others, or the thread has ended; a few seconds at most."""
    deadline = monotonic() + 4
    waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    while connection.execute(waiting).scalar_one() < blocked and ended.is_alive() and monotonic() < deadline:
        pass


HOLDS = {
    "the request": "SELECT 1 FROM send_limit WHERE kind = 'inbox-hour' FOR UPDATE",
    "the registration": "LOCK TABLE session IN SHARE ROW EXCLUSIVE MODE",
}
"""Who is first, and what makes it wait in the middle of its transaction."""


@pytest.mark.parametrize("first", HOLDS)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_code_that_is_made_while_its_address_is_registered_is_in_the_users_ledger(
    make_app: Made, outbox: MailSink, first: str
) -> None:
    """OTP-12, 9.6: the request found no user yet, and goes on when there is one."""
    app = make_app(sends_per_inbox_per_hour=100)
    owner, other = ApiDriver(app, outbox, new_address()), ApiDriver(app, outbox, new_address())
    token = owner.proven(ADA)["registrationToken"]
    threads = [
        Thread(target=lambda: other.send(ADA)),
        Thread(target=lambda: owner.post("complete-registration", NAMES, token=token)),
    ]
    with services_of(app).engine.connect() as watcher, services_of(app).engine.begin() as holder:
        holder.execute(text(HOLDS[first]))
        for number, thread in enumerate(threads if first == "the request" else reversed(threads), start=1):
            thread.start()
            wait_until(watcher, number, thread)
    for thread in threads:
        thread.join()
    assert len(other.code_sent_to(ADA)) == 4
    assert Visitor(app, outbox).send().length == 6, "a second code of four digits was made beside the first"


def test_pruning_never_changes_what_the_ledger_says(
    app: Flask, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """PRIV-04, OTP-13, OTP-14: two who were attacked and one of them signed in, looked at for 400 days."""
    dormant, active, mild = (Visitor(app, outbox, f"{name}@example.com") for name in ("dormant", "active", "mild"))
    for visitor, most in ((dormant, 20), (active, 20), (mild, 8)):
        visitor.use_up(most)
    clock.shift(LIFE)
    assert active.send().is_right()
    found = {}
    for days in (0, 1, 2, 5, 29, 31, 60, 200, 364, 366, 399):
        clock.move_to(NOW + days * DAY + timedelta(minutes=12))
        prune(services_of(app).engine, services_of(app).seals)
        found[days] = [visitor.send().length for visitor in (dormant, active, mild)]
    early, later, last = [20, 20, 8], [20, 6, 6], [20, 4, 4]
    assert found == {days: early if days < 30 else later if days < 365 else last for days in found}
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM challenge")).scalar_one() < 60, "nothing was pruned"


def test_pruning_keeps_a_guess_that_came_from_elsewhere(visitor: Visitor, clock: time_machine.Traveller) -> None:
    """OTP-13: it is as much a guess as the holder's own; four are left."""
    sent = visitor.send()
    sent.caller.at(new_address()).login(ADA, wrong_code(sent.code))
    clock.shift(2 * DAY)
    prune(services_of(visitor.app).engine, services_of(visitor.app).seals)
    following = visitor.send()
    following.guess_wrong(4)
    assert not following.is_right()


def test_a_hundred_failures_in_a_row_count_until_a_success_or_for_four_hundred_days(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-14, PRIV-04: what somebody guessed at an address that nobody uses is not kept for ever."""
    visitor = Visitor(make_app(guess_budgets="6:100/30d", guess_target=1, code_attempts=10), outbox)
    visitor.use_up(guesses=10)
    for days, length in ((399, 20), (402, 6)):
        clock.move_to(NOW + days * DAY)
        prune(services_of(visitor.app).engine, services_of(visitor.app).seals)
        assert visitor.send().length == length


def words(page: str) -> str:
    """What a page says, whatever the code's length and address."""
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(re.sub(r"\b\d+-digit", "N-digit", re.sub(r"<[^>]*>", " ", main)).split())


def test_the_pages_the_answers_and_the_letter_say_nothing_but_the_number_of_digits(visitor: Visitor) -> None:
    """BUD-07: no blame, no count."""
    codes, pages, letters, answers, refusals = [], [], [], [], []
    for most in (0, 6, 8):
        if most:
            visitor.use_up(most)
        browser, code = visitor.browse()
        codes.append(code)
        pages.append(words(browser.page))
        assert f">{len(code)}-digit code<" in browser.page
        letter = re.sub(r"(/not-me/|/link/)\w+|\.\d+\.x", "", text_of(visitor.outbox.sent_to(ADA)[-1]))
        letters.append(letter.replace(code, "CODE"))
        caller = ApiDriver(visitor.app, visitor.outbox, new_address())
        sent = caller.send(ADA)
        answers.append({**data_of(sent), "challengeId": "", "codeLength": len(caller.code_sent_to(ADA))})
        refusals.append(caller.login(ADA, wrong_code(caller.code_sent_to(ADA))).json)
    assert [len(code) for code in codes] == [4, 6, 8]
    assert "N-digit code" in pages[0]
    assert pages == pages[:1] * 3
    assert letters == letters[:1] * 3
    assert refusals == refusals[:1] * 3
    assert [answer.pop("codeLength") for answer in answers] == [6, 6, 8]
    assert answers == answers[:1] * 3
