"""Leaving, coming back and being erased while everything else goes on: nothing slips through, on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event, select, text

from auth_portal.app import create_app
from auth_portal.models import ErasedUser, Event
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.erasure import erase
from auth_portal.signin.events import OPERATOR, PORTAL
from tests.conftest import DATABASES, environment, services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome, wrong_code
from tests.leaving import every_value, found_in, goodbyes, link_in, user_id_of
from tests.relying import RelyingParty, shop
from tests.support.api import Api, in_parallel
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink, code_in
from tests.test_races import SEND_LIMITS

__all__ = ["shop"]
ADA = "ada@example.com"
NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
PATIENCE_S = 30


@contextmanager
def held_before_commit(engine: Engine, act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run ``act`` in a thread up to its first commit; it goes on when the block ends. Its result is in the list."""
    result: list[Any] = []
    reached, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            result.append(act())
        except Exception as error:  # what it was is what the test asks
            result.append(error)

    thread = threading.Thread(target=run)

    def hold(_connection: Connection) -> None:
        if threading.current_thread() is thread and not reached.is_set():
            reached.set()
            go_on.wait(PATIENCE_S)

    event.listen(engine, "commit", hold)
    try:
        thread.start()
        assert reached.wait(PATIENCE_S)
        yield result
    finally:
        go_on.set()
        thread.join(PATIENCE_S)
        event.remove(engine, "commit", hold)


def start_and_wait(engine: Engine, act: Callable[[], Any]) -> threading.Thread:
    """Begin something in a thread that must wait for somebody's lock, and let it come to that."""
    thread = threading.Thread(target=act)
    thread.start()
    if engine.dialect.name == "postgresql":
        waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        end = time.monotonic() + PATIENCE_S
        with engine.connect() as connection:
            while not connection.execute(waiting).scalar() and thread.is_alive() and time.monotonic() < end:
                pass
    return thread


def test_of_many_links_pressed_at_once_one_takes_it_back(app: Flask, api: ApiDriver, outbox: MailSink) -> None:
    leaving = services_of(app).leaving
    user_id = api.register(ADA)["user"]["id"]
    leaving.request(user_id, PORTAL)
    token = link_in(goodbyes(app, outbox, ADA)[0]).rpartition("/")[2]
    results = in_parallel([lambda: leaving.restore(token, PORTAL)] * 10)
    assert sorted(results) == [False] * 9 + [True]
    with services_of(app).engine.connect() as connection:
        undone = connection.execute(select(Event.id).where(Event.kind == "deletion_undone")).all()
    assert len(undone) == 1


def test_of_many_erasures_at_once_one_does_it(app: Flask, api: ApiDriver) -> None:
    """The hourly jobs of two nodes and an operator."""
    engine = services_of(app).engine
    user_id = api.register(ADA)["user"]["id"]
    services_of(app).leaving.request(user_id, PORTAL, at_once=True)
    results = in_parallel([lambda: erase(engine, user_id, OPERATOR)] * 8)
    assert sorted(results) == [False] * 7 + [True]
    with engine.connect() as connection:
        assert len(connection.execute(select(ErasedUser.subject_hash)).all()) == 1
        assert len(connection.execute(select(Event.id).where(Event.kind == "erased")).all()) == 1


def test_a_sign_in_that_was_under_way_leaves_no_session_that_comes_to_life(app: Flask, api: ApiDriver) -> None:
    """SES-10: it had found an open account. Neither now nor after the way back is its session good."""
    services = services_of(app)
    user_id = api.register(ADA)["user"]["id"]
    caller = api.at("203.0.113.9")
    caller.send(ADA)
    code = caller.code_sent_to(ADA)
    with held_before_commit(services.engine, lambda: caller.login(ADA, code)) as answered:
        closing = start_and_wait(services.engine, lambda: services.leaving.request(user_id, PORTAL))
    closing.join(PATIENCE_S)
    token = data_of(answered[0])["accessToken"]
    assert outcome(api.call("GET", "me", token=token)) == (401, "unauthorized")
    assert services.leaving.restore_user(user_id, OPERATOR)
    assert outcome(api.call("GET", "me", token=token)) == (401, "unauthorized")


