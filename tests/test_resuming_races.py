"""One address, many devices at the same moment: one registration and one person, on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from auth_portal.signin.erasure import erase
from auth_portal.signin.events import PORTAL
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.relying import ADA
from tests.resuming import JSON_NAMES, NAMES, at_registration
from tests.support.api import Answer, Api, in_parallel
from tests.support.smtp import MailSink
from tests.test_leaving_races import start_and_wait
from tests.test_races import Portal, portal, statuses

__all__ = ["portal"]


def test_devices_that_prove_an_address_at_once_share_one_registration(portal: Portal) -> None:
    """At four workers."""
    email = "everywhere@example.com"
    sources = [f"127.0.4.{number}" for number in range(1, 5)]
    codes = [portal.send(email, source) for source in sources]

    def prove(source: str, sent: dict[str, str]) -> Answer:
        with Api(portal.process.url, source=source) as api:
            return api.login(email, sent["code"], challengeId=sent["challengeId"])

    pairs = zip(sources, codes, strict=True)
    results = in_parallel([lambda source=source, sent=sent: prove(source, sent) for source, sent in pairs])
    answers = [result for result in results if isinstance(result, Answer)]

    assert statuses(answers) == {200: 4}
    assert all(answer.data["registrationRequired"] for answer in answers)
    query = "SELECT count(*) FROM registration WHERE destination = :email"
    assert portal.rows(query, email=email) == [(1,)]


@pytest.mark.parametrize("number", range(3))
def test_of_browsers_and_an_app_that_complete_a_registration_at_once_one_is_first(
    number: int, app: Flask, api: ApiDriver, outbox: MailSink
) -> None:
    email = f"device{number}@example.com"
    devices = [BrowserDriver(app, outbox, f"198.51.100.{host}") for host in range(1, 4)]
    for device in devices:
        at_registration(device, email)
    token = api.proven(email)["registrationToken"]

    def by_page(device: BrowserDriver) -> str | None:
        return device.post("/register", {**NAMES, "registration": device.hidden("registration") or ""}).location

    def by_json() -> TestResponse:
        return api.post("complete-registration", JSON_NAMES, token=token)

    *pages, answer = in_parallel([*(lambda device=device: by_page(device) for device in devices), by_json])

    assert isinstance(answer, TestResponse), answer
    is_json_first = answer.status_code == 201
    assert answer.status_code in (201, 409)
    assert sorted(map(str, pages)) == (["/login"] * 3 if is_json_first else ["/account", "/login", "/login"])
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text('SELECT count(*) FROM "user"')).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM session")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM registration")).scalar() == 1


def test_proving_and_completing_at_once_leaves_one_person(app: Flask, api: ApiDriver, outbox: MailSink) -> None:
    """Whoever proves the address in the moment in which another device completes is signed in, or told to be."""
    email = "moment@example.com"
    browser, late = BrowserDriver(app, outbox), BrowserDriver(app, outbox, "198.51.100.7")
    at_registration(browser, email)
    late.ask(email)
    code = late.code_sent_to(email)
    results = in_parallel([lambda: browser.post("/register", NAMES), lambda: late.enter(code)])
    first, second = [result for result in results if isinstance(result, TestResponse)]
    assert first.location == "/account"
    assert second.location in ("/account", "/register")
    if second.location == "/register":
        late.get("/register")
        assert late.post("/register", NAMES).location == "/login"
    with services_of(app).engine.connect() as connection:
        assert connection.execute(text('SELECT count(*) FROM "user"')).scalar() == 1


@pytest.mark.parametrize("act", ["complete", "erase"])
def test_nobody_who_proves_an_address_waits_in_a_circle_with_what_becomes_of_it(
    act: str, app: Flask, browser: BrowserDriver, outbox: MailSink
) -> None:
    """Whoever types a code holds it, then needs the registration: all others must need them in that order."""
    services = services_of(app)
    at_registration(browser, ADA)
    results: list[object] = []
    if act == "erase":
        browser.post("/register", NAMES)
        user_id = browser_user(app)
        services.leaving.request(user_id, PORTAL, at_once=True)
    BrowserDriver(app, outbox, "198.51.100.7").ask(ADA)

    def run() -> None:
        try:
            ended = erase(services.engine, user_id, PORTAL) if act == "erase" else browser.post("/register", NAMES)
        except OperationalError as error:
            results.append(error)
        else:
            results.append(ended if isinstance(ended, bool) else ended.location)

    with services.engine.begin() as connection:
        typed = text("UPDATE challenge SET send_count = send_count WHERE destination = :it AND consumed_at IS NULL")
        assert connection.execute(typed, {"it": ADA}).rowcount == 1
        thread = start_and_wait(services.engine, run)
        connection.execute(text("UPDATE registration SET draft = draft WHERE destination = :it"), {"it": ADA})
    thread.join(30)
    assert results == [True if act == "erase" else "/account"]


def browser_user(app: Flask) -> str:
    """The only person there is."""
    with services_of(app).engine.connect() as connection:
        return str(connection.execute(text('SELECT id FROM "user"')).scalar_one())
