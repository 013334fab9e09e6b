"""The seals of the audit log: what is sealed when, and that a log that nobody touched holds (OPS-02, PRIV-11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from auth_portal.db import utcnow
from auth_portal.models import Event, EventSeal, SealKey
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.seals import SEAL_EVERY_S, EventSeals
from tests.auditing import ADA, DAY, GONE, MINUTE, AuditLog, log, with_history
from tests.conftest import SECRET_KEY, Made, services_of

__all__ = ["log"]
YEAR = timedelta(days=365)


def seal_ids(log: AuditLog) -> list[int | None]:
    """Which seal each event has, in the order in which they happened."""
    return [row["seal_id"] for row in sorted(log.rows(Event), key=lambda row: row["happened_at"])]


def seals_with(log: AuditLog, *secrets: str) -> EventSeals:
    """The seals of a portal with these secrets, the current one first."""
    return EventSeals(log.engine, KeyRing(secrets), YEAR)


def test_what_is_a_minute_old_is_sealed_and_nothing_younger(log: AuditLog) -> None:
    log.happen("registered", "signed_in")
    log.clock.shift(MINUTE - 1)
    log.happen("signed_out")
    assert log.seals.seal() == 2
    assert seal_ids(log) == [1, 1, None]
    assert log.seals.seal() == 0
    assert log.seal() == 1
    assert seal_ids(log) == [1, 1, 2]
    (first, second) = log.rows(EventSeal)
    assert (first["event_count"], second["event_count"]) == (2, 1)
    assert (first["last_at"] - first["first_at"], second["last_at"]) == (timedelta(seconds=1), second["first_at"])


def test_an_untouched_log_holds_and_says_how_much_there_is(log: AuditLog) -> None:
    """Two keys, a pruned range, an erased person, people, operators and apps."""
    with_history(log)
    log.happen("signed_in")
    report = log.verify()
    assert (report.fault, report.seals, report.events) == (None, 3, 7)
    assert (report.erased, report.late, report.waiting) == (1, 0, 1)
    newest = log.rows(EventSeal)[-1]
    assert report.newest == f"4:{newest['digest']}"


def test_an_empty_log_holds(log: AuditLog) -> None:
    assert log.seal() == 0
    report = log.verify()
    assert (report.fault, report.newest, report.waiting) == (None, None, 0)


def test_an_event_that_is_committed_late_gets_into_the_next_seal(log: AuditLog) -> None:
    """PostgreSQL's commits come in any order: nobody says what belongs to a seal but the events themselves."""
    log.happen("signed_in")
    early = utcnow()
    log.happen("signed_out")
    log.seal()
    log.happen("signed_in", happened_at=early)
    log.seal()
    assert sorted(seal_ids(log)) == [1, 1, 2]
    assert log.fault() is None


def test_many_events_are_sealed_in_bounded_batches(log: AuditLog) -> None:
    rows = [{**row, "id": f"{number:032x}"} for number in range(1_300) for row in [_row(log)]]
    log.run(Event.__table__.insert().values(rows[:1]))
    with log.engine.begin() as connection:
        connection.execute(Event.__table__.insert(), rows[1:])
    assert log.seal() == 1_300
    assert [row["event_count"] for row in log.rows(EventSeal)] == [500, 500, 300]
    assert log.fault() is None


def _row(log: AuditLog) -> dict[str, object]:
    blank = {"user_id": ADA, "session_id": None, "client_id": None, "network": "", "device": "", "facts": None}
    sealed = dict.fromkeys(("digest", "seal_id", "erased_at"))
    words = {"kind": "signed_in", "outcome": "done", "actor": "person", "happened_at": utcnow()}
    return {**blank, **sealed, **words}


def test_a_clock_that_is_set_back_breaks_nothing(log: AuditLog) -> None:
    """What was written in the future, sealed or not, is sealed and holds; and so does what comes after."""
    log.happen("registered")
    log.seal()
    log.clock.shift(400 * DAY)
    log.happen("signed_in")
    log.seal()
    log.happen("signed_out")
    log.clock.shift(-400 * DAY)
    log.happen("signed_in")
    assert log.seal() == 2
    assert seal_ids(log).count(3) == 2
    assert log.fault() is None
    log.happen("signed_out")
    assert log.seal() == 1
    assert log.fault() is None
    assert log.seals.status().waiting == 0


def test_a_job_that_stands_still_is_told(log: AuditLog) -> None:
    log.happen("signed_in")
    log.clock.shift(10 * MINUTE - 2)
    assert (log.fault(), log.seals.status().overdue) == (None, 0)
    log.clock.shift(2)
    found = log.verify()
    assert (found.fault.kind if found.fault else None, found.waiting) == ("not_sealed", 1)
    assert log.seals.status().overdue == 1
    log.seal()
    assert (log.fault(), log.seals.status().overdue) == (None, 0)


def test_events_that_were_sealed_late_are_counted(log: AuditLog) -> None:
    """A job that stood still, or an event that somebody wrote into the past: worth a look, no fault."""
    log.happen("signed_in")
    log.clock.shift(3_600)
    log.seal()
    assert (log.fault(), log.verify().late) == (None, 1)


def test_of_all_processes_one_seals_within_a_minute(log: AuditLog, make_app: Made) -> None:
    other = services_of(make_app())
    limits = other.limits
    log.happen("signed_in")
    log.clock.shift(MINUTE + 1)
    log.seals.seal_if_due(limits)
    assert seal_ids(log) == [1]
    log.happen("signed_out")
    log.clock.shift(SEAL_EVERY_S - 2)
    other.seals.seal_if_due(limits)
    assert seal_ids(log) == [1, None]
    log.clock.shift(MINUTE)
    other.seals.seal_if_due(limits)
    assert seal_ids(log) == [1, 2]
    log.clock.shift(-DAY)
    log.happen("signed_in")
    log.clock.shift(MINUTE + 1)
    other.seals.seal_if_due(limits)
    assert len(log.rows(EventSeal)) == 3, "the clock was set back, and nobody sealed for a day"


