"""The OpenID Foundation's conformance suite, as far as its plans for us go: its clients, its person and its checks.

A ``Suite`` is one run of a plan: two clients with ``client_secret_basic`` and one with ``client_secret_post``, none
of which uses PKCE (D5), a person whom the portal knows, and her browser, which is not signed in yet.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
from flask import Flask
from jinja2.bccache import MemcachedBytecodeCache
from werkzeug.test import TestResponse

from auth_portal.app import create_app
from auth_portal.oidc.metadata import metadata
from auth_portal.oidc.requests import ACR
from tests.conftest import services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, through_sign_in
from tests.support.smtp import MailSink

ISSUER = "https://portal.example"
DOCUMENT = metadata(settings_for("sqlite:///unused.db", "smtp://127.0.0.1:1", public_url=ISSUER))
"""What a portal publishes, for tests that are made from it."""
MODES = {"basic": None, "formpost": "form_post"}
"""The ``response_mode`` that a plan sends; the Basic plan sends none."""
RUNS = ("basic-sqlite", "basic-postgresql", "formpost-sqlite")
"""Plans with databases. How an answer travels does not touch the database, so the second plan needs but one."""
ID_TOKEN = {"iss", "sub", "aud", "iat", "exp", "auth_time", "sid", "acr", "amr", "at_hash"}
"""What an ID token has without being asked; beside it only ``nonce``."""
TOKENS = {"access_token", "token_type", "expires_in", "scope", "id_token"}
_ERROR = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")


class _Compiled(dict[str, bytes]):
    """Compiled templates, kept for the other portals of this process: each would compile all of them anew."""

    def set(self, key: str, value: bytes, _timeout: int | None = None) -> None:
        """Keep one."""
        self[key] = value


_COMPILED = MemcachedBytecodeCache(_Compiled())


class PostingParty(RelyingParty):
    """A client that sends its secret in the body."""

    def post(self, path: str, fields: Any, **headers: str) -> TestResponse:
        """Post a form; authenticates by ``client_secret_post`` unless headers are given."""
        if not headers:
            fields = {**fields, "client_id": self.id, "client_secret": self.secret}
        return self.app.test_client(use_cookies=False).post(path, data=fields, headers=headers)


class Suite:
    """One run of a plan."""

    def __init__(self, app: Flask, outbox: MailSink, run: str = RUNS[0], **columns: Any) -> None:
        self.app, self.outbox, self.mode = app, outbox, MODES[run.partition("-")[0]]
        app.jinja_env.bytecode_cache = _COMPILED
        self.first = RelyingParty(app, auth_method="client_secret_basic", name="First", **columns)
        self.second = RelyingParty(app, auth_method="client_secret_basic", name="Second", **columns)
        self.posting = PostingParty(app, auth_method="client_secret_post", name="Posting", **columns)
        ApiDriver(app, outbox).register(ADA)
        self.person = BrowserDriver(app, outbox)
        self.sign_ins = 0
        self.sent: dict[str, Any] = {}

    @property
    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        return dict(self.app.test_client().get("/.well-known/openid-configuration").json)

    @property
    def letters(self) -> int:
        """How many letters the person has got; news of new devices, which go out by themselves, have arrived."""
        services_of(self.app).background.wait()
        return len(self.outbox.sent_to(ADA))

    def request(self, party: RelyingParty | None = None, **parameters: Any) -> str:
        """The address of an authorization request, each with a new state and nonce. None leaves one out."""
        fresh = {"state": secrets.token_urlsafe(16), "nonce": secrets.token_urlsafe(16), "scope": "openid"}
        self.sent = {**fresh, "response_mode": self.mode, **parameters}
        return (party or self.first).address(**self.sent)

    def send(self, party: RelyingParty | None = None, **parameters: Any) -> TestResponse:
        """Open an authorization request in the person's browser."""
        return self.person.get(self.request(party, **parameters))

    def sign_in(self, start: TestResponse) -> TestResponse:
        """Sign the person in from where an authorization request led: the page of the sign-in was shown."""
        self.sign_ins += 1
        return through_sign_in(self.person, start)

    def authorize(self, party: RelyingParty | None = None, **parameters: Any) -> dict[str, str]:
        """The answer at the callback; the person signs in where the portal asks for that."""
        answer = self.send(party, **parameters)
        if answer.status_code == 303 and answer.location.startswith("/login"):
            answer = self.sign_in(answer)
        return self.callback(answer)

    def code(self, party: RelyingParty | None = None, **parameters: Any) -> str:
        """The checked code of an authorization."""
        return check_code(self.authorize(party, **parameters))

    def error(self, answer: TestResponse) -> str:
        """The error at the callback, made of permitted characters only (RFC 6749, 4.1.2.1)."""
        fields = self.callback(answer)
        assert set(fields) - {"state"} == {"error", "error_description", "iss"}, fields
        check_error_text(fields)
        return fields["error"]

    def callback(self, answer: TestResponse) -> dict[str, str]:
        """What the client is given, in this plan's way, with our issuer and the state as it was sent."""
        fields = answer_in(answer) if self.mode is None else posted_by(answer)
        if self.mode is None:
            assert answer.location.partition("?")[0] == CALLBACK
            assert "#" not in answer.location
        assert fields["iss"] == self.first.issuer == self.metadata["issuer"]
        assert fields.get("state") == self.sent["state"]
        return fields

    def tokens(self, party: RelyingParty | None = None, **parameters: Any) -> dict[str, Any]:
        """The checked tokens of an authorization; the claims of the ID token are under ``claims``."""
        party = party or self.first
        answer = check_token_answer(party.exchange(self.code(party, **parameters)))
        assert set(answer) == TOKENS, set(answer)
        return {**answer, "claims": check_id_token(party, answer, self.sent["nonce"])}

    def userinfo(self, tokens: dict[str, Any], party: RelyingParty | None = None) -> dict[str, Any]:
        """The checked answer of the userinfo endpoint."""
        return check_userinfo((party or self.first).userinfo(tokens["access_token"]), tokens["claims"]["sub"])


