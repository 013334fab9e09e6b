"""What is recorded where: consents, suspensions, profiles, stopped codes, and what operators do to apps and keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from auth_portal.db import utcnow
from auth_portal.models import Event
from auth_portal.signin.callers import Caller
from auth_portal.signin.events import PORTAL, forget_person
from tests.commanding import RETURN, Run, create, run
from tests.conftest import SECRET_KEY, environment, services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.operating import shell
from tests.relying import RelyingParty, request_id_in
from tests.support.api import Api, in_parallel
from tests.support.letters import text_of
from tests.support.portal import PortalProcess
from tests.support.smtp import MailSink, code_in
from tests.test_device import say, start

__all__ = ["run"]
ADA = "ada@example.com"
HERE = ("person", "127.0.0.0/24", "Firefox/Windows")


def recorded(app: Flask, *kinds: str) -> list[Any]:
    """The events of these kinds, in no order that matters."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(select(*Event.__table__.columns).where(Event.kind.in_(kinds))))


def who(event: Any) -> tuple[str, str, str]:
    """Who did it, and from where."""
    return event.actor, event.network, event.device


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def user_id(app: Flask) -> str:
    """Ada's."""
    return services_of(app).users.newest(1)[0].id


def consent(person: BrowserDriver, shop: RelyingParty, answer: str, **parameters: str) -> None:
    """Answer what an app asks for."""
    request_id = request_id_in(person.get(shop.address(**parameters)).location)
    person.get(f"/oauth/consent/{request_id}")
    person.post(f"/oauth/consent/{request_id}", {"answer": answer})


def test_a_consent_is_recorded_when_it_is_given_and_when_it_is_taken_back(app: Flask, ada: BrowserDriver) -> None:
    shop = RelyingParty(app, is_trusted=False)
    consent(ada, shop, "refuse")
    assert recorded(app, "app_allowed") == []
    consent(ada, shop, "allow", scope="openid email")
    (allowed,) = recorded(app, "app_allowed")
    assert (allowed.user_id, allowed.client_id, who(allowed)) == (user_id(app), shop.id, HERE)
    assert allowed.facts == {"scopes": ["openid", "email"]}
    for _ in range(2):
        ada.get("/account/apps")
        ada.post(f"/account/apps/{shop.id}/withdraw", {})
    (withdrawn,) = recorded(app, "app_withdrawn")
    assert (withdrawn.user_id, withdrawn.client_id, who(withdrawn)) == (user_id(app), shop.id, HERE)


def test_access_of_a_trusted_app_that_is_taken_back_is_recorded_and_of_no_app_is_not(
    app: Flask, ada: BrowserDriver
) -> None:
    shop = RelyingParty(app)
    shop.sign_in(ada)
    ada.get("/account/apps")
    ada.post(f"/account/apps/{shop.id}/withdraw", {})
    ada.post("/account/apps/no-such-app/withdraw", {})
    assert [event.client_id for event in recorded(app, "app_withdrawn")] == [shop.id]


def test_a_code_that_is_typed_again_is_recorded_of_the_session_that_goes_on(app: Flask, ada: BrowserDriver) -> None:
    """OPS-02, SES-04: the session of the sign-in itself is no more."""
    session = services_of(app).sessions.find_by_secret(ada.cookie("portal-session") or "")
    assert session is not None
    assert recorded(app, "reauthenticated") == []
    visitor = ada.another_tab()
    with time_machine.travel(utcnow() + timedelta(minutes=11)):
        visitor.get("/account/confirm")
        visitor.post("/account/confirm", {"channel": "email"})
        visitor.get("/login/code")
        assert visitor.enter(visitor.code_sent_to(ADA)).status_code == 303
    (again,) = recorded(app, "reauthenticated")
    assert (again.user_id, again.session_id, who(again)) == (user_id(app), session.id, HERE)
    assert again.facts == {"channel": "email"}