def test_a_send_that_waited_for_an_erasure_opens_nothing_for_who_is_gone(app: Flask, api: ApiDriver) -> None:
    """It had looked up whose address it is; the code is nobody's then, and the account's name is not stored again."""
    services = services_of(app)
    user_id = api.register(ADA)["user"]["id"]
    services.leaving.request(user_id, PORTAL, at_once=True)
    services.background.wait()
    caller = Caller.api("203.0.113.9")

    def send() -> None:
        services.otp.send_code(Destination("email", ADA), caller, "en")

    with held_before_commit(services.engine, lambda: erase(services.engine, user_id, PORTAL)) as erased:
        sending = start_and_wait(services.engine, send)
    sending.join(PATIENCE_S)
    assert erased == [True]
    values = every_value(services.engine)
    assert found_in(values, ADA) == {"challenge.destination"}, "the code itself was sent"
    assert found_in(values, user_id) == set()


def test_an_export_that_is_under_way_is_waited_for(app: Flask, api: ApiDriver) -> None:
    """What it notes of the person is forgotten, too."""
    services = services_of(app)
    user_id = api.register(ADA)["user"]["id"]
    services.leaving.request(user_id, PORTAL, at_once=True)
    services.background.wait()
    with held_before_commit(services.engine, lambda: services.exports.export(user_id, OPERATOR)) as exported:
        erasing = start_and_wait(services.engine, lambda: erase(services.engine, user_id, PORTAL))
    erasing.join(PATIENCE_S)
    assert exported[0]["profile"]["id"] == user_id
    assert found_in(every_value(services.engine), user_id) == set()


@pytest.mark.parametrize("undo", [False, True], ids=["gone", "back"])
def test_of_what_apps_exchange_at_that_moment_nothing_is_good_afterwards(
    app: Flask, shop: RelyingParty, outbox: MailSink, undo: bool
) -> None:
    """Codes, refresh tokens, sign-ins: whichever was first."""
    services = services_of(app)
    for number in range(5):
        person = BrowserDriver(app, outbox)
        person.register(f"p{number}@example.com")
        user_id = user_id_of(app, f"p{number}@example.com")
        tokens = shop.sign_in(person, scope="openid offline_access")
        codes = [shop.code_for(person) for _ in range(4)]
        calls: list[Callable[[], Any]] = [lambda code=code: shop.exchange(code) for code in codes]
        calls.append(lambda token=tokens["refresh_token"]: shop.refresh(token))
        calls.append(lambda subject=user_id: services.leaving.request(subject, PORTAL))
        results = in_parallel(calls)
        assert [result for result in results if isinstance(result, Exception)] == []
        if undo:
            services.leaving.restore_user(user_id, OPERATOR)
        answers = [result.json for result in results[:-1] if result.status_code == 200]
        for answer in [tokens, *answers]:
            assert shop.userinfo(answer["access_token"]).status_code == 401
            assert "refresh_token" not in answer or shop.refresh(answer["refresh_token"]).status_code == 400


@dataclass
class Running:
    """A portal of four workers, and an app on the same database for what the job or an operator does."""

    process: PortalProcess
    app: Flask
    sink: MailSink

    def code_for(self, api: Api, email: str) -> str:
        """The code of a letter that is sent now."""
        before = len(self.sink.sent_to(email))
        answer = api.send_code(email)
        assert answer.status == 201, answer.body
        return code_in(self.sink.sent_to(email)[before])

    def register(self, api: Api, email: str) -> dict[str, Any]:
        """The data of somebody who has just registered."""
        token = api.login(email, self.code_for(api, email)).data["registrationToken"]
        answer = api.post("/api/v1/auth/complete-registration", NAMES, authorized(token))
        assert answer.status == 201, answer.body
        return dict(answer.data)


