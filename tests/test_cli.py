"""The ``auth-portal`` command: what each command does, what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import pytest
import time_machine
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Pool, event, text

from auth_portal.cli import portal
from tests.conftest import NOW, Made, environment, services_of
from tests.drivers import ApiDriver, outcome
from tests.owning import NEW, PHONE, Owner
from tests.support.outboxes import Outboxes
from tests.support.portal import ROOT
from tests.support.smtp import MailSink

ADA = "ada@example.com"
Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    """Runs a command in this process against the test's database."""

    def invoke(*words: str, **settings: object) -> Result:
        with connections_closed():
            return CliRunner().invoke(portal, words, env=environment(database_url, "smtp://127.0.0.1:1", **settings))

    return invoke


@contextmanager
def connections_closed() -> Iterator[None]:
    """Close at the end what was opened meanwhile: a command leaves that to the end of its process."""
    opened: list[Any] = []

    def remember(connection: Any, _record: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", remember)
    try:
        yield
    finally:
        event.remove(Pool, "connect", remember)
        for connection in opened:
            connection.close()


def shell(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does, with nothing but these variables set."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | environ
    command = [sys.executable, "-m", "auth_portal.cli", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def json_of(result: Result) -> list[dict[str, Any]]:
    """The rows that a successful command printed."""
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


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


def test_keys_are_listed_as_a_table_and_as_json(run: Run) -> None:
    keys = json_of(run("keys", "list", "--json"))
    assert [key["algorithm"] for key in keys] == ["ES256", "RS256"]
    table = run("keys", "list").stdout.splitlines()
    assert len(table) == 3
    for key, line in zip(keys, table[1:], strict=True):
        assert sorted(key) == ["active_from", "algorithm", "created_at", "kid", "retires_at", "state"]
        assert (key["state"], key["retires_at"]) == ("active", None)
        assert table[0].split() == list(key)
        assert line.split()[:3] == [key["kid"], key["algorithm"], "active"]


def test_a_rotation_prints_the_keys_that_wait(clock: time_machine.Traveller, run: Run) -> None:
    first = json_of(run("keys", "list", "--json"))
    made = json_of(run("keys", "rotate", "--json"))
    assert [(key["algorithm"], key["state"]) for key in made] == [("ES256", "next"), ("RS256", "next")]
    assert all(key["active_from"] > NOW.strftime("%Y-%m-%dT%H:%M:%S") for key in made)
    listed = json_of(run("keys", "list", "--json"))
    assert [key["kid"] for key in listed] == [key["kid"] for key in [*first, *made]]
    assert [key["state"] for key in listed] == ["active", "active", "next", "next"]


def test_a_rotation_may_take_effect_at_once(clock: time_machine.Traveller, run: Run) -> None:
    run("keys", "list")
    made = json_of(run("keys", "rotate", "--now", "--json"))
    assert [(key["algorithm"], key["state"]) for key in made] == [("ES256", "active"), ("RS256", "active")]
    assert [key["state"] for key in json_of(run("keys", "list", "--json"))] == ["retiring"] * 2 + ["active"] * 2


def test_keys_that_leaked_are_gone_from_the_list_at_once(run: Run) -> None:
    """JWT-11."""
    run("keys", "list")
    made = json_of(run("keys", "rotate", "--leaked", "--json"))
    assert [key["kid"] for key in json_of(run("keys", "list", "--json"))] == [key["kid"] for key in made]


def test_a_key_listing_shows_no_private_part(run: Run) -> None:
    run("keys", "rotate")
    listing = run("keys", "list", "--json").stdout + run("keys", "list").stdout
    assert "gAAAA" not in listing
    assert "private" not in listing


def test_users_are_listed_newest_first_and_up_to_a_limit(
    clock: time_machine.Traveller, api: ApiDriver, run: Run
) -> None:
    for name in ("one", "two", "three"):
        api.register(f"{name}@example.com")
        clock.shift(1)
    rows = json_of(run("user", "list", "--json", "--limit", "2"))
    assert [row["email"] for row in rows] == ["three@example.com", "two@example.com"]


def test_who_has_a_number_only_is_listed_by_it(make_app: Made, outboxes: Outboxes, run: Run) -> None:
    ApiDriver(make_app(sms_url=outboxes.sms.setting), outboxes).register(PHONE)
    (row,) = json_of(run("user", "list", "--json"))
    assert (row["email"], row["phone"]) == (None, PHONE)


def test_no_users_are_an_empty_list(run: Run) -> None:
    assert json_of(run("user", "list", "--json")) == []
    assert run("user", "list").exit_code == 0


def test_a_user_is_found_by_id_and_by_every_spelling_of_the_address(api: ApiDriver, run: Run) -> None:
    user = api.register(ADA, "Şükrü", "İpek")["user"]
    for who in (user["id"], ADA, " ADA@Example.COM"):
        (row,) = json_of(run("user", "show", who, "--json"))
        assert (row["id"], row["email"], row["first_name"], row["suspended"]) == (user["id"], ADA, "Şükrü", False)


def test_a_user_is_shown_with_all_that_was_proven(app: Flask, outbox: MailSink, run: Run) -> None:
    """OTP-36: whoever helps somebody must see what that person can sign in with."""
    owner = Owner(ApiDriver(app, outbox))
    owner.take(NEW, keepFormer=True)
    (row,) = json_of(run("user", "show", NEW, "--json"))
    assert (row["id"], row["email"], row["proven"]) == (owner.id, ADA, f"{ADA}, {NEW}")


@pytest.mark.parametrize("command", ["show", "suspend", "restore"])
def test_a_user_who_is_not_there_ends_with_1_and_a_sentence(run: Run, command: str) -> None:
    for who in ("nobody@example.com", "0" * 32, "no@address@at all", ""):
        result = run("user", command, who)
        assert (result.exit_code, "no such user" in result.output) == (1, True), who
        assert isinstance(result.exception, SystemExit), who


def test_a_suspended_user_is_out_at_once_and_a_restored_one_may_sign_in(api: ApiDriver, run: Run) -> None:
    """SES-10."""
    tokens = api.register(ADA)
    assert run("user", "suspend", ADA).exit_code == 0
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == (401, "unauthorized")
    assert json_of(run("user", "show", ADA, "--json"))[0]["suspended"] is True
    assert run("user", "restore", ADA).exit_code == 0
    assert api.at("203.0.113.9").proven(ADA)["user"] == tokens["user"]


def test_suspending_twice_is_no_error(api: ApiDriver, run: Run) -> None:
    api.register(ADA)
    assert [run("user", "suspend", ADA).exit_code for _ in range(2)] == [0, 0]


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