def test_of_many_withdrawals_at_once_one_is_recorded(app: Flask, ada: BrowserDriver) -> None:
    shop = RelyingParty(app, is_trusted=False)
    consent(ada, shop, "allow")
    consents, ada_id = services_of(app).consents, user_id(app)
    results = in_parallel([lambda: consents.withdraw(ada_id, shop.id, PORTAL)] * 6)
    assert results == [None] * 6
    assert len(recorded(app, "app_withdrawn")) == 1


def test_a_device_that_is_let_in_is_recorded(app: Flask, ada: BrowserDriver) -> None:
    tv = RelyingParty(app, name="TV", auth_method="none", is_trusted=False)
    say(ada, start(tv, "openid")["user_code"])
    (allowed,) = recorded(app, "app_allowed")
    assert (allowed.client_id, allowed.facts, who(allowed)) == (tv.id, {"scopes": ["openid"]}, HERE)


def test_suspending_and_restoring_are_recorded_once_each(app: Flask, ada: BrowserDriver) -> None:
    """PRIV-11."""
    users, ada_id = services_of(app).users, user_id(app)
    for act in (users.suspend, users.suspend, users.restore, users.restore):
        act(ada_id)
    users.suspend("nobody")
    events = recorded(app, "suspended", "restored")
    assert sorted(event.kind for event in events) == ["restored", "suspended"]
    assert {(who(event), event.user_id) for event in events} == {(("operator", "", ""), ada_id)}


def test_a_changed_profile_names_the_fields_and_not_what_is_in_them(app: Flask, api: ApiDriver) -> None:
    token = api.register()["accessToken"]
    api.call("PATCH", "me", {"firstName": "Augusta", "lastName": "Lovelace", "locale": "tr"}, token=token)
    api.call("PATCH", "me", {"firstName": "Augusta"}, token=token)
    api.call("PATCH", "me", {}, token=token)
    (event,) = recorded(app, "profile_changed")
    assert event.facts["fields"][0] == "first_name"
    assert "last_name" not in event.facts["fields"]
    assert (event.user_id, event.actor, event.network) == (user_id(app), "person", "127.0.0.0/24")
    assert "Augusta" not in str(event)


@pytest.mark.parametrize("is_known", [True, False])
def test_codes_that_somebody_stops_are_recorded_once(
    app: Flask, browser: BrowserDriver, outbox: MailSink, is_known: bool
) -> None:
    if is_known:
        browser.register(ADA)
        browser.post("/logout", {})
    stranger = BrowserDriver(app, outbox, "198.51.100.7")
    stranger.ask(ADA)
    found = re.search(r"/login/not-me/[0-9a-f]+", text_of(outbox.sent_to(ADA)[-1]))
    assert found is not None
    browser.get(found[0])
    for _ in range(2):
        browser.post(found[0], {})
    (event,) = recorded(app, "codes_stopped")
    assert (event.user_id, who(event)) == (user_id(app) if is_known else None, HERE)


def test_of_two_clicks_at_once_one_is_recorded(app: Flask, outbox: MailSink) -> None:
    """Twenty times: whoever waited for the other's lock must not go by the clock of before."""
    links = services_of(app).links
    for number in range(1, 21):
        email = f"ada{number}@example.com"
        BrowserDriver(app, outbox).ask(email)
        found = re.search(r"/login/not-me/([0-9a-f]+)", text_of(outbox.sent_to(email)[-1]))
        assert found is not None
        stopped = in_parallel([partial(links.stop, found[1], Caller.api("192.0.2.1"))] * 6)
        assert {one.state for one in stopped} <= {"done", "dead"}
        assert len(recorded(app, "codes_stopped")) == number


