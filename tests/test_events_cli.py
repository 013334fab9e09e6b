"""``auth-portal events``: what operators read and verify; and what other commands tell of the audit log."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from auth_portal.cli import portal
from auth_portal.models import Event, EventSeal
from auth_portal.signin.events import OPERATOR
from tests.auditing import ADA, BOB, DAY, MINUTE, AuditLog, log, with_history
from tests.conftest import environment
from tests.drivers import ApiDriver
from tests.operating import Run, json_of, run, shell

__all__ = ["log", "run"]


def test_the_log_is_listed_newest_first(log: AuditLog, run: Run) -> None:
    log.happen("signed_in", session_id="5" * 32, facts={"channel": "email"})
    log.happen("client_created", user_id=None, actor=OPERATOR, client_id="an-app")
    header, newest, oldest = run("events", "list").stdout.splitlines()
    assert header.split() == [
        "happened_at",
        "kind",
        "outcome",
        "actor",
        "user_id",
        "client_id",
        "network",
        "device",
        "facts",
    ]
    assert newest.split()[1:] == ["client_created", "done", "operator", "an-app"]
    assert oldest.split() == ["2026-05-22T16:11:27.126Z", "signed_in", "done", "person", ADA, "192.0.2.0/24",
                              "Firefox/Linux", '{"channel":', '"email"}']  # fmt: skip
    (first, second) = json_of(run("events", "list", "--json"))
    assert (first["kind"], second["session_id"], second["facts"]) == (
        "client_created",
        "5" * 32,
        {"channel": "email"},
    )


def test_a_search_is_narrowed_by_person_kind_and_time(log: AuditLog, api: ApiDriver, run: Run) -> None:
    ada = api.register()["user"]["id"]
    log.clock.shift(1)
    log.happen("signed_in", "signed_out", user_id=ada)
    log.happen("signed_in", user_id=BOB)

    def kinds(*words: str) -> list[str]:
        return [event["kind"] for event in json_of(run("events", "list", "--json", *words))]

    assert kinds("--user", "ADA@example.com") == ["signed_out", "signed_in", "registered"]
    assert kinds("--user", ada, "--limit", "1") == ["signed_out"]
    assert kinds("--user", BOB) == ["signed_in"], "somebody whose user there is no more"
    assert kinds("--user", "no-such-id") == []
    assert kinds("--kind", "signed_in") == ["signed_in", "signed_in"]
    assert kinds("--until", "2026-05-22T16:11:28Z") == ["registered"]
    assert kinds("--since", "2026-05-22T19:11:29.126+03:00", "--until", "2026-05-22 16:11:30") == ["signed_out"]
    assert len(kinds("--since", "1m")) == 4
    log.clock.shift(2 * MINUTE)
    assert kinds("--since", "1m") == []
    assert len(kinds("--since", "72h")) == len(kinds("--since", "2026-05-22")) == 4


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--kind", "nonsense"],
        ["list", "--limit", "0"],
        ["list", "--since", "yesterday"],
        ["list", "--since", "999999d"],
        ["list", "--until", ""],
        ["affected"],
        ["verify", "--expect", "47"],
        ["verify", "--expect", "47:ABC"],
        ["verify", "--after", "0"],
    ],
)
def test_wrong_words_end_with_2(words: list[str]) -> None:
    result = CliRunner().invoke(portal, ["events", *words], env={})
    assert result.exit_code == 2, result.output
    assert "Usage:" in result.output


def test_somebody_whom_nobody_knows_ends_with_1(run: Run) -> None:
    result = run("events", "list", "--user", "nobody@example.com")
    assert (result.exit_code, "no such user" in result.output) == (1, True)


def test_one_command_tells_whom_an_incident_concerns(log: AuditLog, run: Run) -> None:
    """PRIV-10."""
    log.happen("signed_in", user_id=BOB)
    log.clock.shift(DAY)
    log.happen("signed_in", "address_changed")
    found = json_of(run("events", "affected", "--since", "2h", "--json"))
    times = {"first_at": "2026-05-23T16:11:28.126Z", "last_at": "2026-05-23T16:11:29.126Z"}
    assert found == [{"user_id": ADA, "events": 2, **times}]
    both = run("events", "affected", "--since", "2026-05-22").stdout
    assert [line.split()[0] for line in both.splitlines()] == ["user_id", BOB, ADA]
    assert (
        json_of(run("events", "affected", "--since", "7d", "--until", "3h", "--kind", "address_changed", "--json"))
        == []
    )


def test_sealing_and_verifying_by_hand(log: AuditLog, run: Run) -> None:
    log.happen("signed_in", "signed_out")
    log.clock.shift(MINUTE)
    log.happen("signed_in")
    assert run("events", "seal").stdout == "2 sealed, 1 wait\n"
    assert run("events", "seal").stdout == "0 sealed, 1 wait\n"
    result = run("events", "verify")
    (seal,) = log.rows(EventSeal)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "2 events in 1 seals, 0 of them of erased people; 1 wait to be sealed",
            f"newest  1:{seal['digest']}",
            "ok",
        ],
    )
    assert run("events", "verify", "--expect", f"1:{seal['digest']}").exit_code == 0
    told = json.loads(run("events", "verify", "--json").stdout)
    assert (told["ok"], told["fault"], told["events"], told["waiting"]) == (True, None, 2, 1)


def test_a_fault_is_named_and_ends_with_1(log: AuditLog, run: Run) -> None:
    with_history(log)
    log.run("UPDATE event SET user_id = NULL WHERE kind = 'suspended'")
    (event,) = [row for row in log.rows(Event) if row["kind"] == "suspended"]
    result = run("events", "verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == (
        f"FAULT  event_changed: event {event['id']} of seal 4 is not as it was sealed"
    )
    told = json.loads(run("events", "verify", "--json").stdout)
    assert (told["ok"], told["fault"]["kind"], told["fault"]["seal_id"]) == (False, "event_changed", 4)
    assert run("events", "verify", "--after", "4").exit_code == 0
    missing = run("events", "verify", "--after", "3", "--expect", f"9:{'0' * 64}")
    assert (missing.exit_code, "event_changed" in missing.stdout) == (1, True)


def test_an_end_that_was_cut_off_is_found_by_the_line_of_the_portals_log(
    log: AuditLog, run: Run, database_url: str
) -> None:
    """The line is on standard error, as JSON, for whoever collects logs on another machine."""
    log.happen("signed_in")
    log.clock.shift(-2 * DAY)  # the shell's clock is the real one: by it all this is long over, or to come
    sealed = shell("events", "seal", **environment(database_url, "smtp://127.0.0.1:1", log_level="info"))
    (line,) = [json.loads(line) for line in sealed.stderr.splitlines() if "events_sealed" in line]
    assert (line["events"], sealed.stdout) == (1, "1 sealed, 0 wait\n")
    log.run("DELETE FROM event", "DELETE FROM event_seal")
    assert run("events", "verify").exit_code == 0
    result = run("events", "verify", "--expect", line["seal"])
    assert (result.exit_code, "seals_missing: seal 1 was there" in result.stdout) == (1, True)


def test_the_doctor_tells_when_sealing_stands_still(log: AuditLog, run: Run) -> None:
    def told() -> tuple[bool, str]:
        rows = {row["check"]: row for row in json.loads(run("doctor", "--json").stdout)}
        return rows["audit seals"]["ok"], rows["audit seals"]["detail"]

    assert told() == (True, "none yet; 0 events wait")
    log.happen("signed_in")
    log.seal()
    log.happen("signed_in")
    assert told() == (True, "newest 1 of 2026-05-22T16:12:29.126Z; 1 events wait")
    log.clock.shift(10 * MINUTE)
    assert run("doctor").exit_code == 1
    assert told()[0] is False
    assert "1 for more than 10 minutes" in told()[1]


def test_the_doctor_tells_until_when_a_clock_that_was_far_ahead_keeps_events(log: AuditLog, run: Run) -> None:
    """PRIV-04: they are pruned in their order only, so nothing later goes before."""

    def told() -> tuple[bool, str]:
        rows = {row["check"]: row for row in json.loads(run("doctor", "--json").stdout)}
        return rows["audit seals"]["ok"], rows["audit seals"]["detail"]

    log.clock.shift(30 * DAY)
    log.happen("signed_in")
    log.seal()
    log.clock.shift(-30 * DAY)
    ok, detail = told()
    assert ok
    assert detail.endswith("sealed by a clock far ahead: nothing later is pruned until 2027-06-21T16:11:27.126Z")
    log.happen("signed_out")
    log.seal()
    log.clock.shift(366 * DAY)
    assert "far ahead" not in told()[1]
    assert log.seals.prune() == 0
    log.clock.shift(30 * DAY)
    assert log.seals.prune() == 2


def test_pruning_deletes_what_is_past_its_time_and_nothing_that_does_not_hold(log: AuditLog, run: Run) -> None:
    """PRIV-04, and the setting's least."""
    log.happen("signed_in", "signed_out")
    log.seal()
    log.clock.shift(91 * DAY)

    def removed(*words: str, **settings: object) -> int:
        rows = json_of(run("prune", "--json", *words, **settings))
        return int(next(row["removed"] for row in rows if row["kind"] == "events"))

    assert removed() == 0
    log.run("UPDATE event SET kind = 'erased'")
    refused = run("prune", events_kept="90d")
    assert (refused.exit_code, "nothing was deleted of the audit log" in refused.output) == (1, True)
    assert len(log.rows(Event)) == 2
    assert removed("--broken-seals", events_kept="90d") == 2
    assert log.fault() is None


@pytest.mark.parametrize("kept", ["89d", "366d", "0"])
def test_events_are_kept_for_90_to_365_days(run: Run, kept: str) -> None:
    """PRIV-04."""
    result = run("doctor", events_kept=kept)
    assert result.exit_code == 1
    assert "EVENTS_KEPT" in str(result.exception)


def test_a_rotation_of_keys_seals_with_a_new_one(log: AuditLog, run: Run) -> None:
    """OPS-15: and is an event itself."""
    log.happen("signed_in")
    log.seal()
    assert run("keys", "rotate", "--leaked").exit_code == 0
    log.seal()
    assert [row["key_id"] for row in log.rows(EventSeal)] == [1, 2]
    told = [(row["actor"], row["facts"]) for row in log.rows(Event) if row["kind"] == "keys_rotated"]
    assert told == [("operator", {"at_once": True, "leaked": True})]
    assert run("events", "verify").exit_code == 0
