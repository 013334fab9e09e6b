"""What an operator does about people who leave: delete, restore, export, and bring nobody back with a backup."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from auth_portal.cli import portal
from auth_portal.models import Event
from auth_portal.signin import retention
from auth_portal.signin.keyring import digest
from tests.conftest import environment, services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome
from tests.leaving import WEEK, goodbyes, link_in
from tests.operating import Run, connections_closed, json_of
from tests.support.letters import text_of
from tests.support.portal import ROOT
from tests.support.smtp import MailSink

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def run(database_url: str, outbox: MailSink) -> Run:
    """Runs ``auth-portal …`` in this process against the test's database and relay."""

    def invoke(*words: str) -> Result:
        with connections_closed():
            return CliRunner().invoke(portal, words, env=environment(database_url, outbox.url))

    return invoke


@pytest.fixture
def ada(clock: time_machine.Traveller, api: ApiDriver) -> str:
    """The subject of Ada."""
    return str(api.register(ADA)["user"]["id"])


def kinds(app: Flask) -> list[tuple[str, str]]:
    """What operators did, as the audit log has it."""
    query = select(Event.kind, Event.actor).where(Event.actor != "person").order_by(Event.happened_at, Event.id)
    with services_of(app).engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_user_is_deleted_with_days_to_take_it_back(
    run: Run, app: Flask, ada: str, outbox: MailSink, browser: BrowserDriver
) -> None:
    result = run("user", "delete", ADA, "--yes")
    assert (result.exit_code, result.output) == (0, f"{ada} will be erased at 2026-05-29T16:11:27.000Z\n")
    assert json_of(run("user", "show", ADA, "--json"))[0]["erase_at"] == "2026-05-29T16:11:27.000Z"
    path = link_in(goodbyes(app, outbox, ADA)[0])
    browser.get(path)
    assert browser.post(path, {}).location == "/login"
    assert ("deletion_requested", "operator") in kinds(app)


def test_without_a_terminal_nothing_is_deleted_unless_that_is_said(run: Run, app: Flask, ada: str) -> None:
    for words in (("delete", ADA), ("delete", ada, "--now")):
        result = run("user", *words)
        assert (result.exit_code, "--yes" in result.output) == (2, True)
    assert services_of(app).users.find_by_id(ada).erase_at is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_at_a_terminal_it_asks(database_url: str, app: Flask, ada: str, answer: bytes, code: int) -> None:
    env = {**environment(database_url, "smtp://127.0.0.1:1"), "PATH": os.environ["PATH"]}
    master, terminal = pty.openpty()
    os.write(master, answer)
    command = [sys.executable, "-m", "auth_portal.cli", "user", "delete", ADA]
    result = subprocess.run(command, cwd=ROOT, env=env, stdin=terminal, capture_output=True, check=False)
    os.close(master)
    os.close(terminal)
    assert (result.returncode, f"Delete {ada} (Ada Lovelace)?" in result.stdout.decode()) == (code, True)
    assert (services_of(app).users.find_by_id(ada).erase_at is not None) is (code == 0)  # type: ignore[union-attr]


def test_at_once_nothing_is_left_but_the_letter(run: Run, app: Flask, ada: str, outbox: MailSink) -> None:
    result = run("user", "delete", ada, "--now", "--yes")
    assert (result.exit_code, result.output) == (0, f"{ada} is erased\n")
    assert services_of(app).users.find_by_id(ada) is None
    letter = outbox.sent_to(ADA)[-1]
    assert letter.parsed["subject"] == "Auth Portal hesabınız silindi"
    assert "/account/restore/" not in text_of(letter)
    assert ("erased", "operator") in kinds(app)


def test_one_who_is_leaving_can_be_erased_sooner(run: Run, app: Flask, ada: str) -> None:
    for words in ((), ("--now",)):
        assert run("user", "delete", ada, "--yes", *words).exit_code == 0
    assert services_of(app).users.find_by_id(ada) is None


def test_an_erased_subject_is_remembered_by_its_date_only(run: Run, ada: str) -> None:
    run("user", "delete", ada, "--now", "--yes")
    assert json_of(run("user", "show", ada, "--json")) == [{"id": ada, "erased_at": "2026-05-22T16:11:27.126Z"}]
    for words in (("show", ADA), ("show", "0" * 32), ("restore", ada), ("delete", ada, "--yes"), ("export", ada)):
        result = run("user", *words)
        assert (result.exit_code, "no such user" in result.output) == (1, True), words


