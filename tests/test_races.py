"""What must happen once happens once: many requests at the same moment at four real workers, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from auth_portal.db import engine_options
from tests.conftest import DATABASES, environment
from tests.drivers import wrong_code
from tests.support.api import Answer, Api, in_parallel
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink, code_in

WORKERS = 4
SEND_LIMITS = {
    "sends_per_inbox_per_hour": 5,
    "sends_per_inbox_per_day": 20,
    "sends_per_source_per_hour": 100,
}
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}


class Portal:
    """A portal of four workers, its relay and its tables; ``first_jwks`` are its very first answers."""

    def __init__(self, process: PortalProcess, sink: MailSink, engine: Engine) -> None:
        self.process, self.sink, self.engine = process, sink, engine
        self.first_jwks = self.at_once(40, lambda api: api.get("/.well-known/jwks.json"))

    def at_once(self, count: int, *calls: Callable[[Api], Answer], source: str | None = None) -> list[Answer]:
        """Make ``count`` calls at the same moment, taking turns through ``calls``; every one must be answered."""
        with Api(self.process.url, source=source) as api:
            turns = [calls[number % len(calls)] for number in range(count)]
            results = in_parallel([lambda call=call: call(api) for call in turns])
        lost = [result for result in results if not isinstance(result, Answer)]
        assert lost == []
        return [result for result in results if isinstance(result, Answer)]

    def send(self, email: str, source: str | None = None) -> dict[str, Any]:
        """Have a code sent; the answer's data and the ``code`` of its letter."""
        before = len(self.sink.sent_to(email))
        with Api(self.process.url, source=source) as api:
            answer = api.send_code(email)
        assert answer.status == 201, answer.body
        return {**answer.data, "code": code_in(self.sink.sent_to(email)[before])}

    def proven(self, email: str, source: str | None = None) -> dict[str, Any]:
        """The data of a login with the right code."""
        sent = self.send(email, source)
        with Api(self.process.url, source=source) as api:
            answer = api.login(email, sent["code"], challengeId=sent["challengeId"])
        assert answer.status == 200, answer.body
        return dict(answer.data)

    def register(self, email: str) -> dict[str, Any]:
        """The data of a complete registration."""
        answer = self.at_once(1, completion(self.proven(email)["registrationToken"]))[0]
        assert answer.status == 201, answer.body
        return dict(answer.data)

    def rows(self, query: str, **values: object) -> list[Any]:
        """What the database says."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]


@pytest.fixture(scope="module", params=DATABASES)
def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A production portal of four workers with the production send limits, in an empty database."""
    path: Path = tmp_path_factory.mktemp("races") / "portal.db"
    is_sqlite = request.param == "sqlite"
    postgres = None if is_sqlite else request.getfixturevalue("postgres")
    url = f"sqlite:///{path}" if is_sqlite else postgres.create_database("races")
    engine = create_engine(engine_options(url, 1)[0])
    with MailSink() as sink:
        with PortalProcess(environment(url, sink.url, **SEND_LIMITS), workers=WORKERS) as process:
            yield Portal(process, sink, engine)
        engine.dispose()
    if not is_sqlite:
        postgres.drop_database("races")


def completion(token: str) -> Callable[[Api], Answer]:
    """A call that completes the registration of this token."""
    headers = {"Authorization": f"Bearer {token}"}
    return lambda api: api.post("/api/v1/auth/complete-registration", NAMES, headers)


