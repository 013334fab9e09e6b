"""``auth-portal client``: what each command does, prints and refuses."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import inspect, text

from auth_portal.cli import portal
from auth_portal.oidc.clients import SECRET_OVERLAP, Client
from tests.conftest import NOW, environment, services_of
from tests.support.portal import ROOT
from tests.test_cli import connections_closed
from tests.test_clients import EC_KEY, KEYS, PNG, jwk

RETURN = "https://app.example/cb"
EITHER = ("token_endpoint_auth_methods", ["client_secret_basic", "client_secret_post"])
Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    """Runs ``auth-portal client …`` in this process against the test's database."""

    def invoke(*words: str) -> Result:
        with connections_closed():
            env = environment(database_url, "smtp://127.0.0.1:1")
            return CliRunner().invoke(portal, ["client", *words], env=env)

    return invoke


def one(result: Result) -> dict[str, Any]:
    """The object that a successful command printed."""
    assert result.exit_code == 0, result.output
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


def create(run: Run, *words: str) -> dict[str, Any]:
    """A new client as its ``create`` printed it."""
    return one(run("create", "--name", "Wiki", "--redirect-uri", RETURN, *words, "--json"))


def find(app: Flask, client_id: str) -> Client:
    """The client as a running portal sees it."""
    found = services_of(app).clients.find(client_id)
    assert found is not None
    return found


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
        *(
            "--trusted",
            "--no-pkce",
            "--require-par",
            "--sector",
            "example.com",
            "--auth-method",
            "client_secret_post",
        ),
        *("--post-logout-redirect-uri", "https://app.example/bye", "--homepage", "https://app.example/"),
        *("--backchannel-logout-uri", "https://app.example/logout", "--scope", "openid email", "--scope", "read"),
        *(
            "--grant",
            "authorization_code",
            "--grant",
            "device_code",
            "--resource",
            "urn:api:a",
            "--resource",
            "urn:api:b",
        ),
        *("--api-identifier", "urn:api:own", "--id-token-alg", "ES256", "--access-token-ttl", "5m"),
        *("--refresh-token-ttl", "90d", "--logo", str(tmp_path / "logo.png"), "--color", "#AABBCC"),
        *("--site", "https://wiki.example", "--allow", "*@example.com", "--allow", "Bob@Example.org"),
        *("--public-path", "/assets", "--cors-origin", "https://pages.example"),
    )
    client = find(app, made["client_id"])
    assert (client.is_trusted, client.require_pkce, client.require_pushed) == (True, False, True)
    assert (client.sector, made["subject_type"]) == ("example.com", "pairwise")
    assert client.redirect_uris == (RETURN, "https://wiki.example/.auth-portal/callback")
    assert made["post_logout_redirect_uris"] == ["https://app.example/bye"]
    assert client.backchannel_logout_uri == "https://app.example/logout"
    assert (client.auth_method, client.scopes) == ("client_secret_post", ("openid", "email", "read"))
    assert made["grant_types"] == ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]
    assert (client.resources, client.api_identifier) == (("urn:api:a", "urn:api:b"), "urn:api:own")
    assert (client.id_token_algorithm, client.access_token_ttl) == ("ES256", 300)
    assert (client.refresh_token_ttl, client.has_logo, client.color) == (90 * 86_400, True, "#aabbcc")
    assert (client.homepage, client.site) == ("https://app.example/", "https://wiki.example")
    assert client.access.allow == ("*@example.com", "bob@example.org")
    assert client.access.public_paths == ("/assets",)
    assert services_of(app).clients.may_call("https://pages.example")


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
        *("--public", "--no-pkce", "--color", "red", "--scope", "account"),
    )
    assert result.exit_code == 1
    for part in ("the name", "must be https", "fragment", "PKCE", "#rrggbb", "'account'"):
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


