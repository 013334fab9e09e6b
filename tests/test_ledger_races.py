"""The guess budget while everybody asks and guesses at the same moment: eight workers, both databases (BUD-04)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from auth_portal.db import engine_options
from tests.conftest import DATABASES, environment
from tests.support.api import Answer, Api, in_parallel
from tests.support.letters import code_in
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink

BUDGETS = {4: 5, 6: 25, 8: 70}
SPARE = 1
MOST_IN_A_ROW = 100
COLUMNS = "code_length, attempts, attempts_allowed, foreign_attempts, foreign_allowed, consumed_at, send_count"


class Crowd:
    """Many callers of one portal, each in a network of its own, and the portal's table."""

    def __init__(self, url: str, database_url: str, sink: MailSink) -> None:
        self.url, self.sink = url, sink
        self.engine = create_engine(engine_options(database_url, 1)[0])
        self.callers: list[Api] = []

    def arrive(self, count: int) -> list[Api]:
        """So many more callers."""
        first = len(self.callers)
        new = [
            Api(self.url, source=f"127.1.{number // 250}.{number % 250 + 1}")
            for number in range(first, first + count)
        ]
        self.callers += new
        return new

    def close(self) -> None:
        """Let all go."""
        for caller in self.callers:
            caller.close()
        self.engine.dispose()

    def rows(self, email: str) -> Sequence[Any]:
        """The codes of this address."""
        query = text(f"SELECT {COLUMNS} FROM challenge WHERE destination = :email")
        with self.engine.connect() as connection:
            return connection.execute(query, {"email": email}).all()

    def wrong(self, email: str, length: int) -> str:
        """A code of this length that nobody was sent."""
        sent = {code_in(mail) for mail in self.sink.sent_to(email)}
        return next(code for code in (f"{number:0{length}}" for number in range(1_000)) if code not in sent)


@pytest.fixture(scope="module", params=DATABASES)
def crowd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """A portal of eight workers without send limits."""
    path: Path = tmp_path_factory.mktemp("ledger") / "portal.db"
    is_sqlite = request.param == "sqlite"
    postgres = None if is_sqlite else request.getfixturevalue("postgres")
    url = f"sqlite:///{path}" if is_sqlite else postgres.create_database("ledger_races")
    with MailSink() as sink:
        with PortalProcess(environment(url, sink.url, worker_threads=2, resend_after=0), 8, 2) as process:
            found = Crowd(process.url, url, sink)
            yield found
        found.close()
    if not is_sqlite:
        postgres.drop_database("ledger_races")


def answered(results: Sequence[object], *statuses: int) -> list[Answer]:
    """The answers; every call must have one of these."""
    answers = [result for result in results if isinstance(result, Answer)]
    assert [result for result in results if not isinstance(result, Answer)] == []
    assert {answer.status for answer in answers} <= set(statuses)
    return answers


def assert_within_budget(rows: Sequence[Any]) -> None:
    """BUD-04, OTP-12: nothing negative, no code beyond what it was granted, no length beyond its budget."""
    for row in rows:
        assert 0 <= row.attempts <= row.attempts_allowed
        assert 0 <= row.foreign_attempts <= row.foreign_allowed
        assert row.attempts_allowed >= 1
        assert row.send_count >= 1
    charged = [row for row in rows if row.consumed_at is None]
    for length, budget in BUDGETS.items():
        assert sum(row.attempts_allowed for row in charged if row.code_length == length) <= budget
        guesses = [row.attempts + row.foreign_attempts for row in rows if row.code_length == length]
        assert sum(guesses) <= budget + SPARE
    short = [row for row in charged if row.code_length in BUDGETS]
    assert sum(row.attempts + row.foreign_attempts for row in short) <= MOST_IN_A_ROW + SPARE


def test_a_hundred_sends_at_once_reserve_no_more_than_the_budget(crowd: Crowd) -> None:
    """OTP-12: then eight guesses at each of those codes at once, a quarter of them from other networks."""
    email = "besieged@example.com"
    callers = crowd.arrive(100)
    sends = answered(in_parallel([lambda api=api: api.send_code(email) for api in callers]), 201)
    assert_within_budget(crowd.rows(email))
    assert {answer.data["codeLength"] for answer in sends} == {4, 6, 8, 20}

    guesses = []
    for caller, sent in zip(callers, sends, strict=True):
        length, handle = sent.data["codeLength"], sent.data["challengeId"]
        if length < 20:
            typed = crowd.wrong(email, length)
            own = lambda api=caller, typed=typed, handle=handle: api.login(email, typed, challengeId=handle)  # noqa: E731
            guesses += [own] * 6
    typed = crowd.wrong(email, 4)
    guesses += [lambda api=api: api.login(email, typed) for api in crowd.arrive(20)]
    answered(in_parallel(guesses), 401)

    rows = crowd.rows(email)
    assert_within_budget(rows)
    assert all(row.attempts == row.attempts_allowed for row in rows if row.code_length < 20), "guesses got lost"
    assert sum(row.attempts for row in rows if row.code_length == 4) == BUDGETS[4]


def test_sends_guesses_and_successes_at_once_keep_the_ledger_right(crowd: Crowd) -> None:
    """BUD-04, OTP-05, OTP-15: newcomers ask while others guess; the owner's code is taken once, whatever happens."""
    email = "busy@example.com"
    owner, *callers = crowd.arrive(41)
    mine = owner.send_code(email)
    code = code_in(crowd.sink.sent_to(email)[0])
    sends = answered(in_parallel([lambda api=api: api.send_code(email) for api in callers[:10]]), 201)

    calls = [lambda: owner.login(email, code, challengeId=mine.data["challengeId"])] * 5
    for caller, sent in zip(callers, sends, strict=False):
        typed, handle = crowd.wrong(email, sent.data["codeLength"]), sent.data["challengeId"]
        calls += [lambda api=caller, typed=typed, handle=handle: api.login(email, typed, challengeId=handle)] * 8
        calls += [lambda api=caller: api.send_code(email)] * 2
    calls += [lambda api=api: api.send_code(email) for api in callers[10:]]
    calls += [lambda api=api: api.login(email, crowd.wrong(email, 4)) for api in callers[10:]]
    answers = answered(in_parallel(calls), 200, 201, 400, 401, 409)

    assert [answer.status for answer in answers[:5]].count(200) == 1
    rows = crowd.rows(email)
    assert len([row for row in rows if row.consumed_at is not None]) == 1
    assert_within_budget(rows)


def test_strangers_and_the_owner_at_one_code_at_once_have_five_guesses_and_one(crowd: Crowd) -> None:
    """OTP-08, OTP-15: the owner's are all hers, theirs is the spare one."""
    email = "alone@example.com"
    owner, *strangers = crowd.arrive(61)
    sent = owner.send_code(email).data
    typed = crowd.wrong(email, 4)
    calls = [lambda api=api: api.login(email, typed) for api in strangers]
    calls += [lambda: owner.login(email, typed, challengeId=sent["challengeId"])] * 4
    answered(in_parallel(calls), 401)
    assert [(row.attempts, row.foreign_attempts) for row in crowd.rows(email)] == [(4, SPARE)]
    code = code_in(crowd.sink.sent_to(email)[0])
    assert owner.login(email, code, challengeId=sent["challengeId"]).status == 200
