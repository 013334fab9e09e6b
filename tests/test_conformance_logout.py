"""The modules of the RP-Initiated and the Back-Channel Logout OP plan (standards.md 4.6.4, 4.6.5)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from werkzeug.test import TestResponse

from tests.conformance import LOGOUT_MODULES, modules_in
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, GOODBYE, RelyingParty, answer_in
from tests.support.receiver import Receiver


class Person:
    """Somebody who is signed in at the portal and at an app."""

    def __init__(self, rp: RelyingParty, browser: BrowserDriver) -> None:
        self.rp, self.browser = rp, browser
        self.browser.register(ADA)
        self.id_token = rp.sign_in(browser)["id_token"]

    def sign_out(self, **parameters: str) -> TestResponse:
        """Go to the end-session endpoint; where it asks, its page is open."""
        answer = self.browser.get(f"/oauth/logout?{urlencode(parameters)}")
        if answer.status_code == 303 and answer.location.startswith("/"):
            return self.browser.follow(answer)
        return answer

    @property
    def is_signed_in(self) -> bool:
        """Whether prompt=none still gets a code."""
        answer = answer_in(self.browser.get(self.rp.address(prompt="none")))
        assert ("code" in answer) != (answer.get("error") == "login_required")
        return "code" in answer


@pytest.fixture
def person(app: Flask, browser: BrowserDriver) -> Person:
    """Signed in at a new app."""
    return Person(RelyingParty(app), browser)


def is_page(answer: TestResponse) -> bool:
    """Whether it stays here: a page, no redirect (the screenshots of the modules)."""
    return answer.status_code in (200, 400) and "Location" not in answer.headers and "<h1" in answer.text


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(app: Flask) -> None:
    metadata = app.test_client().get("/.well-known/openid-configuration").json
    assert metadata["end_session_endpoint"] == f"{metadata['issuer']}/oauth/logout"


def test_oidcc_rp_initiated_logout(person: Person) -> None:
    answer = person.sign_out(id_token_hint=person.id_token, post_logout_redirect_uri=GOODBYE, state="a state")
    assert (answer.status_code, answer.location) == (303, f"{GOODBYE}?state=a%20state")
    assert not person.is_signed_in


def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(person: Person) -> None:
    answer = person.sign_out(
        id_token_hint=person.id_token, post_logout_redirect_uri="https://evil.example/", state="x"
    )
    assert is_page(answer)
    assert "evil.example" not in answer.text


def test_oidcc_rp_initiated_logout_modified_id_token_hint(person: Person) -> None:
    """The signature is taken off: alg none."""
    payload = person.id_token.split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    answer = person.sign_out(id_token_hint=f"{header}.{payload}.", post_logout_redirect_uri=GOODBYE, state="x")
    assert is_page(answer)
    assert person.browser.heading == "Sign out?"
    assert person.is_signed_in


def test_oidcc_rp_initiated_logout_no_id_token_hint(person: Person) -> None:
    answer = person.sign_out(post_logout_redirect_uri=GOODBYE, state="x")
    assert is_page(answer)
    confirmed = person.browser.post(answer.request.path, {})
    assert is_page(confirmed), "nobody knows whose address this is"
    assert not person.is_signed_in


def test_oidcc_rp_initiated_logout_no_params(person: Person) -> None:
    answer = person.sign_out()
    assert person.browser.heading == "Sign out?"
    person.browser.post(answer.request.path, {})
    assert person.browser.heading == "You are signed out."
    assert not person.is_signed_in


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(person: Person) -> None:
    answer = person.sign_out(id_token_hint=person.id_token)
    assert is_page(answer)
    assert person.browser.heading == "You are signed out."
    assert not person.is_signed_in


def test_oidcc_rp_initiated_logout_no_state(person: Person) -> None:
    answer = person.sign_out(id_token_hint=person.id_token, post_logout_redirect_uri=GOODBYE)
    assert (answer.status_code, answer.location) == (303, GOODBYE)


def test_oidcc_rp_initiated_logout_only_state(person: Person) -> None:
    answer = person.sign_out(state="x")
    assert is_page(answer)
    person.browser.post(answer.request.path, {})
    assert person.browser.heading == "You are signed out."
    assert not person.is_signed_in


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(person: Person) -> None:
    answer = person.sign_out(id_token_hint=person.id_token, post_logout_redirect_uri=f"{GOODBYE}?foo=bar")
    assert is_page(answer)


def test_oidcc_rp_initiated_logout_bad_id_token_hint(person: Person) -> None:
    """Signed by somebody else."""
    claims = jwt.decode(person.id_token, options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    forged = jwt.encode(claims, key, "RS256", headers=jwt.get_unverified_header(person.id_token))
    answer = person.sign_out(id_token_hint=forged, post_logout_redirect_uri=GOODBYE)
    assert is_page(answer)
    assert person.is_signed_in


def test_oidcc_backchannel_logout_discovery_endpoint_verification(app: Flask) -> None:
    metadata = app.test_client().get("/.well-known/openid-configuration").json
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
    assert metadata["end_session_endpoint"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The app's own server."""
    with Receiver() as running:
        yield running