def test_an_update_changes_only_what_is_given(run: Run) -> None:
    """OP-34: the secret stays."""
    made = create(run, "--scope", "openid", "--cors-origin", "https://b.example", "--homepage", "https://app.example")
    changed = one(run("update", made["client_id"], "--name", "Wiki 2", "--trusted", "--json"))
    differing = {name for name in changed if changed[name] != made[name]} - {"updated_at"}
    assert differing == {"client_name", "trusted"}
    assert (changed["client_name"], changed["trusted"]) == ("Wiki 2", True)
    again = one(run("update", made["client_id"], "--redirect-uri", "https://c.example/cb", "--json"))
    assert again["redirect_uris"] == ["https://c.example/cb"]
    assert again["cors_origins"] == ["https://b.example", "https://c.example"]


@pytest.mark.parametrize(
    ("words", "clearing", "name", "empty"),
    [
        (("--homepage", "https://a.example"), ("--homepage", ""), "client_uri", None),
        (("--access-token-ttl", "60"), ("--access-token-ttl", ""), "access_token_ttl", None),
        (("--color", "#112233"), ("--color", ""), "color", None),
        (("--pairwise",), ("--no-pairwise",), "sector", None),
        (("--site", "https://w.example"), ("--site", ""), "redirect_uris", [RETURN]),
        (("--allow", "*@example.com"), ("--allow", ""), "allow", []),
        (("--resource", "urn:api"), ("--resource", ""), "resources", []),
        (("--scope", "read"), ("--scope", ""), "scope", "openid profile email phone offline_access"),
        (("--cors-origin", "https://b.example"), ("--cors-origin", ""), "cors_origins", ["https://app.example"]),
        (
            ("--auth-method", "client_secret_post"),
            ("--auth-method", ""),
            "token_endpoint_auth_method",
            "client_secret_basic",
        ),
        (("--trusted",), ("--no-trusted",), "trusted", False),
    ],
)
def test_an_empty_value_takes_away_what_was_there(
    run: Run, words: tuple[str, ...], clearing: tuple[str, ...], name: str, empty: object
) -> None:
    made = create(run, *words)
    assert made[name] != empty
    assert one(run("update", made["client_id"], *clearing, "--json"))[name] == empty


def test_a_logo_stays_until_it_is_taken_away(app: Flask, run: Run, tmp_path: Path) -> None:
    (tmp_path / "logo").write_bytes(PNG)
    made = create(run, "--logo", str(tmp_path / "logo"))
    assert one(run("update", made["client_id"], "--name", "Other", "--json"))["has_logo"] is True
    assert services_of(app).clients.logo(made["client_id"]) == (PNG, "image/png")
    assert one(run("update", made["client_id"], "--logo", "", "--json"))["has_logo"] is False


def test_grants_follow_what_is_registered_unless_they_were_named(run: Run) -> None:
    """OP-38."""
    machine = one(run("create", "--name", "Job", "--json"))
    assert "authorization_code" not in machine["grant_types"]
    web = one(run("update", machine["client_id"], "--redirect-uri", RETURN, "--json"))
    assert "authorization_code" in web["grant_types"]
    named = create(run, "--grant", "authorization_code")
    assert one(run("update", named["client_id"], "--name", "x", "--json"))["grant_types"] == ["authorization_code"]


def test_an_update_cannot_make_a_client_that_could_not_be_registered(run: Run) -> None:
    """OP-03, OP-06: the rules are the same."""
    made = create(run, "--public")
    for words in (("--no-pkce",), ("--redirect-uri", "http://a.example"), ("--grant", "client_credentials")):
        assert run("update", made["client_id"], *words).exit_code == 1
    result = run("update", made["client_id"], "--auth-method", "client_secret_basic")
    assert (result.exit_code, "create another client" in result.stderr) == (1, True)


def test_a_client_that_moves_to_keys_loses_its_secrets(app: Flask, run: Run, tmp_path: Path) -> None:
    """OP-33, OP-34."""
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk(EC_KEY)]}))
    made = create(run)
    run("rotate-secret", made["client_id"])
    words = ("--auth-method", "private_key_jwt", "--jwks", str(tmp_path / "keys.json"))
    assert run("update", made["client_id"], *words).exit_code == 0
    assert find(app, made["client_id"]).secret_hashes == ()


