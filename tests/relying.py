"""How tests act as an app: it registers, sends people over, exchanges codes. Its person is a ``BrowserDriver``."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import jwt
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.oidc.clients import Client
from tests.conftest import services_of
from tests.drivers import BrowserDriver, entry
from tests.support.smtp import MailSink

CALLBACK = "https://shop.example/callback"
GOODBYE = "https://shop.example/goodbye"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ADA = "ada@example.com"
_DEFAULTS: dict[str, Any] = {
    "name": "Demo Shop",
    "auth_method": None,
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [GOODBYE],
    "grant_types": ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT],
    "scopes": ["openid", "profile", "email", "phone", "offline_access"],
    "resources": [],
    "is_trusted": True,
    "require_pkce": False,
    "require_pushed": False,
    "id_token_algorithm": "RS256",
    "access": {},
}


def s256(verifier: str) -> str:
    """The code challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of client_secret_basic (RFC 6749, 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def answer_in(answer: TestResponse) -> dict[str, str]:
    """The parameters of the redirect back to the app; none may come twice."""
    assert answer.status_code == 303, (answer.status_code, answer.text[:500])
    pairs = parse_qsl(urlsplit(answer.location).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def assert_page(answer: TestResponse, status: int = 400) -> None:
    """An error page of ours: never a redirect, and no word of what was sent."""
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), (answer.status_code, answer.text[:300])
    assert "Location" not in answer.headers
    assert "evil" not in answer.text


class RelyingParty:
    """An app, registered at the portal: confidential, trusted and without PKCE unless said otherwise.

    ``RelyingParty(app, is_trusted=False)``: any column of the client may be given.
    """

    def __init__(self, app: Flask, origins: list[str] | None = None, **columns: Any) -> None:
        self.app = app
        self.id, self.secret = services_of(app).clients.create({**_DEFAULTS, **columns}, origins or [])
        self.issuer = services_of(app).settings.public_url
        self.is_public = columns.get("auth_method") == "none"
        self.verifier = new_verifier()

    @property
    def client(self) -> Client:
        """As the portal has it."""
        found = services_of(self.app).clients.find(self.id)
        assert found is not None
        return found

    @property
    def auth(self) -> dict[str, str]:
        """How it authenticates: Basic, or not at all where it is public."""
        return basic(self.id, self.secret) if self.secret else {}

    def address(self, **parameters: Any) -> str:
        """Where it sends people: an authorization request. None leaves a parameter out."""
        wanted = {
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "state-of-the-app",
            "nonce": "nonce-of-the-app",
            # Without a secret there is no way without PKCE (D5).
            **({"code_challenge": s256(self.verifier), "code_challenge_method": "S256"} if self.is_public else {}),
            **parameters,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in wanted.items() if value is not None})

    def post(self, path: str, fields: Any, **headers: str) -> TestResponse:
        """Post a form to an endpoint, without a person's cookies. Authenticates unless headers are given."""
        client = self.app.test_client(use_cookies=False)
        return client.post(path, data=fields, headers=headers or self.auth)

    def exchange(self, code: str, **fields: str | None) -> TestResponse:
        """Exchange a code. None leaves a field out."""
        public = {"client_id": self.id, "code_verifier": self.verifier} if self.is_public else {}
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **public, **fields}
        return self.post("/oauth/token", {name: value for name, value in form.items() if value is not None})

    def refresh(self, refresh_token: str, **fields: str) -> TestResponse:
        """Exchange a refresh token."""
        public = {} if self.secret else {"client_id": self.id}
        return self.post(
            "/oauth/token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **public, **fields}
        )

    def userinfo(self, access_token: str) -> TestResponse:
        """Ask who it is."""
        client = self.app.test_client(use_cookies=False)
        return client.get("/oauth/userinfo", headers={"Authorization": f"Bearer {access_token}"})

    def code_for(self, person: BrowserDriver, **parameters: Any) -> str:
        """The code that a signed-in person brings."""
        answer = answer_in(person.get(self.address(**parameters)))
        assert "code" in answer, answer
        return answer["code"]

    def sign_in(self, person: BrowserDriver, **parameters: Any) -> dict[str, Any]:
        """The tokens for a signed-in person."""
        answer = self.exchange(self.code_for(person, **parameters))
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def claims(self, token: str, audience: str | None = None) -> dict[str, Any]:
        """The claims of a token that verifies under the published keys, for this app unless said otherwise."""
        jwks = jwt.PyJWKSet.from_dict(self.app.test_client().get("/.well-known/jwks.json").json)
        header = jwt.get_unverified_header(token)
        key = jwks[header["kid"]]
        return dict(
            jwt.decode(
                token, key, algorithms=[str(key.algorithm_name)], audience=audience or self.id, issuer=self.issuer
            )
        )


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """A confidential, trusted app."""
    return RelyingParty(app)


@pytest.fixture
def ada(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Somebody who is signed in."""
    person = BrowserDriver(app, outbox)
    person.register(ADA)
    return person


def through_sign_in(person: BrowserDriver, start: TestResponse, email: str = ADA) -> TestResponse:
    """Sign in (known people) from where an authorization request led; the answer of the dispatcher."""
    assert start.status_code == 303, start.text[:500]
    person.follow(start)
    request = {"request": person.hidden("request") or ""}
    answer = person.post("/login", {**entry(email), **request})
    person.follow(answer)
    answer = person.post(
        "/login/code",
        {"code": person.code_sent_to(email), "challenge": person.hidden("challenge") or "", **request},
    )
    assert answer.status_code == 303, answer.text[:500]
    return person.follow(answer)


def request_id_in(location: str) -> str:
    """The id of a stored request that a redirect of ours carries."""
    query = parse_qs(urlsplit(location).query)
    return query["request"][0] if "request" in query else urlsplit(location).path.rpartition("/")[2]


def new_verifier() -> str:
    """A PKCE verifier."""
    return secrets.token_urlsafe(48)