def statuses(answers: list[Answer]) -> dict[int, int]:
    """How often each status was answered."""
    found = [answer.status for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


def test_four_workers_asked_at_once_make_one_first_signing_key_of_each_algorithm(portal: Portal) -> None:
    sets = [{(key["alg"], key["kid"]) for key in answer.json["keys"]} for answer in portal.first_jwks]

    assert statuses(portal.first_jwks) == {200: 40}
    assert all(one == sets[0] for one in sets)
    stored = portal.rows("SELECT generation, algorithm, kid FROM signing_key ORDER BY generation")
    assert sorted(algorithm for _generation, algorithm, _kid in stored) == ["ES256", "RS256"]
    assert {(algorithm, kid) for _generation, algorithm, kid in stored} == sets[0]
    assert [generation for generation, _algorithm, _kid in stored] == [1, 2]


@pytest.mark.parametrize("names", [["challengeId"], []], ids=["with_handle", "without_handle"])
def test_fifty_verifies_of_one_right_code_open_one_registration(portal: Portal, names: list[str]) -> None:
    email = f"new{len(names)}@example.com"
    sent = portal.send(email)
    extra = {name: sent[name] for name in names}

    answers = portal.at_once(50, lambda api: api.login(email, sent["code"], **extra))

    assert statuses(answers) == {200: 1, 401: 49}
    assert portal.rows("SELECT count(*) FROM registration WHERE destination = :email", email=email) == [(1,)]


def test_fifty_verifies_of_one_right_code_sign_a_known_person_in_once(portal: Portal) -> None:
    email = "known@example.com"
    user = portal.register(email)["user"]["id"]
    sent = portal.send(email, source="127.0.0.2")

    answers = portal.at_once(50, lambda api: api.login(email, sent["code"]), source="127.0.0.2")

    assert statuses(answers) == {200: 1, 401: 49}
    # One of the registration, one of this login.
    assert portal.rows("SELECT count(*) FROM session WHERE user_id = :user", user=user) == [(2,)]


def test_of_two_hundred_wrong_guesses_at_once_five_are_evaluated(portal: Portal) -> None:
    email = "guessed@example.com"
    sent = portal.send(email)
    wrong = [
        lambda api, n=number: api.login(email, wrong_code(sent["code"], n), challengeId=sent["challengeId"])
        for number in range(1, 201)
    ]

    answers = portal.at_once(200, *wrong)
    late = portal.at_once(1, lambda api: api.login(email, sent["code"], challengeId=sent["challengeId"]))

    assert statuses(answers) == {401: 200}
    assert statuses(late) == {401: 1}, "the right code was still taken after two hundred guesses"
    row = portal.rows("SELECT attempts, foreign_attempts, consumed_at FROM challenge WHERE id = :id", **_id(sent))
    assert row == [(5, 0, None)]


def test_guesses_without_a_handle_from_many_networks_cannot_use_up_the_owners_attempts(portal: Portal) -> None:
    email = "besieged@example.com"
    sent = portal.send(email)
    strangers = [Api(portal.process.url, source=f"127.0.2.{number}") for number in range(1, 101)]

    results = in_parallel([lambda api=api: api.login(email, wrong_code(sent["code"])) for api in strangers])
    for api in strangers:
        api.close()
    answers = [result for result in results if isinstance(result, Answer)]

    assert statuses(answers) == {401: 100}
    row = portal.rows("SELECT attempts, foreign_attempts FROM challenge WHERE id = :id", **_id(sent))
    assert row == [(0, 1)], "a new account affords one guess of strangers"
    assert statuses(portal.at_once(1, lambda api: api.login(email, sent["code"]))) == {200: 1}


def test_a_right_code_among_two_hundred_guesses_is_right_at_most_once_and_within_five(portal: Portal) -> None:
    email = "lucky@example.com"
    sent = portal.send(email)
    guesses = [
        lambda api, n=number: api.login(email, sent["code"] if n % 10 == 9 else wrong_code(sent["code"], n))
        for number in range(200)
        if number  # wrong_code(code, 0) would be the code
    ]

    answers = portal.at_once(199, *guesses)

    found = statuses(answers)
    assert set(found) <= {200, 401}
    right = found.get(200, 0)
    attempts, consumed_at = portal.rows("SELECT attempts, consumed_at FROM challenge WHERE id = :id", **_id(sent))[0]
    assert right <= 1
    assert (consumed_at is not None) == (right == 1)
    assert attempts <= 5
    assert attempts == 5 or right == 1
    after = portal.at_once(20, lambda api: api.login(email, sent["code"]))
    assert statuses(after) == {401: 20}


def test_twenty_sends_of_one_caller_at_once_make_one_letter(portal: Portal) -> None:
    email = "impatient@example.com"

    answers = portal.at_once(20, lambda api: api.send_code(email))

    assert statuses(answers) == {201: 1, 409: 19}
    assert len(portal.sink.sent_to(email)) == 1
    assert portal.rows("SELECT send_count FROM challenge WHERE destination = :email", email=email) == [(1,)]


def test_sends_of_many_networks_at_once_fill_an_inbox_to_its_limit_and_then_share_one_letter(portal: Portal) -> None:
    email = "flooded@example.com"
    callers = [Api(portal.process.url, source=f"127.0.3.{number}") for number in range(1, 21)]

    results = in_parallel([lambda api=api: api.send_code(email) for api in callers])
    for api in callers:
        api.close()
    answers = [result for result in results if isinstance(result, Answer)]

    assert statuses(answers) == {201: 20}
    assert sorted(answer.data["codeLength"] for answer in answers)[-15:] == [20] * 15
    assert len(portal.sink.sent_to(email)) == 6


def test_twenty_refreshes_of_one_token_get_one_and_the_same_live_successor(portal: Portal) -> None:
    first = portal.register("refreshing@example.com")
    token = first["refreshToken"]

    answers = portal.at_once(20, lambda api: _refresh(api, token))

    assert statuses(answers) == {200: 20}
    successors = {answer.data["refreshToken"] for answer in answers}
    assert len(successors) == 1
    assert token not in successors
    chain = """
        SELECT count(*), count(used_at) FROM refresh_token
        WHERE session_id = (SELECT id FROM session WHERE user_id = :user)"""
    assert portal.rows(chain, user=first["user"]["id"]) == [(2, 1)]
    following = portal.at_once(1, lambda api: _refresh(api, successors.pop()))
    assert statuses(following) == {200: 1}


def test_ten_completions_of_one_registration_at_once_make_one_user(portal: Portal) -> None:
    email = "twice@example.com"
    token = portal.proven(email)["registrationToken"]

    answers = portal.at_once(10, completion(token))

    assert statuses(answers) == {201: 1, 409: 9}
    assert _users(portal, email) == 1


def test_a_registration_that_two_devices_complete_at_once_makes_one_user(portal: Portal) -> None:
    email = "shared@example.com"
    tokens = [portal.proven(email, source)["registrationToken"] for source in ("127.0.0.5", "127.0.0.6")]
    before = portal.rows('SELECT count(*) FROM "user"')[0][0]

    answers = portal.at_once(10, *(completion(token) for token in tokens))

    assert statuses(answers) == {201: 1, 409: 9}
    assert _users(portal, email) == 1
    assert portal.rows('SELECT count(*) FROM "user"') == [(before + 1,)], "a user without an address was left behind"


def _id(sent: dict[str, Any]) -> dict[str, Any]:
    return {"id": sent["challengeId"]}


def _refresh(api: Api, token: str) -> Answer:
    return api.post("/api/v1/auth/refresh-token", {"refreshToken": token})


def _users(portal: Portal, email: str) -> int:
    query = 'SELECT count(*) FROM "user" JOIN identifier ON identifier.user_id = "user".id WHERE value = :email'
    return int(portal.rows(query, email=email)[0][0])
