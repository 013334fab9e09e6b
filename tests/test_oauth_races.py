"""What must happen once, at many requests at once, on several workers: codes, refresh tokens, rotation of keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from tests.conftest import DATABASES, environment
from tests.relying import basic
from tests.support.api import in_parallel
from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.smtp import MailSink
from tests.support.walker import Walker
from tests.support.walking import Stroller

CALLBACK = "https://shop.example/callback"


class Shop:
    """An app at a running portal with several workers, and a person who is signed in."""

    def __init__(self, portal: PortalProcess, outbox: MailSink) -> None:
        self.portal = portal
        words = ["--name", "Shop", "--redirect-uri", CALLBACK, "--no-pkce", "--trusted"]
        made = self.command("client", "create", *words, "--json")
        self.client_id, self.auth = made["client_id"], basic(made["client_id"], made["client_secret"])
        self.person = Stroller(portal.url, outbox, "racer@example.com")

    def command(self, *words: str) -> Any:
        """What `auth-portal …` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "auth_portal.cli", *words],
            cwd=ROOT,
            env={**os.environ, **self.portal.env},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    def code(self) -> str:
        """A new code for the person."""
        wanted = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid offline_access",
        }
        landed = self.person.go(f"{self.portal.url}/oauth/authorize?{urlencode(wanted)}")
        return parse_qs(urlsplit(landed).query)["code"][0]

    def token(self, **form: str) -> tuple[int, dict[str, Any]]:
        """One request to the token endpoint."""
        headers = {**self.auth, "Content-Type": "application/x-www-form-urlencoded"}
        page = Walker().send("POST", f"{self.portal.url}/oauth/token", headers, urlencode(form))
        return page.status, json.loads(page.text)

    def redeem(self, code: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code."""
        return self.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)

    def refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        """Exchange a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=token)

    def userinfo(self, access_token: str) -> int:
        """The status of userinfo."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return Walker().send("GET", f"{self.portal.url}/oauth/userinfo", headers).status


@pytest.fixture(scope="module", params=DATABASES)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Shop]:
    """Two worker processes on each kind of database."""
    name = "oauth_races"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database(name)
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('races') / 'portal.db'}"
    port = free_port()
    settings = environment(url, sink.url, public_url=f"http://127.0.0.1:{port}")
    with PortalProcess(settings, workers=2, port=port) as portal:
        yield Shop(portal, sink)
    if request.param == "postgresql":
        server.drop_database(name)


def at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    """The outcomes of so many calls at the same moment; each must have one."""
    found = in_parallel([call] * count)
    assert [outcome for outcome in found if isinstance(outcome, BaseException)] == []
    return found


def test_of_fifty_redemptions_of_one_code_one_succeeds_and_the_others_end_it(shop: Shop) -> None:
    """OP-08, OP-09."""
    code = shop.code()
    answers = at_once(50, lambda: shop.redeem(code))
    assert Counter(status for status, _ in answers) == {200: 1, 400: 49}
    assert {body["error"] for status, body in answers if status == 400} == {"invalid_grant"}
    tokens = next(body for status, body in answers if status == 200)
    assert shop.userinfo(tokens["access_token"]) == 401
    assert shop.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_replay_after_a_success_ends_its_tokens(shop: Shop) -> None:
    """OP-09."""
    code = shop.code()
    _, tokens = shop.redeem(code)
    assert shop.userinfo(tokens["access_token"]) == 200
    assert shop.redeem(code)[1] == {**shop.redeem(code)[1], "error": "invalid_grant"}
    assert shop.userinfo(tokens["access_token"]) == 401


def test_of_twenty_refreshes_at_once_one_branch_lives(shop: Shop) -> None:
    """REF-04, D10: within the grace all get the same successor."""
    _, tokens = shop.redeem(shop.code())
    answers = at_once(20, lambda: shop.refresh(tokens["refresh_token"]))
    successors = {body["refresh_token"] for status, body in answers if status == 200}
    assert len(successors) == 1
    assert shop.refresh(successors.pop())[0] == 200


def test_keys_are_rotated_while_people_sign_in_and_every_token_verifies(shop: Shop) -> None:
    """JWT-10: a verifier that keeps the key set as long as we say, and asks again for a key that it does not know."""
    jwks = f"{shop.portal.url}/.well-known/jwks.json"
    verifier = jwt.PyJWKClient(jwks, cache_keys=True, lifespan=300)
    faults: list[str] = []
    over = threading.Event()

    def sign_in() -> None:
        while not over.is_set():
            status, tokens = shop.redeem(shop.code())
            if status != 200:
                faults.append(str(tokens))
                continue
            for name, audience in (("id_token", shop.client_id), ("access_token", shop.portal.url)):
                try:
                    key = verifier.get_signing_key_from_jwt(tokens[name])
                    jwt.decode(tokens[name], key, algorithms=["RS256", "ES256"], audience=audience)
                except jwt.PyJWTError as error:
                    faults.append(repr(error))
            if shop.userinfo(tokens["access_token"]) != 200:
                faults.append("userinfo")

    worker = threading.Thread(target=sign_in)
    worker.start()
    before = {key["kid"] for key in shop.command("keys", "list", "--json")}
    for _ in range(3):
        shop.command("keys", "rotate", "--json")
    shop.command("keys", "rotate", "--now", "--json")
    over.set()
    worker.join()
    assert faults == []
    assert {key["kid"] for key in shop.command("keys", "list", "--json")} > before