def test_two_secrets_are_good_while_an_app_moves_over(clock: time_machine.Traveller, app: Flask, run: Run) -> None:
    """OP-34."""
    made = create(run)
    new = one(run("rotate-secret", made["client_id"], "--json"))
    assert sorted(new) == ["client_id", "client_secret"]
    secrets = (made["client_secret"], new["client_secret"])
    assert [find(app, made["client_id"]).check_client_secret(each) for each in secrets] == [True, True]
    clock.move_to(NOW + SECRET_OVERLAP)
    assert [find(app, made["client_id"]).check_client_secret(each) for each in secrets] == [False, True]


def test_a_secret_that_leaked_is_dead_at_once(app: Flask, run: Run) -> None:
    """OP-34."""
    made = create(run)
    second = one(run("rotate-secret", made["client_id"], "--json"))["client_secret"]
    third = one(run("rotate-secret", made["client_id"], "--now", "--json"))["client_secret"]
    client = find(app, made["client_id"])
    given = (made["client_secret"], second, third)
    assert [client.check_client_secret(each) for each in given] == [False, False, True]


def test_secrets_are_shown_once_and_never_again(app: Flask, run: Run) -> None:
    """OP-34."""
    made = create(run)
    new = one(run("rotate-secret", made["client_id"], "--json"))
    printed = [run("show", made["client_id"]), run("list"), run("list", "--json")]
    printed += [run("show", made["client_id"], "--json"), run("update", made["client_id"], "--name", "x", "--json")]
    text_of_all = "".join(result.output for result in printed)
    engine = services_of(app).engine
    with engine.connect() as connection:
        tables = inspect(engine).get_table_names()
        dump = "".join(str(connection.execute(text(f'SELECT * FROM "{name}"')).all()) for name in tables)
    assert made["client_id"] in text_of_all
    assert made["client_id"] in dump
    for secret in (made["client_secret"], new["client_secret"]):
        assert secret not in text_of_all
        assert secret not in dump
    for secret_hash in find(app, made["client_id"]).secret_hashes:
        assert secret_hash not in text_of_all


def test_clients_are_listed_by_name_and_shown_one_by_one(run: Run) -> None:
    assert (json.loads(run("list", "--json").stdout), run("list").exit_code) == ([], 0)
    made = [one(run("create", "--name", name, "--redirect-uri", RETURN, "--json")) for name in ("Zoo", "Ant")]
    rows = json.loads(run("list", "--json").stdout)
    assert [row["client_name"] for row in rows] == ["Ant", "Zoo"]
    table = run("list").stdout.splitlines()
    assert table[0].split()[:2] == ["client_id", "client_name"]
    assert table[1].startswith(rows[0]["client_id"])
    shown = one(run("show", made[0]["client_id"], "--json"))
    assert shown == {name: value for name, value in made[0].items() if name != "client_secret"}
    assert "client_name  Zoo" in run("show", made[0]["client_id"]).stdout


def test_a_client_is_deleted_only_when_somebody_says_so(app: Flask, run: Run) -> None:
    made = create(run)
    refused = run("delete", made["client_id"])
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    find(app, made["client_id"])
    assert run("delete", made["client_id"], "--yes").exit_code == 0
    assert services_of(app).clients.find(made["client_id"]) is None
    assert not services_of(app).clients.may_call("https://app.example")


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 1), ("", 1, 1), ("y", 0, 0)])
def test_on_a_terminal_a_deletion_is_asked_for(
    run: Run, database_url: str, answer: str, code: int, left: int
) -> None:
    made = create(run)
    ours, theirs = pty.openpty()
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= environment(database_url, "smtp://127.0.0.1:1")
    command = [sys.executable, "-m", "auth_portal.cli", "client", "delete", made["client_id"]]
    os.write(ours, f"{answer}\n".encode())
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=theirs, capture_output=True, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code, done.stderr
    assert b"Delete Wiki" in done.stderr
    assert len(json.loads(run("list", "--json").stdout)) == left