@contextmanager
def standing_suite(template: Path, directory: Path, sink: MailSink) -> Iterator[Suite]:
    """One portal for many tests, in a copy of this SQLite file; the person is signed in."""
    shutil.copy(template, directory / "portal.db")
    sink.fault = None
    app = create_app(settings_for(f"sqlite:///{directory / 'portal.db'}", sink.url, public_url=ISSUER))
    suite = Suite(app, sink)
    suite.code()
    yield suite
    services_of(app).background.wait()
    services_of(app).outbox.wait()
    services_of(app).engine.dispose()


class _Forms(HTMLParser):
    """Reads the forms of a page with their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag."""
        given = dict(attrs)
        self.addresses += [value for name in ("href", "src", "action") if (value := given.get(name))]
        if tag == "form":
            self.forms.append({**given, "fields": []})
        elif given.get("name") and self.forms and tag in ("input", "button", "select", "textarea"):
            self.forms[-1]["fields"].append((given["name"], given.get("value") or ""))


def posted_by(answer: TestResponse) -> dict[str, str]:
    """What a page posts to the client: urlencoded, to exactly its address, and nothing of it in any address."""
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), (answer.status_code, answer.text[:500])
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Location" not in answer.headers
    page = _Forms()
    page.feed(answer.text)
    (form,) = page.forms
    assert form["method"].lower() == "post"
    assert form["action"] == CALLBACK
    assert form.get("enctype", "application/x-www-form-urlencoded") == "application/x-www-form-urlencoded"
    assert "data-post-now" in form
    assert "target" not in form
    policy = answer.headers["Content-Security-Policy"]
    (targets,) = re.findall(r"form-action ([^;]*)", policy)
    assert "https://shop.example" in targets.split()
    fields = dict(form["fields"])
    assert len(fields) == len(form["fields"])
    for value in (fields.get("code"), fields.get("error"), fields.get("state")):
        assert value is None or not any(value in address for address in page.addresses)
    return fields


