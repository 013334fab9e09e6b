"""Pushed authorization requests: the client itself brings the request, the person only shows it (RFC 9126)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.arriving import ask, enter
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, new_verifier, s256
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A trusted app."""
    return RelyingParty(app)


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def push(client: RelyingParty, headers: dict[str, str] | None = None, **parameters: Any) -> TestResponse:
    """The client pushes a request; None leaves a parameter out."""
    wanted = {
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid email",
        "state": "pushed",
        **parameters,
    }
    fields = {name: value for name, value in wanted.items() if value is not None}
    return client.post("/oauth/par", fields, **(headers or {}))


def pushed(client: RelyingParty, **parameters: Any) -> str:
    """Push a request that is taken; the address to send the person to."""
    answer = push(client, **parameters)
    assert answer.status_code == 201, answer.text
    return shown(client, answer.json["request_uri"])


def shown(client: RelyingParty, request_uri: str, **more: str) -> str:
    """The address that shows a pushed request."""
    return "/oauth/authorize?" + urlencode({"client_id": client.id, "request_uri": request_uri, **more})


def test_a_pushed_request_gets_its_code(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-60."""
    answer = push(shop)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert answer.json["request_uri"].startswith(PREFIX)
    assert len(answer.json["request_uri"].removeprefix(PREFIX)) >= 22
    assert 5 <= answer.json["expires_in"] <= 60
    told = answer_in(ada.follow(ada.get(shown(shop, answer.json["request_uri"]))))
    assert told["state"] == "pushed"
    assert shop.exchange(told["code"]).status_code == 200


def test_a_pushed_request_is_shown_once(shop: RelyingParty, ada: BrowserDriver) -> None:
    address = pushed(shop)
    ada.get(address)
    again = ada.get(address)
    assert (again.status_code, again.location) == (410, None)


def test_of_many_who_show_a_request_one_gets_it(app: Flask, shop: RelyingParty) -> None:
    address = pushed(shop)
    clients = [app.test_client() for _ in range(8)]
    answers = in_parallel([lambda client=client: client.get(address).status_code for client in clients])
    assert sorted(answers) == [303] + [410] * 7


def test_a_pushed_request_is_over_soon(shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller) -> None:
    address = pushed(shop)
    clock.shift(60)
    assert ada.get(address).status_code == 410


def test_another_client_cannot_show_it(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    request_uri = push(shop).json["request_uri"]
    assert ada.get(shown(RelyingParty(app), request_uri)).status_code == 410
    assert ada.get(shown(shop, request_uri)).status_code == 303


def test_nothing_beside_a_pushed_request_counts(shop: RelyingParty, ada: BrowserDriver) -> None:
    """RFC 9126, 4: what was pushed is what is asked."""
    request_uri = push(shop).json["request_uri"]
    more = {"redirect_uri": "https://evil.example/", "scope": "openid profile", "state": "evil", "prompt": "none"}
    told = answer_in(ada.follow(ada.get(shown(shop, request_uri, **more))))
    assert told["state"] == "pushed"
    assert shop.exchange(told["code"]).json["scope"] == "openid email"


def test_a_pushed_request_lives_through_the_sign_in_and_reloads(
    app: Flask, outbox: MailSink, shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OP-61: though it is shown once, and though a minute is over long before the code came."""
    person = BrowserDriver(app, outbox, "198.51.100.7")
    started = person.get(pushed(shop))
    login = person.follow(started).location
    for _ in range(2):
        assert person.get(login).status_code == 200
        assert person.follow(started).location == login
        clock.shift(50)
    person.get(login)
    ask(person)
    person.get("/login/code?" + login.partition("?")[2])
    told = answer_in(person.follow(enter(person, person.code_sent_to(ADA))))
    assert shop.exchange(told["code"]).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "unknown"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x" * 43}, "invalid_request"),
        ({"resource": "https://foreign.example"}, "invalid_target"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": PREFIX + "x" * 43}, "invalid_request"),
        ({"request_uri": "https://shop.example/request"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_refused_at_the_push(shop: RelyingParty, wrong: dict[str, str], error: str) -> None:
    """OP-60: in JSON, to the client, never to an address."""
    answer = push(shop, **wrong)
    assert (answer.status_code, answer.json["error"], answer.location) == (400, error, None)
    assert "request_uri" not in answer.json


def test_only_the_client_itself_pushes(app: Flask, shop: RelyingParty) -> None:
    anonymous = {"Accept": "*/*"}
    assert push(shop, anonymous, client_id=shop.id).json["error"] == "invalid_client"
    assert push(shop, anonymous).status_code == 401
    assert push(shop, client_id=RelyingParty(app).id).json["error"] == "invalid_client"
    assert push(shop, client_id=shop.id).status_code == 201
    assert app.test_client().get("/oauth/par").status_code == 405


def test_a_public_client_pushes_by_its_name(app: Flask, ada: BrowserDriver) -> None:
    client = RelyingParty(app, auth_method="none", require_pkce=True)
    verifier = new_verifier()
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    assert push(client, {"Accept": "*/*"}, client_id=client.id).json["error"] == "invalid_request"
    answer = push(client, {"Accept": "*/*"}, client_id=client.id, **challenge)
    told = answer_in(ada.follow(ada.get(shown(client, answer.json["request_uri"]))))
    assert client.exchange(told["code"], code_verifier=verifier).status_code == 200


def test_a_client_that_must_push_is_not_answered_otherwise(app: Flask, ada: BrowserDriver) -> None:
    """OP-60: require_pushed_authorization_requests."""
    client = RelyingParty(app, require_pushed=True)
    assert answer_in(ada.get(client.address()))["error"] == "invalid_request"
    by_post = {"client_id": client.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    assert answer_in(ada.client.post("/oauth/authorize", data=by_post))["error"] == "invalid_request"
    assert "code" in answer_in(ada.follow(ada.get(pushed(client))))


def test_a_pushed_request_without_a_page_is_told_what_is_missing(
    app: Flask, outbox: MailSink, shop: RelyingParty
) -> None:
    """OP-14."""
    stranger = BrowserDriver(app, outbox)
    told = answer_in(stranger.follow(stranger.get(pushed(shop, prompt="none"))))
    assert (told["error"], told["state"]) == ("login_required", "pushed")


@pytest.mark.parametrize("request_uri", [PREFIX, PREFIX + "x", PREFIX + "é", PREFIX + "\0", PREFIX + "x" * 4_000])
def test_what_was_never_pushed_is_a_page(shop: RelyingParty, ada: BrowserDriver, request_uri: str) -> None:
    answer = ada.get(shown(shop, request_uri))
    assert (answer.status_code, answer.location) == (410, None)


def test_a_pushed_request_may_be_shown_by_post(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-12, D6: another site's POST carries no cookie of ours."""
    wanted = {"client_id": shop.id, "request_uri": push(shop).json["request_uri"]}
    posted = shop.post("/oauth/authorize", wanted, **{"Sec-Fetch-Site": "cross-site"})
    assert "code" in answer_in(ada.follow(ada.follow(posted)))
