"""The ``auth-portal`` command: help, wrong usage, settings, the database, the doctor and pruning, with exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from auth_portal.cli import portal
from tests.conftest import environment, services_of
from tests.drivers import ApiDriver
from tests.operating import Run, json_of, run, shell

__all__ = ["run"]
ADA = "ada@example.com"


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command and group, by the words that call it."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


def test_every_command_explains_itself_without_any_setting() -> None:
    for words in commands(portal):
        for option in ("--help", "-h"):
            result = CliRunner().invoke(portal, [*words, option], env={})
            assert result.exit_code == 0, words
            assert "Usage:" in result.output, words
            assert len(result.output.splitlines()) > 3, words


def test_the_groups_of_the_contract_are_there() -> None:
    """Contract, section 1, for what can be run by now."""
    found = {" ".join(words) for words in commands(portal)}
    assert found >= {"db upgrade", "keys list", "keys rotate", "prune", "doctor"}
    assert found >= {"user list", "user show", "user suspend", "user restore"}


@pytest.mark.parametrize("words", [["nothing"], ["user", "show"], ["user", "list", "--limit", "0"], ["keys", "--x"]])
def test_wrong_usage_ends_with_2_and_touches_no_database(words: list[str]) -> None:
    result = CliRunner().invoke(portal, words, env={})
    assert result.exit_code == 2
    assert "Usage:" in result.output


def test_settings_that_are_refused_end_with_1_and_every_reason() -> None:
    result = shell("doctor")
    assert result.returncode == 1
    assert all(name in result.stderr for name in ("SECRET_KEY", "PUBLIC_URL", "MAIL_URL", "MAIL_FROM"))
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [("doctor",), ("db", "upgrade")])
def test_a_database_that_is_away_ends_with_1_and_a_sentence(words: tuple[str, ...]) -> None:
    environ = environment("postgresql://nobody@127.0.0.1:1/nothing", "smtp://127.0.0.1:1")
    result = shell(*words, **environ)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr + result.stdout


def test_a_new_database_is_brought_to_this_release_and_then_agrees(tmp_path: Any) -> None:
    environ = environment(f"sqlite:///{tmp_path / 'new' / 'portal.db'}", "smtp://127.0.0.1:1")
    assert shell("db", "upgrade", **environ).returncode == 0
    assert shell("db", "check", **environ).returncode == 0
    assert shell("doctor", **environ).returncode == 0


@pytest.mark.parametrize(
    ("sms_url", "detail"),
    [
        (None, "off: no sign-in by phone"),
        ("twilio://AC1:hunter2@api.twilio.com/MG1,netgsm://850:hunter2@api.netgsm.com.tr/X", "twilio, then netgsm"),
    ],
)
def test_the_doctor_says_where_text_messages_go_and_no_secret(
    tmp_path: Any, sms_url: str | None, detail: str
) -> None:
    environ = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://127.0.0.1:1", sms_url=sms_url)
    told = shell("doctor", "--json", **environ)
    assert {row["check"]: row["detail"] for row in json.loads(told.stdout)}["sms"] == detail
    assert "hunter2" not in told.stdout + told.stderr


def test_a_database_that_is_not_migrated_is_told_what_to_do(tmp_path: Any) -> None:
    environ = environment(f"sqlite:///{tmp_path / 'portal.db'}", "smtp://127.0.0.1:1")
    told, checked, listed = (
        shell("doctor", **environ),
        shell("db", "check", **environ),
        shell("user", "list", **environ),
    )
    assert [answer.returncode for answer in (told, checked, listed)] == [1, 1, 1]
    assert "auth-portal db upgrade" in told.stdout
    assert "Traceback" not in told.stderr + checked.stderr + listed.stderr


def test_a_database_that_differs_from_the_models_fails_the_check(app: Flask, run: Run) -> None:
    with services_of(app).engine.begin() as connection:
        connection.execute(text('DROP TABLE "send_limit"'))
    result = run("db", "check")
    assert result.exit_code == 1
    assert "send_limit" in result.output


def test_a_healthy_installation_passes_the_doctor(app: Flask, run: Run) -> None:
    rows = json_of(run("doctor", "--json"))
    checks = {"settings", "sms", "guess budget", "database", "schema", "signing keys", "audit seals"}
    assert {row["check"] for row in rows} == checks
    assert all(row["ok"] for row in rows)


def test_the_doctor_names_keys_that_the_secret_does_not_open(app: Flask, run: Run) -> None:
    services_of(app).keys.ensure()
    result = run("doctor", "--json", secret_key="a secret that nobody kept" * 2)
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
    (row,) = [row for row in json.loads(result.stdout) if not row["ok"]]
    assert row["check"] == "signing keys"


def test_pruning_removes_what_is_over_and_nothing_that_lives(
    clock: time_machine.Traveller, api: ApiDriver, run: Run
) -> None:
    """PRIV-04."""
    tokens = api.register(ADA)
    assert {row["removed"] for row in json_of(run("prune", "--json"))} == {0}
    clock.shift(3 * 86_400)
    api.send("waiting@example.com")
    removed = {row["kind"]: row["removed"] for row in json_of(run("prune", "--json"))}
    assert removed == {
        "people": 0,
        "challenges": 1,
        "addresses of challenges": 0,
        "registrations": 1,
        "send limits": 1,
        "known devices": 0,
        "changes of addresses": 0,
        "sessions": 0,
        "requests of apps": 0,
        "codes of apps": 0,
        "device codes": 0,
        "spent assertions": 0,
        "events": 0,
    }
    assert api.login("waiting@example.com", api.code_sent_to("waiting@example.com")).status_code == 200
    refreshed = api.post("refresh-token", {"refreshToken": tokens["refreshToken"]})
    assert refreshed.status_code == 200


def test_pruning_removes_sessions_a_month_after_their_end_and_keeps_the_person(
    clock: time_machine.Traveller, api: ApiDriver, run: Run
) -> None:
    user = api.register(ADA)["user"]
    clock.shift(61 * 86_400)
    removed = {row["kind"]: row["removed"] for row in json_of(run("prune", "--json"))}
    assert removed["sessions"] == 1
    assert api.proven(ADA)["user"] == user


def test_the_table_of_settings_names_every_one_and_no_value() -> None:
    result = CliRunner().invoke(portal, ["settings"], env={"AUTH_PORTAL_SECRET_KEY": "hunter2"})
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    rows = [line for line in result.output.splitlines() if line.startswith("| `AUTH_PORTAL_")]
    assert any(row.startswith("| `AUTH_PORTAL_CODE_TTL` | 600 s |") for row in rows)
    assert all(row.count("|") == 4 for row in rows)
