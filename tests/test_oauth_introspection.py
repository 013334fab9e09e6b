"""What may be asked of a token and who may end it: introspection (OP-44, RFC 7662), revocation (OP-43, RFC 7009)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.addresses import parse_email
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.relying import ADA, RelyingParty, new_verifier, s256

ORDERS = "https://orders.example/v1"
OFFLINE = "openid offline_access"
INACTIVE = {"active": False}


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """An app that calls an API."""
    return RelyingParty(app, resources=[ORDERS])


@pytest.fixture
def orders(app: Flask) -> RelyingParty:
    """That API, which asks about the tokens that it is sent."""
    return RelyingParty(app, name="Orders", grant_types=[], redirect_uris=[], api_identifier=ORDERS)


def about(caller: RelyingParty, token: str, **fields: str) -> Any:
    """What a caller learns of a token."""
    answer = caller.post("/oauth/introspect", {"token": token, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


def revoke(caller: RelyingParty, token: str, **fields: str) -> None:
    """End a token, or try to: the answer is always the same."""
    answer = caller.post("/oauth/revoke", {"token": token, **fields})
    assert answer.status_code == 200, answer.text


def test_an_app_learns_all_of_its_own_access_token(shop: RelyingParty, ada: BrowserDriver) -> None:
    tokens = shop.sign_in(ada)
    claims = shop.claims(tokens["access_token"], shop.issuer)
    told = about(shop, tokens["access_token"])
    assert told.pop("active") is True
    assert told.pop("token_type") == "Bearer"
    assert told.keys() == {"client_id", "scope", "sub", "aud", "iss", "iat", "exp", "jti"}
    assert all(claims[name] == value for name, value in told.items())


def test_an_app_learns_of_its_own_refresh_token_until_it_is_used(shop: RelyingParty, ada: BrowserDriver) -> None:
    token = shop.sign_in(ada, scope=OFFLINE)["refresh_token"]
    told = about(shop, token)
    assert (told["active"], told["client_id"], told["scope"]) == (True, shop.id, OFFLINE)
    successor = shop.refresh(token).json["refresh_token"]
    assert about(shop, token) == INACTIVE
    assert about(shop, successor)["active"] is True


def test_an_api_learns_of_tokens_that_are_for_it_and_of_no_others(
    app: Flask, shop: RelyingParty, orders: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-44: a resource server is told nothing of tokens for other audiences."""
    tokens = shop.sign_in(ada, scope=OFFLINE, resource=ORDERS)
    told = about(orders, tokens["access_token"])
    assert (told["active"], told["client_id"]) == (True, shop.id)
    assert ORDERS in told["aud"]
    foreign = RelyingParty(app, grant_types=[], redirect_uris=[], api_identifier="https://files.example")
    assert about(foreign, tokens["access_token"]) == INACTIVE
    assert about(orders, tokens["refresh_token"]) == INACTIVE
    assert about(orders, shop.sign_in(ada)["access_token"]) == INACTIVE
    assert about(orders, tokens["id_token"]) == INACTIVE
    own = shop.post("/oauth/token", {"grant_type": "client_credentials", "resource": ORDERS}).json["access_token"]
    assert about(orders, own)["sub"] == shop.id


def test_nobody_learns_of_another_apps_or_the_portals_tokens(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, api: ApiDriver
) -> None:
    blog = RelyingParty(app)
    tokens = shop.sign_in(ada, scope=OFFLINE)
    ours = api.register("grace@example.com")
    for token in (tokens["access_token"], tokens["refresh_token"], ours["accessToken"], ours["refreshToken"]):
        assert about(blog, token) == INACTIVE
        revoke(blog, token)
    assert shop.userinfo(tokens["access_token"]).status_code == 200
    assert shop.refresh(tokens["refresh_token"]).status_code == 200
    assert api.call("GET", "me", token=ours["accessToken"]).status_code == 200


@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_strangers_are_told_nothing(app: Flask, shop: RelyingParty, ada: BrowserDriver, endpoint: str) -> None:
    token = shop.sign_in(ada)["access_token"]
    public = RelyingParty(app, auth_method="none")
    for fields in ({}, {"client_id": shop.id}, {"client_id": shop.id, "client_secret": "wrong"}):
        answer = shop.post(f"/oauth/{endpoint}", {"token": token, **fields}, Accept="*/*")
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    if endpoint == "introspect":
        answer = public.post("/oauth/introspect", {"token": token, "client_id": public.id}, Accept="*/*")
        assert answer.status_code == 401
    missing = shop.post(f"/oauth/{endpoint}", {})
    assert (missing.status_code, missing.json["error"]) == (400, "invalid_request")
    assert shop.userinfo(token).status_code == 200


