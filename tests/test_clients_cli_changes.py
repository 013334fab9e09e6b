"""``auth-portal client`` for clients that are there: update, rotate-secret, list, show and delete."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import inspect, text

from auth_portal.oidc.clients import SECRET_OVERLAP
from tests.commanding import RETURN, Run, create, find, one, run
from tests.conftest import NOW, environment, services_of
from tests.registering import EC_KEY, PNG, jwk
from tests.support.portal import ROOT

__all__ = ["run"]


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
        (("--locale", "de"), ("--locale", ""), "locale", None),
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