def test_what_operators_do_to_apps_is_recorded_without_content(app: Flask, run: Run) -> None:
    """PRIV-11."""
    client_id = create(run)["client_id"]
    run("update", client_id, "--redirect-uri", f"{RETURN}/new", "--trusted", "--cors-origin", "https://spa.example")
    run("update", client_id, "--name", "Wiki")
    run("rotate-secret", client_id, "--now")
    run("delete", client_id, "--yes")
    run("delete", client_id, "--yes")
    run("rotate-secret", client_id)
    events = recorded(app, "client_created", "client_changed", "secret_rotated", "client_deleted")
    told = sorted(((event.kind, event.facts) for event in events), key=str)
    assert told == [
        ("client_changed", {"fields": ["is_trusted", "redirect_uris", "origins"]}),
        ("client_changed", {"fields": []}),
        ("client_created", None),
        ("client_deleted", None),
        ("secret_rotated", {"at_once": True}),
    ]
    assert {(event.client_id, event.user_id) for event in events} == {(client_id, None)}
    assert {who(event) for event in events} == {("operator", "", "")}


def test_an_act_that_fails_is_not_recorded(app: Flask, ada: BrowserDriver) -> None:
    """In the same transaction: neither without the other."""
    with services_of(app).engine.connect() as connection, connection.begin() as transaction:
        forget_person(connection, user_id(app), utcnow())
        transaction.rollback()
    assert recorded(app, "erased") == []
    assert [event.user_id for event in recorded(app, "registered")] == [user_id(app)]


def test_an_operators_act_is_one_line_of_the_log(api: ApiDriver, database_url: str, app: Flask) -> None:
    """OPS-02: the account's id, no address; the same id as the row's."""
    ada = api.register()["user"]["id"]
    result = shell("user", "suspend", ADA, **environment(database_url, "smtp://127.0.0.1:1", log_level="info"))
    lines = [json.loads(line) for line in result.stderr.splitlines() if "account_event" in line]
    (event,) = recorded(app, "suspended")
    assert len(lines) == 1
    line = {name: value for name, value in lines[0].items() if name != "timestamp"}
    assert line == {
        "event": "account_event",
        "level": "info",
        "id": event.id,
        "kind": "suspended",
        "outcome": "done",
        "actor": "operator",
        "user_id": ada,
        "session_id": None,
        "client_id": None,
        "network": "",
        "channel": None,
    }


@pytest.fixture
def process(database_url: str, outbox: MailSink) -> Callable[[], PortalProcess]:
    """A portal that writes everything to its log. Its codes are no part of a random id by chance."""
    return lambda: PortalProcess(environment(database_url, outbox.url, log_level="info", code_length=8))


def test_every_event_of_a_sign_in_is_a_line_with_the_id_of_its_request(
    process: Callable[[], PortalProcess], app: Flask, outbox: MailSink
) -> None:
    """OPS-02, OPS-03."""
    names = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    with process() as portal, Api(portal.url) as caller:
        sent = caller.send_code(ADA)
        code = code_in(outbox.sent_to(ADA)[-1])
        caller.login(ADA, wrong_code(code), challengeId=sent.data["challengeId"])
        token = caller.login(ADA, code, challengeId=sent.data["challengeId"]).data["registrationToken"]
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "request-of-the-test"}
        registered = caller.post("/api/v1/auth/complete-registration", names, headers)
        assert registered.status == 201
        log = portal.log_text()
    lines = [json.loads(line) for line in log.splitlines() if '"account_event"' in line]
    events = {event.id: event for event in recorded(app, "registered", "signed_in", "code_refused")}
    assert {line["id"] for line in lines} == set(events)
    (line,) = [line for line in lines if line["kind"] == "registered"]
    assert (line["request_id"], line["channel"], line["network"]) == ("request-of-the-test", "email", "127.0.0.0/24")
    assert (line["user_id"], line["outcome"], line["actor"]) == (registered.data["user"]["id"], "done", "person")
    for secret in (ADA, code, token, "Lovelace", SECRET_KEY, registered.data["refreshToken"]):
        assert secret not in log