def entropy(text: str) -> float:
    """Shannon's bits of a whole text, as the suite estimates them."""
    counts = Counter(text).values()
    return -sum(count * math.log2(count / len(text)) for count in counts)


def check_code(fields: dict[str, str]) -> str:
    """The code of an answer that has no more than code, issuer and state: 128 bits long, 96 bits of entropy."""
    assert set(fields) - {"state"} == {"code", "iss"}, fields
    code = fields["code"]
    assert len(code) * 8 >= 128
    assert entropy(code) >= 96
    assert re.fullmatch(r"[\x20-\x7e]+", code)
    return code


def check_error_text(fields: dict[str, Any]) -> None:
    """Only what RFC 6749 lets errors consist of."""
    for name in ("error", "error_description"):
        assert _ERROR.fullmatch(fields[name]), fields[name]


def check_token_headers(answer: TestResponse) -> None:
    """JSON that nobody keeps (OP-35)."""
    assert answer.mimetype == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Pragma"] == "no-cache"


def check_token_answer(answer: TestResponse) -> dict[str, Any]:
    """The body of a good answer of the token endpoint."""
    assert answer.status_code == 200, answer.text
    check_token_headers(answer)
    body: dict[str, Any] = answer.json
    assert body["token_type"].lower() == "bearer"
    assert type(body["expires_in"]) is int
    assert 0 < body["expires_in"] <= 600
    for token in ("access_token", "refresh_token"):
        assert entropy(body.get(token, body["access_token"])) >= 128
    return body


def check_refused(answer: TestResponse, error: str, status: int = 400) -> None:
    """A refusal of the token endpoint."""
    assert (answer.status_code, answer.json["error"]) == (status, error), answer.text
    check_token_headers(answer)
    assert set(answer.json) == {"error", "error_description"}
    check_error_text(answer.json)


def check_id_token(party: RelyingParty, tokens: dict[str, Any], nonce: str | None) -> dict[str, Any]:
    """The claims of an ID token: RS256 with a published ``kid``, all that must be there and nothing unasked."""
    header = jwt.get_unverified_header(tokens["id_token"])
    assert header == {"alg": "RS256", "kid": header["kid"], "typ": "JWT"}
    claims = party.claims(tokens["id_token"])
    assert set(claims) == ID_TOKEN | ({"nonce"} if nonce else set())
    assert claims["iss"] == party.issuer
    assert claims["aud"] == party.id
    assert claims.get("nonce") == nonce
    assert re.fullmatch(r"[\x21-\x7e]{1,255}", claims["sub"])
    for name in ("iat", "exp", "auth_time"):
        assert type(claims[name]) is int
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    assert (claims["acr"], claims["amr"]) == (ACR, ["otp"])
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
    return claims


def check_userinfo(answer: TestResponse, subject: str) -> dict[str, Any]:
    """The claims of a good answer of the userinfo endpoint, none of them empty (Core 5.3.2)."""
    assert answer.status_code == 200, answer.text
    check_token_headers(answer)
    claims: dict[str, Any] = answer.json
    assert claims["sub"] == subject
    assert not [name for name, value in claims.items() if value in (None, "", {}, [])]
    return claims


def check_page(answer: TestResponse, person: BrowserDriver, status: int, heading: str) -> None:
    """What the suite takes a screenshot of: a page of ours that leads nowhere by itself."""
    assert (answer.status_code, answer.mimetype) == (status, "text/html"), answer.text[:500]
    assert person.heading == heading
    assert person.title.startswith(heading)
    assert "Location" not in answer.headers
    assert "Refresh" not in answer.headers
    assert "http-equiv" not in answer.text
    assert urlsplit(CALLBACK).netloc not in " ".join(addresses_in(answer))


def addresses_in(answer: TestResponse) -> list[str]:
    """Everything that a page points to."""
    page = _Forms()
    page.feed(answer.text)
    return page.addresses
