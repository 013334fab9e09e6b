"""``auth-portal client``: what ``create`` does, prints and refuses, and what every command refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from auth_portal.cli import portal
from tests.commanding import RETURN, Run, create, find, one, run
from tests.conftest import environment, services_of
from tests.operating import connections_closed
from tests.registering import KEYS, PNG

__all__ = ["run"]


def test_a_web_app_is_registered_and_works_at_once_in_a_running_portal(app: Flask, run: Run) -> None:
    """OP-34, OP-71."""
    made = create(run, "--redirect-uri", "http://localhost:9000/cb")
    assert (made["client_name"], made["redirect_uris"]) == ("Wiki", [RETURN, "http://localhost:9000/cb"])
    assert made["token_endpoint_auth_methods"] == ["client_secret_basic", "client_secret_post"]
    assert (made["token_endpoint_auth_method"], made["response_types"]) == ("client_secret_basic", ["code"])
    assert (made["scope"], made["trusted"]) == ("openid profile email phone offline_access", False)
    assert made["cors_origins"] == ["http://localhost:9000", "https://app.example"]
    client = find(app, made["client_id"])
    assert client.check_client_secret(made["client_secret"])
    assert client.require_pkce


def test_ids_and_secrets_can_be_typed_on_a_command_line(run: Run) -> None:
    """One that began with a hyphen would be read as an option."""
    made = create(run)
    assert re.fullmatch(r"[0-9a-f]{32}", made["client_id"])
    assert re.fullmatch(r"[0-9a-f]{64}", made["client_secret"])
    assert re.fullmatch(r"[0-9a-f]{64}", one(run("rotate-secret", made["client_id"], "--json"))["client_secret"])


def test_the_table_shows_the_id_and_the_secret_first(app: Flask, run: Run) -> None:
    lines = run("create", "--name", "Wiki", "--redirect-uri", RETURN).stdout.splitlines()
    (first, client_id), (second, secret) = lines[0].split(), lines[1].split()
    assert (first, second) == ("client_id", "client_secret")
    assert find(app, client_id).check_client_secret(secret)


@pytest.mark.parametrize("words", [("--public",), ("--auth-method", "none")])
def test_a_public_app_has_no_secret(run: Run, words: tuple[str, ...]) -> None:
    """OP-66."""
    made = create(run, "--redirect-uri", "com.example.app:/cb", *words)
    assert made.get("client_secret") is None
    assert made["token_endpoint_auth_method"] == "none"
    assert "client_credentials" not in made["grant_types"]


def test_every_option_ends_up_in_the_client(app: Flask, run: Run, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(PNG)
    made = create(
        run,
        *("--trusted", "--no-pkce", "--sector", "example.com", "--auth-method", "client_secret_post"),
        *("--post-logout-redirect-uri", "https://app.example/bye", "--homepage", "https://app.example/"),
        *("--backchannel-logout-uri", "https://app.example/logout", "--scope", "openid email", "--scope", "read"),
        *("--grant", "authorization_code", "--grant", "device_code"),
        *("--resource", "urn:api:a", "--resource", "urn:api:b"),
        *("--api-identifier", "urn:api:own", "--id-token-alg", "ES256", "--access-token-ttl", "5m"),
        *("--refresh-token-ttl", "90d", "--logo", str(tmp_path / "logo.png"), "--color", "#AABBCC"),
        *("--site", "https://wiki.example", "--allow", "*@example.com", "--allow", "Bob@Example.org"),
        *("--public-path", "/assets", "--cors-origin", "https://pages.example", "--claims-in-id-token"),
    )
    client = find(app, made["client_id"])
    assert (client.is_trusted, client.require_pkce, client.require_pushed) == (True, False, False)
    assert (client.sector, made["subject_type"]) == ("example.com", "pairwise")
    assert client.redirect_uris == (RETURN, "https://wiki.example/.auth-portal/callback")
    assert made["post_logout_redirect_uris"] == ["https://app.example/bye"]
    assert client.backchannel_logout_uri == "https://app.example/logout"
    assert (client.auth_method, client.scopes) == ("client_secret_post", ("openid", "email", "read"))
    assert made["grant_types"] == ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]
    assert (client.resources, client.api_identifier) == (("urn:api:a", "urn:api:b"), "urn:api:own")
    assert (client.id_token_algorithm, client.access_token_ttl) == ("ES256", 300)
    assert client.claims_in_id_token
    assert (client.refresh_token_ttl, client.has_logo, client.color) == (90 * 86_400, True, "#aabbcc")
    assert (client.homepage, client.site) == ("https://app.example/", "https://wiki.example")
    assert client.access.allow == ("*@example.com", "bob@example.org")
    assert client.access.public_paths == ("/assets",)
    assert services_of(app).clients.may_call("https://pages.example")
    assert find(app, create(run, "--redirect-uri", RETURN, "--require-par")["client_id"]).require_pushed


def test_an_app_with_keys_has_no_secret(run: Run, tmp_path: Path) -> None:
    """OP-33."""
    (tmp_path / "keys.json").write_bytes(KEYS)
    made = create(run, "--auth-method", "private_key_jwt", "--jwks", str(tmp_path / "keys.json"))
    assert made.get("client_secret") is None
    assert [key["kid"] for key in made["jwks"]["keys"]] == ["one", "two"]
    assert run("rotate-secret", made["client_id"]).exit_code == 1
    moved = one(run("update", made["client_id"], "--jwks-uri", "https://app.example/keys", "--json"))
    assert (moved["jwks"], moved["jwks_uri"]) == (None, "https://app.example/keys")


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_kept(run: Run) -> None:
    """OP-03."""
    result = run(
        *("create", "--name", "", "--redirect-uri", "http://app.example", "--redirect-uri", "https://a.example/#x"),
        *("--public", "--no-pkce", "--color", "red", "--locale", "xx", "--scope", "account"),
    )
    assert result.exit_code == 1
    for part in ("the name", "must be https", "fragment", "PKCE", "#rrggbb", "the language", "'account'"):
        assert part in result.stderr
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--redirect-uri", RETURN),
        ("create", "--name", "Wiki", "--client-id", "chosen"),
        ("create", "--name", "Wiki", "--auth-method", "password"),
        ("create", "--name", "Wiki", "--public", "--auth-method", "client_secret_post"),
        ("create", "--name", "Wiki", "--id-token-alg", "none"),
        ("create", "--name", "Wiki", "--jwks", "nowhere.json"),
        ("create", "--name", "Wiki", "--logo", "."),
        ("show",),
        ("update",),
        ("delete",),
    ],
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...], database_url: str) -> None:
    """OP-71: nobody chooses a client_id."""
    with connections_closed():
        env = environment(database_url, "smtp://127.0.0.1:1")
        result = CliRunner().invoke(portal, ["client", *words], env=env)
    assert result.exit_code == 2, result.output
    assert "Usage:" in result.output


@pytest.mark.parametrize("words", [("show",), ("update", "--name", "x"), ("rotate-secret",), ("delete", "--yes")])
def test_a_client_that_is_not_there_ends_with_1_and_a_sentence(run: Run, words: tuple[str, ...]) -> None:
    for client_id in ("nothing", "x" * 100, ""):
        result = run(words[0], client_id, *words[1:])
        assert (result.exit_code, "no such client" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "what"),
    [(("--api-identifier", "urn:api"), "API identifier"), (("--site", "https://wiki.example"), "site")],
)
def test_what_another_client_has_is_refused_with_a_sentence(run: Run, words: tuple[str, ...], what: str) -> None:
    create(run, *words)
    other = create(run)
    for result in (run("create", "--name", "Other", *words), run("update", other["client_id"], *words)):
        assert (result.exit_code, f"another client has this {what}" in result.stderr) == (1, True), result.output