def _sign_out(_app: Flask, _shop: RelyingParty, person: BrowserDriver) -> None:
    person.get("/account")
    person.post("/logout", {})


def _suspend(app: Flask, _shop: RelyingParty, _person: BrowserDriver) -> None:
    users = services_of(app).users
    user = users.find_by_destination(parse_email(ADA))
    assert user is not None
    users.suspend(user.id)


def _withdraw(_app: Flask, shop: RelyingParty, person: BrowserDriver) -> None:
    person.get("/account/apps")
    person.post(f"/account/apps/{shop.id}/withdraw", {})


def _delete(app: Flask, shop: RelyingParty, person: BrowserDriver) -> None:
    """The person signs in anew to another app only; this app's grant is ended by id."""
    claims = shop.claims(shop.sign_in(person)["access_token"], shop.issuer)
    services_of(app).sessions.end_session(claims["sid"])


@pytest.mark.parametrize("end", [_sign_out, _suspend, _withdraw, _delete])
def test_what_ended_is_inactive_for_all_who_ask(
    app: Flask,
    shop: RelyingParty,
    orders: RelyingParty,
    ada: BrowserDriver,
    end: Callable[[Flask, RelyingParty, BrowserDriver], None],
) -> None:
    """JWT-16: the signature is still good, the answer is not."""
    tokens = shop.sign_in(ada, scope=OFFLINE, resource=ORDERS)
    end(app, shop, ada)
    assert about(shop, tokens["access_token"]) == INACTIVE
    assert about(orders, tokens["access_token"]) == INACTIVE
    assert about(shop, tokens["refresh_token"]) == INACTIVE


def test_a_token_whose_time_is_over_is_inactive(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    client = RelyingParty(app, access_token_ttl=60, refresh_token_ttl=3_600)
    tokens = client.sign_in(ada, scope=OFFLINE)
    clock.shift(70)
    assert about(client, tokens["access_token"]) == INACTIVE
    assert about(client, tokens["refresh_token"])["active"] is True
    clock.shift(3_600)
    assert about(client, tokens["refresh_token"]) == INACTIVE


@pytest.mark.parametrize("given", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token"])
def test_revoking_either_token_ends_both_and_nothing_else(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, given: str, hint: str
) -> None:
    """OP-43: a wrong hint only makes it slower (RFC 7009, 2.1)."""
    tokens = shop.sign_in(ada, scope=OFFLINE)
    again = shop.sign_in(ada, scope=OFFLINE)
    others = RelyingParty(app).sign_in(ada)
    revoke(shop, tokens[given], **({"token_type_hint": hint} if hint else {}))
    assert about(shop, tokens["access_token"]) == about(shop, tokens["refresh_token"]) == INACTIVE
    assert shop.userinfo(tokens["access_token"]).status_code == 401
    assert shop.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert shop.userinfo(again["access_token"]).status_code == 200
    assert shop.userinfo(others["access_token"]).status_code == 200
    assert ada.get("/account").status_code == 200
    revoke(shop, tokens[given])


def test_a_public_client_revokes_its_own_tokens(app: Flask, ada: BrowserDriver) -> None:
    client, verifier = RelyingParty(app, auth_method="none"), new_verifier()
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    tokens = client.exchange(client.code_for(ada, scope=OFFLINE, **challenge), code_verifier=verifier).json
    revoke(client, tokens["refresh_token"], client_id=client.id)
    assert client.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_a_clients_own_token_is_revoked_alone(shop: RelyingParty) -> None:
    first, second = (
        shop.post("/oauth/token", {"grant_type": "client_credentials"}).json["access_token"] for _ in range(2)
    )
    assert about(shop, first)["active"] is True
    revoke(shop, first)
    revoke(shop, first)
    assert about(shop, first) == INACTIVE
    assert about(shop, second)["active"] is True


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "é", "\0", "x" * 9_000])
def test_what_is_no_token_is_inactive_and_revoked(shop: RelyingParty, token: str) -> None:
    assert about(shop, token) == INACTIVE
    revoke(shop, token)