def test_an_erased_person_leaves_no_trace_and_the_chain_holds(log: AuditLog) -> None:
    """PRIV-02: before and after sealing; what stays is what happened when."""
    log.happen("registered", user_id=GONE, session_id="5" * 32, client_id="an-app", facts={"channel": "email"})
    log.happen("registered", user_id=ADA)
    log.seal()
    log.happen("signed_in", user_id=GONE)
    assert log.forget(GONE) == 2
    assert log.fault() is None
    log.seal()
    report = log.verify()
    assert (report.fault, report.erased) == (None, 2)
    emptied = [row for row in log.rows(Event) if row["erased_at"]]
    assert {(row["user_id"], row["session_id"], row["network"], row["device"], row["facts"]) for row in emptied} == {
        (None, None, "", "", None)
    }
    assert sorted(row["kind"] for row in emptied) == ["registered", "signed_in"]
    (told,) = [row for row in log.rows(Event) if row["kind"] == "erased"]
    assert (told["user_id"], told["actor"], len(told["facts"]["events"])) == (None, "portal", 2)
    assert GONE not in str(log.rows(Event))


def test_a_person_without_events_is_erased_too(log: AuditLog) -> None:
    assert log.forget(GONE) == 0
    log.seal()
    assert log.fault() is None


@pytest.mark.parametrize("keeps_fallback", [True, False])
def test_seals_outlive_the_secret_once_the_keys_are_rotated(log: AuditLog, keeps_fallback: bool) -> None:
    """OPS-15: as with signing keys, the fallback may be dropped after `auth-portal keys rotate`."""
    with_history(log)
    new = "a new secret that is long enough for anybody"
    both = seals_with(log, new, SECRET_KEY)
    both.keys.rotate(log.engine)
    log.seals = both if keeps_fallback else seals_with(log, new)
    log.happen("signed_in")
    log.seal()
    report = log.verify()
    assert (report.fault, report.seals) == (None, 4)
    assert [row["key_id"] for row in log.rows(EventSeal)] == [2, 1, 2, 2, 3]


def test_a_lost_secret_is_told_and_sealing_goes_on(log: AuditLog) -> None:
    with_history(log)
    log.seals = seals_with(log, "a secret that knows nothing of the former one")
    log.happen("signed_in")
    assert log.seal() == 1
    fault = log.verify().fault
    assert fault is not None
    assert (fault.kind, fault.seal_id) == ("key_missing", 1)
    assert log.verify(after=4).fault is None, "what was sealed since can be verified"


def test_two_rotations_at_once_leave_keys_that_open(log: AuditLog) -> None:
    for _ in range(3):
        log.seals.keys.rotate(log.engine)
    with log.engine.connect() as connection:
        assert sorted(log.seals.keys.opened(connection)) == [1, 2, 3]
        assert log.seals.keys.current(connection)[0] == 3
    assert len({row["secret"] for row in log.rows(SealKey)}) == 3


def test_what_is_past_its_time_is_pruned_by_whole_seals(log: AuditLog) -> None:
    """PRIV-04: 365 days; the last pruned seal stays as the beginning of the chain."""
    for _ in range(12):
        log.happen("signed_in", "signed_out")
        log.seal()
        log.clock.shift(DAY)
    log.clock.shift(357 * DAY)
    assert log.seals.prune() == 10
    assert [row["id"] for row in log.rows(EventSeal)] == list(range(5, 13))
    assert [row["pruned_at"] for row in log.rows(EventSeal)][:2] == [utcnow(), None]
    assert len(log.rows(Event)) == 14
    assert (log.seals.prune(), log.fault()) == (0, None)
    log.clock.shift(30 * DAY)
    log.happen("signed_in")
    log.seal()
    assert (log.seals.prune(), log.fault()) == (14, None)
    assert [row["id"] for row in log.rows(EventSeal)] == [12, 13]
    assert log.verify().events == 1


def test_the_setting_says_how_long_events_are_kept(log: AuditLog, make_app: Made) -> None:
    """PRIV-04."""
    log.happen("signed_in")
    log.seal()
    log.clock.shift(90 * DAY)
    assert log.seals.prune() == 0
    assert services_of(make_app(events_kept="90d")).seals.prune() == 1


def test_events_that_nobody_has_sealed_are_not_pruned(log: AuditLog) -> None:
    log.happen("signed_in")
    log.clock.shift(400 * DAY)
    assert log.seals.prune() == 0
    log.seal()
    assert (log.seals.prune(), log.fault()) == (1, None)


def test_an_erasure_whose_own_event_was_pruned_is_still_one(log: AuditLog) -> None:
    """An event that was committed late may be in a later seal than the event that tells of its erasure."""
    log.happen("registered", user_id=GONE)
    log.forget(GONE)
    log.run("UPDATE event SET seal_id = 0 WHERE kind = 'registered'")  # as if another transaction held it
    log.seal()
    log.run("UPDATE event SET seal_id = NULL WHERE kind = 'registered'")
    log.happen("signed_in")
    log.seal()
    assert (log.fault(), log.verify().erased) == (None, 1)
    first = log.rows(EventSeal)[0]
    log.clock.shift(int((first["last_at"] + YEAR - utcnow()).total_seconds()) + 1)
    assert log.seals.prune() == 1
    assert (log.fault(), log.verify().erased) == (None, 1)
