"""Reading the audit log: pages that never shift, what operators search for, and whom an incident concerns."""

from __future__ import annotations

from datetime import timedelta

import pytest

from auth_portal.db import utcnow
from auth_portal.errors import InvalidInput
from auth_portal.signin.event_log import EventPage, EventService, Position
from auth_portal.signin.events import OPERATOR
from tests.auditing import ADA, BOB, GONE, HOME, AuditLog, log

__all__ = ["log"]


@pytest.fixture
def service(log: AuditLog) -> EventService:
    """Reads the test's log."""
    return EventService(log.engine)


def ids(page: EventPage) -> list[str]:
    """The events of a page."""
    return [event.id for event in page.events]


def test_an_event_comes_back_as_it_was_recorded(log: AuditLog, service: EventService) -> None:
    """OPS-02: what, who, when, source network, client, outcome."""
    moment = utcnow()
    log.happen("signed_in", session_id="5" * 32, client_id="an-app", facts={"channel": "email"})
    (event,) = service.of_user(ADA).events
    assert (event.kind, event.outcome, event.actor, event.happened_at) == ("signed_in", "done", "person", moment)
    assert (event.user_id, event.session_id, event.client_id) == (ADA, "5" * 32, "an-app")
    assert (event.network, event.device, event.facts) == (HOME.network, HOME.device, {"channel": "email"})
    assert (event.client_name, event.seal_id, event.erased_at) == (None, None, None)


def test_pages_show_each_event_once_however_many_come_meanwhile(log: AuditLog, service: EventService) -> None:
    moment = utcnow()
    for number in range(9):
        log.happen("signed_in", happened_at=moment + timedelta(seconds=number // 4))
    everything = ids(service.of_user(ADA))
    seen: list[str] = []
    before = None
    while True:
        page = service.of_user(ADA, before, most=2)
        seen += ids(page)
        log.happen("signed_out")
        if page.older is None:
            break
        before = Position.parse(str(page.older))
    assert seen == everything
    assert len(seen) == 9


def test_a_page_that_is_just_full_has_none_behind_it(log: AuditLog, service: EventService) -> None:
    log.happen("signed_in", "signed_out")
    assert service.of_user(ADA, most=2).older is None
    assert service.of_user(ADA, most=1).older is not None
    assert service.of_user(BOB) == EventPage([], None)


def test_a_person_sees_nobody_elses_events(log: AuditLog, service: EventService) -> None:
    log.happen("signed_in")
    log.happen("signed_out", user_id=BOB)
    log.happen("client_created", user_id=None, actor=OPERATOR)
    page = service.of_user(ADA)
    assert [event.kind for event in page.events] == ["signed_in"]
    others = service.of_user(BOB)
    assert ids(service.of_user(BOB, Position(page.events[0].happened_at, page.events[0].id))) == []
    assert [event.kind for event in others.events] == ["signed_out"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "x.y",
        f"-1.{ADA}",
        f"1.{ADA}0",
        f"1.{ADA[1:]}",
        f"{'9' * 18}.{ADA}",
        f"٣.{ADA}",
        f"1.{ADA}\n",
    ],
)
def test_a_position_that_we_did_not_write_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Position.parse(text)


def test_every_position_that_can_be_written_can_be_read(service: EventService) -> None:
    assert service.of_user(ADA, Position.parse(f"{'9' * 17}.{ADA}")).events == []
    assert service.of_user(ADA, Position.parse(f"0.{ADA}")).events == []


def test_operators_search_by_person_kind_and_time(log: AuditLog, service: EventService) -> None:
    began = utcnow()
    log.happen("signed_in", "signed_out")
    log.happen("signed_in", user_id=BOB)
    assert [event.kind for event in service.all()] == ["signed_in", "signed_out", "signed_in"]
    assert [event.user_id for event in service.all(kind="signed_in")] == [BOB, ADA]
    assert [event.kind for event in service.all(user_id=ADA, most=1)] == ["signed_out"]
    second = timedelta(seconds=1)
    within = service.all(since=began + second, until=began + 2 * second)
    assert [event.kind for event in within] == ["signed_out"], "the first moment belongs to it, the last does not"


def test_an_incident_concerns_everybody_of_whom_something_happened(log: AuditLog, service: EventService) -> None:
    """PRIV-10."""
    began = utcnow()
    log.happen("signed_in", user_id=BOB)
    log.happen("signed_in", "address_changed", "signed_out")
    log.happen("signed_in", user_id=GONE)
    log.happen("client_created", user_id=None, actor=OPERATOR)
    log.forget(GONE)
    ended = utcnow()
    log.happen("signed_out", user_id=BOB)
    found = service.affected(began, ended)
    assert [(each.user_id, each.events) for each in found] == [(BOB, 1), (ADA, 3)]
    assert (found[1].first_at, found[1].last_at) == (began + timedelta(seconds=1), began + timedelta(seconds=3))
    assert [each.user_id for each in service.affected(began, ended, "address_changed")] == [ADA]
    assert service.affected(ended + timedelta(hours=1), ended + timedelta(hours=2)) == []
