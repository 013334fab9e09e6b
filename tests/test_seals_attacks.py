"""Attacks of several steps on a sealed audit log, without SECRET_KEY: each of them is found, and named (PRIV-11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from auth_portal.db import utcnow
from auth_portal.models import Event, EventSeal, SealKey
from auth_portal.signin.seal_chain import ChainBroken
from tests.auditing import BOB, DAY, AuditLog
from tests.tampering import log

__all__ = ["log"]


def remove_a_seal_and_renumber(log: AuditLog) -> None:
    """As if the third had never been."""
    log.run(
        "DELETE FROM event WHERE seal_id = 3",
        "DELETE FROM event_seal WHERE id = 3",
        "UPDATE event SET seal_id = 3 WHERE seal_id = 4",
        "UPDATE event_seal SET id = 3 WHERE id = 4",
    )


def exchange_two_seals(log: AuditLog) -> None:
    """The second and the third in the other order, with their events."""
    log.run(
        "UPDATE event SET seal_id = 2 + 3 - seal_id WHERE seal_id IN (2, 3)",
        "UPDATE event_seal SET id = 99 WHERE id = 2",
        "UPDATE event_seal SET id = 2 WHERE id = 3",
        "UPDATE event_seal SET id = 3 WHERE id = 99",
    )


def remove_an_event_and_count_anew(log: AuditLog) -> None:
    """One of the three of the third seal."""
    log.run(
        "DELETE FROM event WHERE kind = 'app_withdrawn'",
        "UPDATE event_seal SET event_count = event_count - 1 WHERE id = 3",
    )


def remove_the_beginning(log: AuditLog) -> None:
    """All but the newest seal."""
    log.run("DELETE FROM event WHERE seal_id < 4", "DELETE FROM event_seal WHERE id < 4")


def say_that_the_portal_pruned(log: AuditLog) -> None:
    """With the proof of the seal that it did prune."""
    first = log.rows(EventSeal)[0]
    proof = {name: first[name] for name in ("pruned_at", "pruned_digest", "key_id")}
    log.run(
        "DELETE FROM event WHERE seal_id <= 2",
        "DELETE FROM event_seal WHERE id = 1",
        update(EventSeal).where(EventSeal.id == 2).values(proof),
    )


def remove_everything_but_the_events(log: AuditLog) -> None:
    """And leave the portal to seal what it finds."""
    log.run("DELETE FROM event_seal", "DELETE FROM seal_key")


def seal_with_a_key_of_ones_own(log: AuditLog) -> None:
    """A chain that a portal with another SECRET_KEY made of the events that somebody left."""
    from auth_portal.signin.keyring import KeyRing
    from auth_portal.signin.seals import EventSeals

    log.run(
        "DELETE FROM event_seal",
        "DELETE FROM seal_key",
        "DELETE FROM event WHERE kind = 'client_changed'",
        "UPDATE event SET seal_id = NULL, digest = NULL",
    )
    assert EventSeals(log.engine, KeyRing(["the secret of somebody else entirely"]), timedelta(days=365)).seal() == 6


def bring_back_a_former_key(log: AuditLog) -> None:
    """As the newest, for whoever has come to know it."""
    (first, _second) = log.rows(SealKey)
    log.run(insert(SealKey).values(id=3, secret=first["secret"]))
    log.happen("signed_in")
    log.seal()
    assert log.rows(EventSeal)[-1]["key_id"] == 4, "it was taken for a key"
    log.run("DELETE FROM seal_key WHERE id = 4")


def empty_an_event_and_call_it_an_erasure(log: AuditLog) -> None:
    """At the very moment of one that there was."""
    (moment,) = {row["erased_at"] for row in log.rows(Event)} - {None}
    nobody = {"user_id": None, "session_id": None, "network": "", "device": "", "facts": None}
    log.run(update(Event).where(Event.kind == "code_refused").values(erased_at=moment, **nobody))


def empty_an_event_at_a_moment_that_is_past_all_reading(log: AuditLog) -> None:
    """Before the first event that is kept."""
    nobody = {"user_id": None, "session_id": None, "network": "", "device": "", "facts": None}
    long_ago = log.rows(EventSeal)[0]["last_at"]
    log.run(update(Event).where(Event.kind == "code_refused").values(erased_at=long_ago, **nobody))


def blame_an_erased_event_on_somebody(log: AuditLog) -> None:
    """Give it a person, and keep it erased."""
    log.run(f"UPDATE event SET user_id = '{BOB}' WHERE erased_at IS NOT NULL")


def take_an_event_out_to_have_it_sealed_anew(log: AuditLog) -> None:
    """Changed, in the next seal."""
    log.run(f"UPDATE event SET seal_id = NULL, digest = NULL, user_id = '{BOB}' WHERE kind = 'app_allowed'")
    log.seal()


@pytest.mark.parametrize(
    ("attack", "kind", "seal_id"),
    [
        (remove_a_seal_and_renumber, "event_changed", 3),
        (exchange_two_seals, "event_changed", 2),
        (remove_an_event_and_count_anew, "seal_changed", 3),
        (remove_the_beginning, "seals_missing", 3),
        (say_that_the_portal_pruned, "seal_changed", 2),
        (remove_everything_but_the_events, "seals_missing", 2),
        (seal_with_a_key_of_ones_own, "key_missing", 1),
        (bring_back_a_former_key, "key_missing", 5),
        (empty_an_event_and_call_it_an_erasure, "erasure_unknown", 2),
        (empty_an_event_at_a_moment_that_is_past_all_reading, "erasure_unknown", 2),
        (blame_an_erased_event_on_somebody, "event_changed", 2),
        (take_an_event_out_to_have_it_sealed_anew, "events_missing", 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_attack_of_several_steps_is_found_and_named(log: AuditLog, attack: Any, kind: str, seal_id: int) -> None:
    attack(log)
    fault = log.verify().fault
    assert fault is not None
    assert (fault.kind, fault.seal_id) == (kind, seal_id), fault.words


def test_the_first_fault_is_named_with_its_event(log: AuditLog) -> None:
    (event,) = [row for row in log.rows(Event) if row["kind"] == "app_withdrawn"]
    log.run("UPDATE event SET kind = 'app_allowed' WHERE kind = 'app_withdrawn'")
    log.run(f"UPDATE event SET network = '198.51.100.0/24' WHERE user_id = '{BOB}'")
    fault = log.verify().fault
    assert fault is not None
    assert (fault.kind, fault.seal_id, fault.event_id) == ("event_changed", 3, event["id"])
    assert event["id"] in fault.words
    later = log.verify(after=3).fault
    assert later is not None
    assert (later.kind, later.seal_id) == ("event_changed", 4)


def test_the_newest_seals_are_missed_by_whoever_noted_one(log: AuditLog) -> None:
    """Cutting the end off is the one thing that the chain alone cannot show."""
    log.happen("signed_in")
    log.seal()
    noted = log.verify().newest
    assert noted is not None
    log.happen("signed_out")
    log.seal()
    assert log.fault(noted) is None
    with log.undone():
        log.run("DELETE FROM event WHERE seal_id > 4", "DELETE FROM event_seal WHERE id > 4")
        assert log.fault() is None
        assert log.fault(noted) == "seals_missing"
        log.happen("signed_out")
        log.seal()
        assert log.fault() is None
        assert log.fault(noted) == "noted_differs", "the end was made anew"


def test_a_note_that_is_older_than_all_that_is_kept_is_refused_as_such(log: AuditLog) -> None:
    first, second = log.rows(EventSeal)[:2]
    assert log.fault(f"1:{first['digest']}") is None, "the seal where the chain begins"
    assert log.fault(f"1:{second['digest']}") == "noted_differs"
    log.clock.shift(300 * DAY)
    assert log.seals.prune() == 5
    assert log.fault(f"1:{first['digest']}") == "noted_too_old"


def test_trust_begins_where_it_is_said_to(log: AuditLog) -> None:
    """A fault that was looked into must not hide the next one."""
    log.run("DELETE FROM event WHERE seal_id = 2")
    assert log.fault() == "events_missing"
    report = log.verify(after=2)
    assert (report.fault, report.seals) == (None, 2)
    missing = log.verify(after=9).fault
    assert missing is not None
    assert missing.kind == "seals_missing"


@pytest.mark.parametrize("what", ["last_at", "first_at, last_at and the events' own times"])
def test_nobody_can_let_the_portal_itself_delete_the_evidence(log: AuditLog, what: str) -> None:
    """Pruning looks at what it deletes: a seal whose time was changed is kept, with all that comes after."""
    long_ago = utcnow() - timedelta(days=1_000)
    log.run(update(EventSeal).where(EventSeal.id > 1).values(last_at=long_ago))
    if what != "last_at":
        log.run(update(EventSeal).where(EventSeal.id > 1).values(first_at=long_ago))
        log.run(update(Event).values(happened_at=long_ago))
    before = log.rows(Event)
    with pytest.raises(ChainBroken):
        log.seals.prune()
    assert log.rows(Event) == before
    assert log.seals.prune(even_broken=True) == 7
    assert (log.fault(), [row["id"] for row in log.rows(EventSeal)]) == (None, [4])
