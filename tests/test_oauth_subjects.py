"""Who a person is to an app, and what it is told of them (OP-39 … OP-42, OP-70)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.signin.events import OPERATOR
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, RelyingParty, answer_in
from tests.support.smtp import MailSink


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def subject(app: RelyingParty, person: BrowserDriver) -> str:
    """How the app knows the person: the same everywhere."""
    tokens = app.sign_in(person, scope="openid offline_access")
    names = {
        app.claims(tokens["id_token"])["sub"],
        app.claims(tokens["access_token"], app.issuer)["sub"],
        app.userinfo(tokens["access_token"]).json["sub"],
        app.post("/oauth/introspect", {"token": tokens["access_token"]}).json["sub"],
        app.claims(app.refresh(tokens["refresh_token"]).json["id_token"])["sub"],
    }
    assert len(names) == 1
    return str(names.pop())


def test_apps_of_one_sector_know_a_person_by_one_name(app: Flask, outbox: MailSink, ada: BrowserDriver) -> None:
    """OP-70: and nobody else knows it."""
    one, two = RelyingParty(app, sector="shop.example"), RelyingParty(app, sector="shop.example")
    other, public = RelyingParty(app, sector="blog.example"), RelyingParty(app)
    bob = BrowserDriver(app, outbox)
    bob.register("bob@example.com")
    assert subject(one, ada) == subject(two, ada) == subject(one, ada)
    names = [subject(one, ada), subject(other, ada), subject(public, ada), subject(one, bob), subject(other, bob)]
    assert len(set(names)) == len(names)


def test_a_sectors_name_is_a_hint(app: Flask, outbox: MailSink, ada: BrowserDriver) -> None:
    """OP-17."""
    shop = RelyingParty(app, sector="shop.example")
    token = shop.sign_in(ada)["id_token"]
    bob = BrowserDriver(app, outbox)
    bob.register("bob@example.com")
    quiet = shop.address(prompt="none", id_token_hint=token)
    assert "code" in answer_in(ada.get(quiet))
    assert answer_in(bob.get(quiet))["error"] == "login_required"


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", {}),
        ("openid email", {"email": ADA, "email_verified": True}),
        ("openid profile", {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "locale": "en"}),
        ("openid phone", {}),
    ],
)
def test_userinfo_tells_what_the_scopes_release(
    app: Flask, ada: BrowserDriver, scope: str, told: dict[str, Any]
) -> None:
    """OP-40, OP-41: what we do not have is left out."""
    shop = RelyingParty(app)
    body = shop.userinfo(shop.sign_in(ada, scope=scope)["access_token"]).json
    assert isinstance(body.pop("updated_at", 0), int)
    assert set(body.pop("sub")) != set()
    assert body == told


def test_an_app_is_told_when_what_it_knows_of_the_person_changed(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """Core 5.1, updated_at: names as well as addresses; not by a change that changes nothing."""
    shop = RelyingParty(app)

    def updated_at() -> int:
        told: int = shop.userinfo(shop.sign_in(ada, scope="openid profile")["access_token"]).json["updated_at"]
        return told

    registered = updated_at()
    assert registered == int(utcnow().timestamp())
    for names, is_later in (("Ada", False), ("Augusta", True)):
        clock.shift(60)
        ada.get("/account/profile")
        ada.post("/account/profile", {"first_name": names, "last_name": "Lovelace", "locale": "en"})
        assert updated_at() == registered + (120 if is_later else 0)
    ada.get("/account/email")
    ada.post("/account/email", {"email": "ada@example.org"})
    clock.shift(60)
    ada.get("/account/email/code")
    challenge = ada.hidden("challenge")
    assert ada.post("/account/email/code", {"code": ada.code_sent_to("ada@example.org"), "challenge": challenge})
    assert updated_at() == registered + 180


@pytest.mark.parametrize("wanted", [True, False])
def test_an_app_that_reads_only_the_id_token_is_told_there(app: Flask, ada: BrowserDriver, wanted: bool) -> None:
    """Core 5.4: the claims of the granted scopes, no others; also after a refresh."""
    shop = RelyingParty(app, claims_in_id_token=wanted)
    tokens = shop.sign_in(ada, scope="openid email offline_access")
    for answer in (tokens, shop.refresh(tokens["refresh_token"]).json):
        claims = shop.claims(answer["id_token"])
        assert claims.get("email") == (ADA if wanted else None)
        assert "name" not in claims
    narrowed = shop.refresh(answer["refresh_token"], scope="openid").json
    assert "email" not in shop.claims(narrowed["id_token"])


def test_claims_are_told_where_they_were_asked_for(app: Flask, ada: BrowserDriver) -> None:
    """OP-42: also after a refresh. Unknown ones change nothing."""
    shop = RelyingParty(app)
    wanted = {
        "userinfo": {"given_name": {"essential": True}, "shoe_size": None, "phone_number": {"essential": True}},
        "id_token": {"email": None},
    }
    tokens = shop.sign_in(ada, scope="openid offline_access", claims=json.dumps(wanted))
    for answer in (tokens, shop.refresh(tokens["refresh_token"]).json):
        told = shop.userinfo(answer["access_token"]).json
        assert told.keys() == {"sub", "given_name"}
        claims = shop.claims(answer["id_token"])
        assert claims["email"] == ADA
        assert not {"given_name", "email_verified", "shoe_size"} & claims.keys()


def test_a_claim_may_say_who_it_must_be(app: Flask, outbox: MailSink, ada: BrowserDriver) -> None:
    """Core 5.5.1: the subject is asked for by value."""
    shop = RelyingParty(app)
    known = subject(shop, ada)
    bob = BrowserDriver(app, outbox)
    bob.register("bob@example.com")
    asked = shop.address(prompt="none", claims=json.dumps({"id_token": {"sub": {"value": known}}}))
    assert "code" in answer_in(ada.get(asked))
    assert answer_in(bob.get(asked))["error"] == "login_required"


@pytest.mark.parametrize(
    ("acr", "error"),
    [
        ({"essential": True, "values": ["urn:high"]}, "unmet_authentication_requirements"),
        ({"essential": True, "value": "urn:high"}, "unmet_authentication_requirements"),
        ({"essential": True, "values": ["urn:high", "urn:auth-portal:acr:code"]}, None),
        ({"essential": True}, None),
        ({"values": ["urn:high"]}, None),
        (None, None),
    ],
)
def test_a_level_that_nobody_reaches_is_not_passed_over(
    app: Flask, ada: BrowserDriver, acr: dict[str, Any] | None, error: str | None
) -> None:
    """OP-29."""
    answer = answer_in(ada.get(RelyingParty(app).address(claims=json.dumps({"id_token": {"acr": acr}}))))
    assert answer.get("error") == error


@pytest.mark.parametrize("claims", ["[]", "{", '{"userinfo": 1}', '{"id_token": []}', "null", "7"])
def test_malformed_claims_are_refused_or_empty(app: Flask, ada: BrowserDriver, claims: str) -> None:
    answer = answer_in(ada.get(RelyingParty(app).address(claims=claims)))
    assert answer.get("error") == (None if claims == '{"id_token": []}' else "invalid_request")


def test_a_name_that_changed_is_told_as_it_is_now(
    app: Flask, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    shop = RelyingParty(app)
    token = shop.sign_in(ada, scope="openid profile")["access_token"]
    user_id = shop.userinfo(token).json["sub"]
    services_of(app).users.update_profile(user_id, OPERATOR, first_name="Augusta")
    assert shop.userinfo(token).json["given_name"] == "Augusta"
