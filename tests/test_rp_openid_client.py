"""openid-client, the Node library that OpenID certified, signs people in at a running portal."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.conftest import environment, unavailable
from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port
from tests.support.relying_apps import register
from tests.support.smtp import MailSink
from tests.support.walking import Stroller

NODE = ROOT / "tests" / "node"
CALLBACK, GOODBYE = "https://shop.example/callback", "https://shop.example/goodbye"
NAME = ("--name", "Node Shop")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, sink: MailSink) -> Iterator[PortalProcess]:
    """A portal whose issuer is where it listens."""
    port = free_port()
    url = f"sqlite:///{tmp_path_factory.mktemp('node') / 'portal.db'}"
    with PortalProcess(environment(url, sink.url, public_url=f"http://127.0.0.1:{port}"), port=port) as running:
        yield running


@pytest.fixture
def person(portal: PortalProcess, outbox: MailSink) -> Stroller:
    """Somebody whom the portal does not know yet."""
    return Stroller(portal.url, outbox, f"node{next(_numbers)}@example.com")


class RelyingParty:
    """A script as a process; ends with the test."""

    def __init__(
        self, portal: PortalProcess, client: dict[str, Any], script: str = "relying_party.mjs", **task: Any
    ) -> None:
        node = shutil.which("node")
        if node is None or not (NODE / "node_modules" / "openid-client").exists():
            unavailable("no openid-client: Node.js and npm are needed")
        about = {
            "issuer": portal.url,
            "clientId": client["client_id"],
            "secret": client.get("client_secret"),
            "redirectUri": CALLBACK,
            "goodbye": GOODBYE,
            "kind": "code",
            "scope": "openid profile email",
            **task,
        }
        self._process = subprocess.Popen(
            [str(node), script, json.dumps(about)],
            cwd=NODE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(self._process.communicate()[1])
        return dict(json.loads(line))

    def tell(self, line: str) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def __enter__(self) -> RelyingParty:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def web_client(portal: PortalProcess, *words: str) -> dict[str, Any]:
    """A client with a return address."""
    return register(portal, *NAME, "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE, *words)


def signed_in(rp: RelyingParty, person: Stroller) -> dict[str, Any]:
    """What it got once the person came back."""
    rp.tell(person.go(rp.hear()["open"]))
    return rp.hear()


def test_a_new_person_registers_on_the_way_and_signs_out_again(portal: PortalProcess, person: Stroller) -> None:
    with RelyingParty(portal, web_client(portal)) as rp:
        told = signed_in(rp, person)
    assert told["person"]["name"] == "Ada Lovelace"
    assert told["claims"]["amr"] == ["otp"]
    assert person.go(told["signOut"]) == f"{GOODBYE}?state=bye"


def test_tokens_are_refreshed_inspected_and_revoked(portal: PortalProcess, person: Stroller) -> None:
    scope = "openid email offline_access"
    with RelyingParty(portal, web_client(portal), scope=scope, parameters={"prompt": "consent"}) as rp:
        told = signed_in(rp, person)
    assert told["refreshed"]["sub"] == told["claims"]["sub"]
    assert told["live"]["active"] is True
    assert told["revoked"] == {"active": False}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_request_may_be_pushed_and_a_secret_be_posted(
    portal: PortalProcess, person: Stroller, algorithm: str
) -> None:
    client = web_client(portal, "--require-par", "--auth-method", "client_secret_post", "--id-token-alg", algorithm)
    with RelyingParty(portal, client, isPushed=True, post=True, parameters={"max_age": "1000"}) as rp:
        told = signed_in(rp, person)
    assert told["claims"]["auth_time"]


def test_a_key_may_stand_for_a_secret(portal: PortalProcess, person: Stroller, tmp_path: Path) -> None:
    """private_key_jwt."""
    key = ec.generate_private_key(ec.SECP256R1())
    keys = tmp_path / "keys.json"
    public = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "one", "alg": "ES256", "use": "sig"}
    keys.write_text(json.dumps({"keys": [public]}))
    client = web_client(portal, "--auth-method", "private_key_jwt", "--jwks", str(keys))
    private = {**json.loads(ECAlgorithm.to_jwk(key)), "kid": "one", "alg": "ES256"}
    with RelyingParty(portal, client, privateKey=private) as rp:
        told = signed_in(rp, person)
    assert told["claims"]["aud"] == client["client_id"]


def test_an_app_behind_pairwise_names_sees_one_name_everywhere(portal: PortalProcess, person: Stroller) -> None:
    with RelyingParty(portal, web_client(portal, "--pairwise")) as rp:
        told = signed_in(rp, person)
    assert told["claims"]["sub"] == told["person"]["sub"]


def test_a_device_is_connected(portal: PortalProcess, person: Stroller) -> None:
    with RelyingParty(portal, register(portal, *NAME, "--grant", "device_code"), kind="device") as rp:
        person.connect(rp.hear()["open"])
        rp.tell("answered")
        told = rp.hear()
    assert told["person"]["email"].startswith("node")


def test_a_machine_gets_a_token_of_its_own(portal: PortalProcess) -> None:
    client = register(portal, *NAME, "--grant", "client_credentials", "--scope", "reports:read")
    with RelyingParty(portal, client, kind="own", scope="reports:read") as rp:
        told = rp.hear()
    assert told["scope"] == "reports:read"
    assert (told["about"]["active"], told["about"]["sub"]) == (True, client["client_id"])


def test_its_former_version_which_shares_no_code_with_it_does_the_same(
    portal: PortalProcess, person: Stroller
) -> None:
    """openid-client 5 carries many servers yet: discovery, PKCE, tokens, userinfo, refresh, revocation, sign-out."""
    task = {"scope": "openid profile email offline_access", "parameters": {"prompt": "consent"}}
    with RelyingParty(portal, web_client(portal), "relying_party_5.mjs", **task) as rp:
        told = signed_in(rp, person)
    assert told["person"]["name"] == "Ada Lovelace"
    assert told["person"]["sub"] == told["claims"]["sub"] == told["refreshed"]["sub"]
    assert (told["live"]["active"], told["revoked"]["active"]) == (True, False)
    assert person.go(told["signOut"]) == f"{GOODBYE}?state=bye"


def test_the_lock_file_names_versions_and_no_addresses() -> None:
    """Any registry may serve the packages. `npm install` writes down whom to fund as well: take `funding` out."""
    text = (NODE / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in text
    wanted = json.loads((NODE / "package.json").read_text())["dependencies"].values()
    assert [version for version in wanted if not version[-1].isdigit() or set(version) & set("^~>*")] == []
