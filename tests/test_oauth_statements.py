"""What an app's sign-in costs the database: statements and commits of each request, and no whole table read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, new_verifier, request_id_in, s256
from tests.rows import fill
from tests.support.smtp import MailSink
from tests.test_statements import assert_within, costs, counted, plan, whole_tables

AUTHORIZE = (3, 1)
"""The client, the session; the code."""
AUTHORIZE_WITH_CONSENT = (4, 1)
"""And the consent."""
EXCHANGE = (7, 1)
USERINFO = (1, 0)
"""The token's session, and its person with it; the origin is asked only where a page of another site calls."""
REFRESH = (7, 1)


@pytest.fixture
def person(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Somebody who is signed in."""
    driver = BrowserDriver(app, outbox)
    driver.register(ADA)
    return driver


def consent(app: RelyingParty, person: BrowserDriver, **parameters: str) -> str:
    """Allow the app what it asks for; the code."""
    request_id = request_id_in(person.get(app.address(**parameters)).location)
    person.get(f"/oauth/consent/{request_id}")
    person.post(f"/oauth/consent/{request_id}", {"answer": "allow"})
    return answer_in(person.get(f"/oauth/authorize/{request_id}"))["code"]


def test_a_sign_in_to_an_app_costs_few_statements(app: Flask, person: BrowserDriver) -> None:
    trusted, asking = RelyingParty(app), RelyingParty(app, is_trusted=False)
    consent(asking, person)
    verifier = new_verifier()
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    wanted = {"scope": "openid profile email offline_access", "prompt": "consent", **challenge}
    trusted.sign_in(person)

    assert_within(costs(app, lambda: person.get(trusted.address()), 303), *AUTHORIZE)
    assert_within(costs(app, lambda: person.get(asking.address()), 303), *AUTHORIZE_WITH_CONSENT)

    code = consent(trusted, person, **wanted)
    tokens = {}

    def exchange() -> object:
        answer = trusted.exchange(code, code_verifier=verifier)
        tokens.update(answer.json)
        return answer

    assert_within(costs(app, exchange, 200), *EXCHANGE)
    assert_within(costs(app, lambda: trusted.userinfo(tokens["access_token"]), 200), *USERINFO)
    assert_within(costs(app, lambda: trusted.refresh(tokens["refresh_token"]), 200), *REFRESH)


def visit_everything(app: Flask, outbox: MailSink) -> None:
    """Every way through the endpoints, good and bad."""
    person = BrowserDriver(app, outbox)
    person.register(ADA)
    shop = RelyingParty(app, ["https://shop.example"], is_trusted=False, sector="shop.example")
    offline = {"scope": "openid profile offline_access"}
    code = consent(shop, person, **offline)
    tokens = shop.exchange(code).json
    assert shop.userinfo(tokens["access_token"]).status_code == 200
    client = app.test_client(use_cookies=False)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}", "Origin": "https://shop.example"}
    assert client.get("/oauth/userinfo", headers=bearer).headers["Access-Control-Allow-Origin"]
    refreshed = shop.refresh(tokens["refresh_token"]).json
    assert shop.refresh(tokens["refresh_token"]).status_code == 200
    for token in (refreshed["refresh_token"], refreshed["access_token"]):
        assert shop.post("/oauth/introspect", {"token": token}).json["active"] is True
    own = shop.post("/oauth/token", {"grant_type": "client_credentials"}).json["access_token"]
    for token in (own, refreshed["refresh_token"]):
        assert shop.post("/oauth/revoke", {"token": token}).status_code == 200
    assert shop.post("/oauth/introspect", {"token": own}).json == {"active": False}
    assert shop.exchange(code).status_code == 400
    fields = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK}
    uri = shop.post("/oauth/par", fields).json["request_uri"]
    shown = person.get(f"/oauth/authorize?client_id={shop.id}&request_uri={uri}")
    person.follow(shown)
    stranger = BrowserDriver(app, outbox)
    start = stranger.follow(stranger.get(shop.address()))
    assert start.status_code == 200
    request_id = stranger.hidden("request") or ""
    stranger.follow(stranger.post("/login", {"email": ADA, "request": request_id}))
    stranger.get("/login/code")
    stranger.get("/register")
    assert person.get("/account/apps").status_code == 200
    hint = shop.sign_in(person, **offline)["id_token"]
    assert person.client.get("/oauth/logout", query_string={"id_token_hint": hint}).status_code == 200


def test_no_statement_of_an_apps_sign_in_reads_a_whole_table(
    make_app: Callable[..., Flask], outbox: MailSink
) -> None:
    app = make_app()
    engine = services_of(app).engine
    fill(engine)

    with counted(engine) as cost:
        visit_everything(app, outbox)

    statements = dict(cost.statements)
    seen = " ".join(statements)
    for table in ("client", "consent", "pending_request", "authorization_code", "spent_assertion", "client_origin"):
        assert table in seen, f"{table} was not used: this run is not complete"
    with engine.connect() as connection:
        slow = {
            statement: lines
            for statement, parameters in statements.items()
            if (lines := whole_tables(plan(connection, statement, parameters)))
        }
    assert slow == {}
