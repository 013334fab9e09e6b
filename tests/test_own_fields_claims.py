"""What apps are told of the portal's own fields: claims of the scope ``profile``, which people are shown before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.filling import CLAIMS, COMPANY, FILLED, SEATS, declared, typed
from tests.relying import RelyingParty
from tests.resuming import at_registration
from tests.support.smtp import MailSink

NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture
def app(make_app: Made) -> Flask:
    """A portal with fields of every type."""
    made: Flask = make_app(**declared())
    return made


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Somebody who filled all of it in."""
    at_registration(browser)
    assert browser.post("/register", {**NAMES, **typed(FILLED)}).location == "/account"
    return browser


def told(shop: RelyingParty, person: BrowserDriver, **wanted: Any) -> dict[str, Any]:
    """What userinfo says."""
    return dict(shop.userinfo(shop.sign_in(person, **wanted)["access_token"]).json)


def own(claims: dict[str, Any]) -> dict[str, Any]:
    """Of these claims, those of the portal's own fields."""
    return {name: value for name, value in claims.items() if name in CLAIMS}


def test_the_scope_profile_has_them_in_their_types(app: Flask, ada: BrowserDriver) -> None:
    """OP-40."""
    assert own(told(RelyingParty(app), ada, scope="openid profile")) == CLAIMS


@pytest.mark.parametrize("scope", ["openid", "openid email"])
def test_no_other_scope_has_them(app: Flask, ada: BrowserDriver, scope: str) -> None:
    assert own(told(RelyingParty(app), ada, scope=scope)) == {}


def test_an_id_token_has_them_only_for_apps_that_were_registered_so(app: Flask, ada: BrowserDriver) -> None:
    plain, eager = RelyingParty(app), RelyingParty(app, name="Eager", claims_in_id_token=True)
    assert own(plain.claims(plain.sign_in(ada)["id_token"])) == {}
    assert own(eager.claims(eager.sign_in(ada)["id_token"])) == CLAIMS


def test_single_ones_may_be_asked_for_by_name(app: Flask, ada: BrowserDriver) -> None:
    """OP-42."""
    shop = RelyingParty(app)
    claims = json.dumps({"userinfo": {"team": None, "evil": None}, "id_token": {"seats": {"essential": True}}})
    tokens = shop.sign_in(ada, scope="openid", claims=claims)
    assert own(dict(shop.userinfo(tokens["access_token"]).json)) == {"team": "dev"}
    assert own(shop.claims(tokens["id_token"])) == {"seats": 12}


def test_what_a_person_left_out_is_left_out(make_app: Made, outbox: MailSink) -> None:
    """OP-40: not null, not empty."""
    app = make_app(**declared(COMPANY, SEATS))
    person = at_registration(BrowserDriver(app, outbox))
    person.post("/register", {**NAMES, "own_company": "Engines"})
    claims = told(RelyingParty(app), person)
    assert (claims.get("company"), "seats" in claims) == ("Engines", False)


def test_a_field_that_is_declared_no_more_is_told_no_more(make_app: Made, outbox: MailSink) -> None:
    before = make_app(**declared(COMPANY, SEATS))
    person = at_registration(BrowserDriver(before, outbox))
    person.post("/register", {**NAMES, "own_company": "Engines", "own_seats": "3"})
    shop = RelyingParty(before)
    token = shop.sign_in(person)["access_token"]
    shop.app = make_app(**declared(SEATS))
    assert own(dict(shop.userinfo(token).json)) == {"seats": 3}


def test_discovery_names_them(app: Flask, make_app: Made) -> None:
    """OP-49: only what is true."""
    supported = app.test_client().get(WELL_KNOWN).json["claims_supported"]
    assert set(CLAIMS) <= set(supported)
    assert set(supported) - set(make_app().test_client().get(WELL_KNOWN).json["claims_supported"]) == set(CLAIMS)


def test_the_person_reads_what_the_app_would_see(app: Flask, ada: BrowserDriver) -> None:
    """OP-22, PRIV-08: before allowing it, and afterwards in the list of apps."""
    shop = RelyingParty(app, is_trusted=False)
    answer = ada.get(shop.address(scope="openid profile"))
    ada.follow(answer)
    own_labels = "Company, Seats, Birthday, Team, Web site, Newsletter, and House rules"
    words = f"See your name, your language and what you filled in: {own_labels}"
    assert words in ada.page
    path = answer.location
    ada.post(path, {"answer": "allow"})
    ada.get("/account/apps")
    assert words in ada.page
    ada.get("/account/apps?lang=ar")
    assert "Haber mektubu وEv kuralları" in ada.page


def test_without_such_fields_the_person_reads_nothing_of_them(make_app: Made, outbox: MailSink) -> None:
    app = make_app()
    person = BrowserDriver(app, outbox)
    person.register("ada@example.com")
    person.follow(person.get(RelyingParty(app, is_trusted=False).address(scope="openid profile")))
    assert "See your name and your language" in person.page


def test_a_change_is_told_the_next_time(app: Flask, ada: BrowserDriver) -> None:
    """PRIV-09."""
    shop = RelyingParty(app)
    token = shop.sign_in(ada)["access_token"]
    ada.get("/account/profile")
    changed = {"first_name": "Ada", "last_name": "L", "locale": "en", **typed({**FILLED, "team": "ops", "seats": ""})}
    assert ada.post("/account/profile", changed).location == "/account"
    claims = dict(shop.userinfo(token).json)
    assert (claims["team"], claims["family_name"], "seats" in claims) == ("ops", "L", False)