def test_oidcc_backchannel_rp_initiated_logout(app: Flask, browser: BrowserDriver, receiver: Receiver) -> None:
    person = Person(RelyingParty(app, backchannel_logout_uri=f"{receiver.url}/logout"), browser)
    answer = person.sign_out(id_token_hint=person.id_token, post_logout_redirect_uri=GOODBYE, state="x")
    services_of(app).outbox.wait()
    (told,) = receiver.wait_for(1)
    assert (told.method, told.path) == ("POST", "/logout")
    assert told.headers["content-type"] == "application/x-www-form-urlencoded"
    assert set(told.fields) == {"logout_token"}
    token = told.fields["logout_token"][0]
    claims, id_claims = person.rp.claims(token), person.rp.claims(person.id_token)
    assert jwt.get_unverified_header(token)["alg"] == jwt.get_unverified_header(person.id_token)["alg"]
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims["jti"]
    assert time.time() - 86_400 < claims["iat"] <= time.time() + 1
    assert "nonce" not in claims
    assert (claims["sub"], claims["sid"]) == (id_claims["sub"], id_claims["sid"])
    assert answer.location == f"{GOODBYE}?state=x"
    assert not person.is_signed_in


def test_the_endpoint_takes_posts_of_other_sites(person: Person) -> None:
    """OP-51, D6."""
    form = {"id_token_hint": person.id_token, "post_logout_redirect_uri": GOODBYE, "state": "x"}
    posted = person.rp.post("/oauth/logout", form, **{"Sec-Fetch-Site": "cross-site"})
    assert posted.status_code == 303
    answer = person.browser.follow(posted)
    assert (answer.status_code, answer.location) == (303, f"{GOODBYE}?state=x")
    assert not person.is_signed_in


def test_a_hint_of_another_session_asks_first(person: Person) -> None:
    """OP-53: an old hint must not end what began since."""
    person.browser.post("/logout", {})
    services_of(person.rp.app).outbox.wait()
    old, person = person.id_token, Person(RelyingParty(person.rp.app), _other(person))
    person.sign_out(id_token_hint=old, post_logout_redirect_uri=GOODBYE)
    assert person.browser.heading == "Sign out?"
    assert person.is_signed_in


def test_a_named_app_and_a_yes_lead_back(person: Person) -> None:
    """OP-52: client_id and the person's word stand for the hint."""
    page = person.sign_out(client_id=person.rp.id, post_logout_redirect_uri=GOODBYE, state="x")
    assert "Demo Shop asks to sign you out" in page.text
    answer = person.browser.post(page.request.path, {})
    assert (answer.status_code, answer.location) == (303, f"{GOODBYE}?state=x")


def test_every_module_of_both_plans_has_a_test() -> None:
    assert modules_in(*(name for name in globals() if name.startswith("test_oidcc_"))) == LOGOUT_MODULES


def _other(person: Person) -> Any:
    """The same browser for somebody else."""

    class Other(BrowserDriver):
        def register(self, email: str, first: str = "Eve", last: str = "Other") -> TestResponse:
            return super().register(f"other-{email}", first, last)

    return Other(person.rp.app, person.browser.outbox)
