"""An app's sign-in leaves nothing secret in the log, at its most talkative (OP-45)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.conftest import environment
from tests.relying import new_verifier, s256
from tests.support.portal import PortalProcess
from tests.support.ports import free_port
from tests.support.smtp import MailSink
from tests.support.walker import Walker
from tests.test_oauth_races import CALLBACK, Shop

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PERSON = "racer@example.com"
"""The address of ``Shop``'s person."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[Shop]:
    """An app at a portal that logs everything it ever does."""
    path: Path = tmp_path_factory.mktemp("oauth-secrets") / "portal.db"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = environment(f"sqlite:///{path}", sink.url, public_url=url, log_level="debug")
    with PortalProcess(settings, workers=2, port=port) as portal:
        yield Shop(portal, sink)


def test_the_log_of_an_apps_sign_in_names_no_secret_and_nobody(shop: Shop) -> None:
    """OP-45: codes, tokens, secrets, verifiers and addresses, well used and badly."""
    portal, verifier = shop.portal.url, new_verifier()
    wanted = {
        "client_id": shop.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid email offline_access",
        "state": "the-state-of-the-app",
        "nonce": "the-nonce-of-the-app",
        "login_hint": "hinted-somebody@example.com",
        "code_challenge": s256(verifier),
        "code_challenge_method": "S256",
    }
    landed = shop.person.go(f"{portal}/oauth/authorize?{urlencode(wanted)}")
    code = dict(parse_qsl(urlsplit(landed).query))["code"]
    redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert shop.token(**redeem, code_verifier="w" * 43)[0] == 400
    _, first = shop.token(**redeem, code_verifier=verifier)
    _, second = shop.refresh(first["refresh_token"])
    assert shop.userinfo(second["access_token"]) == 200
    walker, secret = Walker(), b64encode(b"somebody:a-wrong-secret-of-an-app").decode()
    for path in ("token", "introspect", "revoke", "par", "device_authorization"):
        form = {**redeem, "token": second["access_token"], "client_assertion": first["id_token"]}
        walker.send("POST", f"{portal}/oauth/{path}?{urlencode(form)}", FORM | shop.auth, urlencode(form))
        walker.send("POST", f"{portal}/oauth/{path}", FORM | {"Authorization": f"Basic {secret}"}, urlencode(form))
    pushed = walker.send("POST", f"{portal}/oauth/par", FORM | shop.auth, urlencode(wanted))
    request_uri = json.loads(pushed.text)["request_uri"]
    show = urlencode({"client_id": shop.client_id, "request_uri": request_uri})
    shop.person.go(f"{portal}/oauth/authorize?{show}")
    shop.userinfo(first["id_token"])
    hint = urlencode({"id_token_hint": first["id_token"], "state": "the-state-of-the-app"})
    walker.send("GET", f"{portal}/oauth/logout?{hint}", {"Referer": f"https://shop.example/?code={code}"})
    assert shop.token(**redeem, code_verifier=verifier)[0] == 400

    log = shop.portal.log_text()
    basic_pair = shop.auth["Authorization"].partition(" ")[2]
    issued = {
        "code": code,
        "verifier": verifier,
        "challenge": s256(verifier),
        "pair": basic_pair,
        "wrong pair": secret,
        "wrong secret": "a-wrong-secret-of-an-app",
        "request_uri": request_uri.rpartition(":")[2],
        "state": wanted["state"],
        "nonce": wanted["nonce"],
        "hint": "hinted-somebody",
        "person": PERSON.partition("@")[0],
        **{f"{number} {name}": tokens[name] for number, tokens in enumerate((first, second)) for name in (
            "access_token", "refresh_token", "id_token")},
    }  # fmt: skip
    issued |= {f"signature of {name}": value.rpartition(".")[2] for name, value in issued.items() if "." in value}
    assert "/oauth/token" in log
    assert {json.loads(line)["level"] for line in log.splitlines()} & {"debug", "info"}
    assert [name for name, value in issued.items() if value in log] == []
    assert "unhandled_exception" not in log
