"""Reading the audit log: a person their own events, an operator all, and whom an incident concerns (PRIV-10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import ColumnElement, Engine, Select, String, and_, func, or_, select, type_coerce

from auth_portal.db import AnyRow, autocommit
from auth_portal.errors import InvalidInput
from auth_portal.models import Client, Event
from auth_portal.signin.events import EventKind

PAGE = 50
"""Events of a page."""
POSITION_PATTERN = r"^([0-9]{1,17})\.([0-9a-f]{32})$"
"""What a position looks like as text."""
_POSITION = re.compile(POSITION_PATTERN, re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it was recorded. ``client_name``: of the app, as long as there is one."""

    id: str
    happened_at: datetime
    kind: EventKind
    outcome: str
    actor: str
    user_id: str | None
    session_id: str | None
    client_id: str | None
    network: str
    device: str
    facts: Mapping[str, Any] | None
    seal_id: int | None
    erased_at: datetime | None
    client_name: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log. Two events may have happened at the same moment: the id decides."""

    happened_at: datetime
    event_id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position that ``str`` wrote. Raises InvalidInput."""
        match = _POSITION.fullmatch(text)
        if match is None:
            raise InvalidInput(before="malformed")
        return cls(_EPOCH + int(match[1]) * _MICROSECOND, match[2])

    def __str__(self) -> str:
        return f"{(self.happened_at - _EPOCH) // _MICROSECOND}.{self.event_id}"


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, the newest first; ``older`` is where the next page begins, None where there is none."""

    events: list[LoggedEvent]
    older: Position | None


@dataclass(frozen=True, slots=True)
class Affected:
    """Somebody of whom something happened in a time: how much, first and last."""

    user_id: str
    events: int
    first_at: datetime
    last_at: datetime


class EventService:
    """Reads the log, the newest first."""

    def __init__(self, engine: Engine) -> None:
        self._autocommit = autocommit(engine)

    def of_user(self, user_id: str, before: Position | None = None, most: int = PAGE) -> EventPage:
        """A page of what happened to a person's account, from ``before`` on into the past.

        Later events never shift the pages.
        """
        where = Event.user_id == user_id
        if before is not None:
            is_older = or_(Event.happened_at < before.happened_at, Event.id < before.event_id)
            where = and_(where, Event.happened_at <= before.happened_at, is_older)
        found = self._read(_EVENTS.where(where).limit(most + 1))
        events = found[:most]
        has_more = len(found) > most
        return EventPage(events, Position(events[-1].happened_at, events[-1].id) if has_more else None)

    def all(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: EventKind | None = None,
        user_id: str | None = None,
        most: int = PAGE,
    ) -> list[LoggedEvent]:
        """What happened to everybody. ``since`` is included, ``until`` is not."""
        where = _within(since, until, kind)
        if user_id is not None:
            where.append(Event.user_id == user_id)
        return self._read(_EVENTS.where(*where).limit(most))

    def affected(self, since: datetime, until: datetime, kind: EventKind | None = None) -> list[Affected]:
        """Everybody of whose account something happened in this time, the first one first (PRIV-10)."""
        first, last = func.min(Event.happened_at), func.max(Event.happened_at)
        query = (
            select(type_coerce(Event.user_id, String), func.count(), first, last)
            .where(Event.user_id.is_not(None), *_within(since, until, kind))
            .group_by(Event.user_id)
            .order_by(first, Event.user_id)
        )
        with self._autocommit.connect() as connection:
            return [Affected(*row) for row in connection.execute(query)]

    def _read(self, query: Select[Any]) -> list[LoggedEvent]:
        with self._autocommit.connect() as connection:
            return [_event(row) for row in connection.execute(query)]


def _within(since: datetime | None, until: datetime | None, kind: EventKind | None) -> list[ColumnElement[bool]]:
    wanted = [
        Event.happened_at >= since if since is not None else None,
        Event.happened_at < until if until is not None else None,
        Event.kind == kind if kind is not None else None,
    ]
    return [condition for condition in wanted if condition is not None]


def _event(row: AnyRow) -> LoggedEvent:
    return LoggedEvent(*row)


_EVENTS = (
    select(*(getattr(Event, field.name) for field in fields(LoggedEvent)[:-1]), Client.name)
    .outerjoin(Client, Client.id == Event.client_id)
    .order_by(Event.happened_at.desc(), Event.id.desc())
)