def test_restoring_takes_back_a_deletion_and_a_suspension(run: Run, app: Flask, ada: str, api: ApiDriver) -> None:
    run("user", "delete", ada, "--yes")
    run("user", "suspend", ada)
    assert run("user", "restore", ada).exit_code == 0
    (row,) = json_of(run("user", "show", ada, "--json"))
    assert (row["suspended"], row["erase_at"]) == (False, None)
    services_of(app).background.wait()
    assert api.at("203.0.113.9").proven(ADA)["user"]["id"] == ada
    assert ("deletion_undone", "operator") in kinds(app)


def test_restoring_one_who_needs_it_not_signs_nobody_out(run: Run, api: ApiDriver, ada: str) -> None:
    tokens = api.at("203.0.113.9").proven(ADA)
    assert run("user", "restore", ada).exit_code == 0
    assert outcome(api.call("GET", "me", token=tokens["accessToken"])) == (200, None)


def test_an_export_is_what_the_person_would_get_and_is_noted(run: Run, app: Flask, ada: str) -> None:
    """PRIV-01, PRIV-11."""
    result = run("user", "export", ADA)
    assert result.exit_code == 0
    given: dict[str, Any] = json.loads(result.stdout)
    assert given["profile"]["id"] == ada
    assert given["addresses"][0]["value"] == ADA
    assert given["exportedAt"] == "2026-05-22T16:11:27.126Z"
    assert ("exported", "operator") in kinds(app)


def test_whoever_left_after_a_backup_was_made_leaves_again_when_it_is_restored(
    run: Run, app: Flask, api: ApiDriver, ada: str, outbox: MailSink, clock: time_machine.Traveller, tmp_path: Path
) -> None:
    """PRIV-02: one was erased, one has days left and a link, one stays; nobody gets another letter."""
    bob, eve = (api.register(email)["user"]["id"] for email in (BOB, "eve@example.com"))
    run("user", "delete", bob, "--yes")
    letter = goodbyes(app, outbox, BOB)[0]
    printed = run("user", "tombstones").stdout
    rows = json.loads(printed)
    assert rows == [{"subject": digest(bob), "at": "2026-05-29T16:11:27.000Z"}]
    file = tmp_path / "tombstones.json"
    file.write_text(json.dumps([*rows, {"subject": digest(ada), "at": "2026-05-22T16:00:00.000Z"}]))
    run("user", "restore", bob)  # as a backup of before would have him
    before = len(outbox.messages)
    result = run("user", "tombstones", "--apply", str(file))
    assert (result.exit_code, result.output) == (0, "2 closed again, 1 erased\n")
    users = services_of(app).users
    assert [users.find_by_id(user_id) is not None for user_id in (ada, bob, eve)] == [False, True, True]
    assert len(outbox.messages) == before
    browser = BrowserDriver(app, outbox)
    assert browser.get(link_in(letter)).status_code == 200
    clock.shift(WEEK)
    assert retention.prune(services_of(app).engine, services_of(app).seals)["people"] == 1
    assert run("user", "tombstones", "--apply", str(file)).output == "0 closed again, 0 erased\n"


def test_tombstones_of_people_who_are_not_there_are_kept(run: Run, app: Flask, tmp_path: Path) -> None:
    """They are in the next list again; those of the future only if somebody is leaving."""
    rows = [
        {"subject": "a" * 64, "at": "2020-01-01T00:00:00.000Z"},
        {"subject": "b" * 64, "at": "2099-01-01T00:00:00Z"},
    ]
    file = tmp_path / "tombstones.json"
    file.write_text(json.dumps(rows))
    assert run("user", "tombstones", "--apply", str(file)).exit_code == 0
    assert json.loads(run("user", "tombstones").stdout) == rows[:1]


@pytest.mark.parametrize(
    "content", ["", "{}x", '[{"subject": 1}]', '[["a"]]', '[{"subject": "a", "at": "soon"}]', "[3]"]
)
def test_a_file_that_is_no_list_of_tombstones_changes_nothing(
    run: Run, app: Flask, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "tombstones.json"
    file.write_text(content)
    assert run("user", "tombstones", "--apply", str(file)).exit_code == 2
    assert run("user", "tombstones", "--apply", str(tmp_path / "none.json")).exit_code == 2
    assert json.loads(run("user", "tombstones").stdout) == []
