"""The Back-Channel Logout OP plan of the OpenID Foundation (CONF-02, OP-54, OP-55, OP-57), with a real TLS server."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from flask import Flask

from tests.conftest import services_of
from tests.oidcc import ISSUER, Suite
from tests.relying import GOODBYE, answer_in
from tests.support.certificates import make_certificate
from tests.support.receiver import Asked, Receiver
from tests.support.smtp import MailSink

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The client's server, which speaks TLS 1.2 at least; the portal trusts its authority."""
    made = make_certificate("127.0.0.1", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca_file))
    made.context.minimum_version = ssl.TLSVersion.TLSv1_2
    with Receiver(context=made.context) as server:
        yield server


@pytest.fixture
def suite(make_app: Callable[..., Flask], outbox: MailSink, receiver: Receiver) -> Suite:
    """A run of the plan."""
    app = make_app(public_url=ISSUER, private_client_networks="127.0.0.0/8")
    return Suite(app, outbox, backchannel_logout_uri=f"{receiver.url}/backchannel?app=1")


def read(suite: Suite, asked: Asked) -> dict[str, Any]:
    """The claims of the logout token that came, in a form with nothing else, signed as the ID token was."""
    assert (asked.method, asked.path) == ("POST", "/backchannel?app=1")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert list(asked.fields) == ["logout_token"]
    (token,) = asked.fields["logout_token"]
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
    return suite.first.claims(token)


def test_oidcc_backchannel_logout_discovery_endpoint_verification(suite: Suite) -> None:
    """Both booleans, and the end-session endpoint."""
    metadata = suite.metadata
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True
    assert metadata["end_session_endpoint"].startswith("https://")


def test_oidcc_backchannel_rp_initiated_logout(suite: Suite, receiver: Receiver) -> None:
    """The client signs its person out and is told of it by a token that validates; then all is over."""
    tokens = suite.tokens()
    id_token, state = tokens["claims"], secrets.token_urlsafe(24)
    wish = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": GOODBYE, "state": state}
    answer = suite.person.get(f"/oauth/logout?{urlencode(wish)}")
    assert answer_in(answer) == {"state": state}

    (asked,) = receiver.wait_for(1)
    claims = read(suite, asked)
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"}
    assert (claims["iss"], claims["aud"]) == (suite.metadata["issuer"], suite.first.id)
    assert (claims["sub"], claims["sid"]) == (id_token["sub"], id_token["sid"])
    assert claims["events"] == {EVENT: {}}
    now = time.time()
    assert now - 60 <= claims["iat"] <= now
    assert claims["iat"] < claims["exp"] <= claims["iat"] + 120
    assert len(claims["jti"]) >= 16

    assert suite.error(suite.send(prompt="none")) == "login_required"
    services_of(suite.app).outbox.wait()
    assert len(receiver.asked) == 1
