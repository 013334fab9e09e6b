"""The RP-Initiated Logout OP plan of the OpenID Foundation (CONF-02, OP-51 … OP-54). A test for each module."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from werkzeug.test import TestResponse

from tests.oidcc import ISSUER, Suite, addresses_in, check_page
from tests.relying import GOODBYE, answer_in
from tests.support.smtp import MailSink

SIGNED_OUT, ASKED, REFUSED = "You are signed out.", "Sign out?", "That did not work"


@pytest.fixture
def suite(make_app: Callable[..., Flask], outbox: MailSink) -> Suite:
    """A run of the plan."""
    return Suite(make_app(public_url=ISSUER), outbox)


class Leaving:
    """A person who is signed in at the client, and the requests by which that signs her out."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.person = suite, suite.person
        self.tokens = suite.tokens()
        self.state = secrets.token_urlsafe(24)

    def send(self, method: str = "GET", **parameters: str) -> TestResponse:
        """Send her to the end-session endpoint that the document names; what our own pages then show or answer."""
        path = urlsplit(self.suite.metadata["end_session_endpoint"]).path
        if method == "POST":  # from another site: without cookies, unlike the redirect that follows
            answer = self.suite.app.test_client(use_cookies=False).post(path, data=parameters)
        else:
            answer = self.person.get(f"{path}?{urlencode(parameters)}")
        while answer.status_code == 303 and answer.location.startswith("/"):
            answer = self.person.follow(answer)
        return answer

    def hinted(self, method: str = "GET", **parameters: str) -> TestResponse:
        """The same with the ID token."""
        return self.send(method, id_token_hint=self.tokens["id_token"], **parameters)

    def confirm(self, answer: TestResponse) -> TestResponse:
        """She is asked, and nothing happened yet; then she says yes."""
        check_page(answer, self.person, 200, ASKED)
        self.check_no_way_out(answer)
        self.suite.code(prompt="none")
        path = answer.request.path
        return self.person.post(path, {})

    def check_over(self) -> None:
        """Nobody is signed in any more, and the access token is worthless."""
        assert self.suite.error(self.suite.send(prompt="none")) == "login_required"
        assert self.suite.first.userinfo(self.tokens["access_token"]).status_code == 401

    def check_signed_out_page(self, answer: TestResponse) -> None:
        """The page says so, leads nowhere, and it is true."""
        check_page(answer, self.person, 200, SIGNED_OUT)
        self.check_no_way_out(answer)
        self.check_over()

    def check_refused(self, answer: TestResponse) -> None:
        """An error page; she is still signed in."""
        check_page(answer, self.person, 400, REFUSED)
        self.check_no_way_out(answer)
        assert self.suite.code(prompt="none")

    def check_no_way_out(self, answer: TestResponse) -> None:
        """Neither the address to return to nor the state is on the page."""
        assert not [address for address in addresses_in(answer) if "shop.example" in address]
        assert self.state not in answer.text


@pytest.fixture
def leaving(suite: Suite) -> Leaving:
    """A person who is about to leave."""
    return Leaving(suite)


def signed(key: Any, algorithm: str, tokens: dict[str, Any]) -> str:
    """The claims of an ID token in a JWT that we did not sign, with the same header otherwise."""
    header = jwt.get_unverified_header(tokens["id_token"])
    return jwt.encode(tokens["claims"], key, algorithm, headers={"kid": header["kid"], "typ": "JWT"})


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(suite: Suite) -> None:
    """``end_session_endpoint`` is there, and like every other endpoint https and of this issuer."""
    endpoints = {name: value for name, value in suite.metadata.items() if name.endswith(("_endpoint", "_uri"))}
    assert "end_session_endpoint" in endpoints
    for address in endpoints.values():
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "portal.example", "", "")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oidcc_rp_initiated_logout(leaving: Leaving, method: str) -> None:
    """Back to the client with the state and nothing else; nobody is signed in then."""
    answer = leaving.hinted(method, post_logout_redirect_uri=GOODBYE, state=leaving.state)
    assert answer.location.partition("?")[0] == GOODBYE
    assert answer_in(answer) == {"state": leaving.state}
    leaving.check_over()


def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(leaving: Leaving) -> None:
    """An address that is not registered: an error page."""
    for address in ("https://evil.example/", f"{GOODBYE}/", GOODBYE.upper(), "javascript:alert(1)"):
        leaving.check_refused(leaving.hinted(post_logout_redirect_uri=address, state=leaving.state))


def test_oidcc_rp_initiated_logout_modified_id_token_hint(leaving: Leaving) -> None:
    """A hint whose signature was taken away (``none``) counts for nothing: she is asked, and there is no redirect."""
    hint = signed(None, "none", leaving.tokens)
    answer = leaving.send(id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state=leaving.state)
    leaving.check_signed_out_page(leaving.confirm(answer))


def test_oidcc_rp_initiated_logout_bad_id_token_hint(leaving: Leaving) -> None:
    """So does a hint that somebody else signed."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    hint = signed(key, "RS256", leaving.tokens)
    answer = leaving.send(id_token_hint=hint, post_logout_redirect_uri=GOODBYE, state=leaving.state)
    leaving.check_signed_out_page(leaving.confirm(answer))


def test_oidcc_rp_initiated_logout_no_id_token_hint(leaving: Leaving) -> None:
    """An address without a hint: she is asked, and nothing says whose address it would be."""
    answer = leaving.send(post_logout_redirect_uri=GOODBYE, state=leaving.state)
    leaving.check_signed_out_page(leaving.confirm(answer))


def test_oidcc_rp_initiated_logout_no_params(leaving: Leaving) -> None:
    """Nothing at all: she is asked, and signed out."""
    leaving.check_signed_out_page(leaving.confirm(leaving.send()))


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(leaving: Leaving) -> None:
    """Only a hint: signed out at once; the page says so."""
    leaving.check_signed_out_page(leaving.hinted(state=leaving.state))


def test_oidcc_rp_initiated_logout_no_state(leaving: Leaving) -> None:
    """Without a state the client gets none, and its address exactly as it is registered."""
    assert leaving.hinted(post_logout_redirect_uri=GOODBYE).location == GOODBYE
    leaving.check_over()


def test_oidcc_rp_initiated_logout_only_state(leaving: Leaving) -> None:
    """Only a state: she is asked, and signed out."""
    leaving.check_signed_out_page(leaving.confirm(leaving.send(state=leaving.state)))


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(leaving: Leaving) -> None:
    """A query added to the registered address makes it another one."""
    leaving.check_refused(leaving.hinted(post_logout_redirect_uri=f"{GOODBYE}?foo=bar", state=leaving.state))
