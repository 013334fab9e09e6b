"""One address, many devices at the same moment: one registration and one person, on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.api import Answer, Api, in_parallel
from tests.support.smtp import MailSink
from tests.test_races import Portal, portal, statuses
from tests.test_resuming import JSON_NAMES, NAMES, at_registration

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