@pytest.fixture(params=DATABASES)
def portal(request: pytest.FixtureRequest, new_database: Callable[[str], str], outbox: MailSink) -> Iterator[Running]:
    """The same, with an empty database."""
    url = new_database(request.param)
    app = create_app(settings_for(url, outbox.url, **SEND_LIMITS))
    with PortalProcess(environment(url, outbox.url, **SEND_LIMITS), workers=4, migrate=False) as process:
        yield Running(process, app, outbox)
    services_of(app).background.wait()
    services_of(app).engine.dispose()


def authorized(token: str) -> dict[str, str]:
    """The header of somebody who is signed in."""
    return {"Authorization": f"Bearer {token}"}


def test_whoever_signs_in_while_the_account_is_deleted_is_out(portal: Running) -> None:
    """SES-10: four right codes from four networks and the deletion, at the same moment at four workers."""
    callers = [Api(portal.process.url, source=f"127.0.6.{number}") for number in range(1, 5)]
    with Api(portal.process.url) as own:
        person = portal.register(own, ADA)
        codes = [portal.code_for(api, ADA) for api in callers]
        calls: list[Callable[[], Any]] = [
            lambda api=api, code=code: api.login(ADA, code) for api, code in zip(callers, codes, strict=True)
        ]
        headers = authorized(person["accessToken"])
        calls += [lambda: own.request("DELETE", "/api/v1/auth/me", headers=headers)] * 2
        *logins, first, second = in_parallel(calls)
        assert {first.status, second.status} <= {200, 401}
        assert {login.status for login in logins} <= {200, 401, 403}
        tokens = [login.data["accessToken"] for login in logins if login.status == 200]
        services_of(portal.app).leaving.restore_user(person["user"]["id"], OPERATOR)
        for token in [*tokens, person["accessToken"]]:
            assert own.get("/api/v1/auth/me", authorized(token)).status == 401
    for api in callers:
        api.close()


def erase_amid_requests(portal: Running, own: Api, email: str) -> str:
    """Erase somebody while the person and strangers do all that leaves a trace; the subject."""
    services = services_of(portal.app)
    person = portal.register(own, email)
    user_id = str(person["user"]["id"])
    headers = authorized(person["accessToken"])
    strangers = [Api(portal.process.url, source=f"127.0.7.{number}") for number in range(1, 5)]
    codes = [portal.code_for(api, email) for api in strangers[:3]]
    calls: list[Callable[[], Any]] = [
        lambda: strangers[0].login(email, codes[0]),
        lambda: strangers[1].login(email, wrong_code(codes[1])),
        lambda: strangers[2].login(email, codes[2]),
        lambda: strangers[3].send_code(email),
        lambda: own.post("/api/v1/auth/refresh-token", {"refreshToken": person["refreshToken"]}),
        lambda: own.get("/api/v1/auth/me/export", headers),
        lambda: own.request("PATCH", "/api/v1/auth/me", {"firstName": "Augusta"}, headers),
        lambda: services.leaving.request(user_id, OPERATOR, at_once=True),
        lambda: [erase(services.engine, user_id, PORTAL) for _ in range(20)],
    ]
    results = in_parallel(calls)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert [answer.status for answer in results[:-2] if answer.status >= 500] == []
    erase(services.engine, user_id, PORTAL)
    assert services.users.find_by_id(user_id) is None
    for api in strangers:
        api.close()
    return user_id


def test_nothing_of_a_person_comes_back_who_is_erased_amid_requests(portal: Running) -> None:
    """PRIV-02: codes asked for, guessed and typed, refreshes and exports, at four workers, while it happens."""
    with Api(portal.process.url) as own:
        subjects = [erase_amid_requests(portal, own, f"gone{number}@example.com") for number in range(8)]
    portal.process.stop()
    services_of(portal.app).background.wait()
    values = every_value(services_of(portal.app).engine)
    assert {subject: found_in(values, subject) for subject in subjects} == {subject: set() for subject in subjects}
