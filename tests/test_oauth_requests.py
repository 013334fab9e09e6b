"""Requests that ask for what there is not, are malformed, or were pushed and are shown wrongly (OP-21, OP-60)."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, request_id_in
from tests.support.smtp import MailSink


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A confidential, trusted app that may call an API."""
    return RelyingParty(app, resources=["https://api.example", "https://api2.example"])


@pytest.fixture
def ada(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Somebody who is signed in."""
    person = BrowserDriver(app, outbox)
    person.register(ADA)
    return person


def outcome(answer: TestResponse) -> tuple[int, str | None]:
    """Status and error."""
    return answer.status_code, answer.json.get("error")


REQUESTS: dict[str, tuple[dict[str, str], str]] = {
    "request": ({"request": "e30.e30."}, "request_not_supported"),
    "request_uri": ({"request_uri": "http://127.0.0.1:9/object"}, "request_uri_not_supported"),
    "registration": ({"registration": "{}"}, "registration_not_supported"),
    "claims_no_json": ({"claims": "{"}, "invalid_request"),
    "claims_a_list": ({"claims": "[]"}, "invalid_request"),
    "claims_a_number": ({"claims": "1"}, "invalid_request"),
    "claims_deep": ({"claims": "[" * 15_000}, "invalid_request"),
    "claims_deep_within": ({"claims": '{"userinfo":' * 3_000}, "invalid_request"),
    "claims_big_number": ({"claims": "9" * 50_000}, "invalid_request"),
    "claims_member_a_list": ({"claims": '{"userinfo": [1]}'}, "invalid_request"),
    "claims_member_a_text": ({"claims": '{"id_token": "x"}'}, "invalid_request"),
    "claims_other_level": (
        {"claims": '{"id_token": {"acr": {"essential": true, "value": "gold"}}}'},
        "unmet_authentication_requirements",
    ),
    "max_age_negative": ({"max_age": "-1"}, "invalid_request"),
    "max_age_huge": ({"max_age": "9" * 400}, "invalid_request"),
    "max_age_other_digits": ({"max_age": "\u0661"}, "invalid_request"),
    "prompt_none_and_login": ({"prompt": "none login"}, "invalid_request"),
    "response_mode_fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "long_nonce": ({"nonce": "n" * 2_049}, "invalid_request"),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_what_is_not_supported_or_malformed_is_told_to_the_app(
    case: str, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-21, OP-42."""
    wrong, error = REQUESTS[case]
    assert answer_in(ada.get(shop.address(**wrong)))["error"] == error
    fields = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK, **wrong}
    pushed = outcome(shop.post("/oauth/par", fields))
    assert pushed in ((400, error), (400, "invalid_request")), "a request_uri may not be pushed"


def test_odd_claims_are_ignored(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-42."""
    for claims in ('{"userinfo": {"x": {"y": [1]}}, "id_token": null}', '{"id_token": {"sub": 7, "acr": 1}}', "{}"):
        assert "code" in answer_in(ada.get(shop.address(claims=claims)))
    for subject in ('"\\ud800"', '"\\u0000"', '""'):
        claims = f'{{"id_token": {{"sub": {{"value": {subject}}}}}}}'
        assert ada.get(shop.address(claims=claims)).status_code == 303
        assert answer_in(ada.get(shop.address(claims=claims, prompt="none")))["error"] == "login_required"


def test_a_pushed_request_serves_its_client_once_and_shortly(
    app: Flask, shop: RelyingParty, ada: BrowserDriver, clock: time_machine.Traveller
) -> None:
    """OP-60."""
    other = RelyingParty(app)
    fields = {"response_type": "code", "scope": "openid", "redirect_uri": CALLBACK}

    def show(uri: str, client: RelyingParty = shop) -> TestResponse:
        return ada.client.get("/oauth/authorize", query_string={"client_id": client.id, "request_uri": uri})

    uri = shop.post("/oauth/par", fields).json["request_uri"]
    assert show(uri, other).status_code == 410
    for wrong in (uri[:-1], uri + "x", uri.rpartition(":")[0] + ":", uri.upper(), uri + "\0", uri + "x" * 200):
        answer = show(wrong)
        assert answer.status_code in (400, 410) or "error=" in answer.location, wrong
    first = show(uri)
    assert (first.status_code, show(uri).status_code) == (303, 410)
    assert "code" in answer_in(ada.get(first.location))
    assert ada.get(f"/oauth/authorize/{request_id_in(first.location)}").status_code == 410
    over = shop.post("/oauth/par", fields).json["request_uri"]
    clock.shift(61)
    assert show(over).status_code == 410
    again = outcome(shop.post("/oauth/par", fields | {"request_uri": uri}))
    assert again == (400, "invalid_request")
    assert outcome(shop.post("/oauth/par", fields | {"client_id": other.id})) == (401, "invalid_client")


def test_who_must_push_cannot_ask_directly(app: Flask, ada: BrowserDriver) -> None:
    """OP-60."""
    client = RelyingParty(app, require_pushed=True)
    assert answer_in(ada.get(client.address()))["error"] == "invalid_request"
    form = {"client_id": client.id, "redirect_uri": CALLBACK, "scope": "openid", "response_type": "code"}
    posted = ada.client.post("/oauth/authorize", data=form)
    assert answer_in(posted)["error"] == "invalid_request"
