"""People: finding them by a proven address, reading, changing and suspending them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Label, String, and_, bindparam, exists, select, update
from sqlalchemy.orm import aliased

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.errors import InvalidInput
from auth_portal.models import Identifier, KnownDevice, Session, User
from auth_portal.prepared import Prepared
from auth_portal.settings import LOCALES
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.endings import end_sessions
from auth_portal.signin.events import Actor, record
from auth_portal.signin.fields import Value, kept_values
from auth_portal.signin.limits import device_values


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as the person sees it. ``email`` and ``phone`` are the main ones; ``fields`` the portal's own.

    ``erase_at``: the person asked for deletion, and until then may take that back.
    """

    id: str
    first_name: str
    last_name: str
    locale: str
    created_at: datetime
    terms_version: str = ""
    suspended_at: datetime | None = None
    erase_at: datetime | None = None
    fields: Mapping[str, Any] | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def is_suspended(self) -> bool:
        """Whether an operator refuses this user."""
        return self.suspended_at is not None


def parse_locale(text: str, field: str) -> str:
    """One of our languages. Raises InvalidInput."""
    if text not in LOCALES:
        raise InvalidInput(**{field: "malformed"})
    return text


def _main(channel: str, label: str) -> Label[str]:
    """The person's main address or number."""
    of_user = and_(Identifier.user_id == User.id, Identifier.channel == channel, Identifier.rank == 0)
    return select(Identifier.value).where(of_user).scalar_subquery().label(label)


USER_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(getattr(User, field.name) for field in fields(Profile)[:-2]),
    _main("email", "email"),
    _main("sms", "phone"),
)
"""What a profile is made of, in its order."""
_NAMES = tuple(field.name for field in fields(Profile))
_HAS_USED_DEVICE = (
    exists()
    .where(Session.user_id == User.id, Session.device == bindparam("device"))
    .correlate(User)
    .label("has_used_device")
)
_KNOWS_BROWSER = (
    exists()
    .where(
        KnownDevice.user_id == User.id,
        KnownDevice.secret_hash.in_([bindparam(name, type_=String) for name in device_values(())]),
        KnownDevice.expires_at > bindparam("now"),
    )
    .correlate(User)
    .label("knows_browser")
)
_OWN = aliased(Identifier)
_OF_DESTINATION = (_OWN.channel == bindparam("channel"), _OWN.value == bindparam("value"))
_BY_DESTINATION = Prepared(select(*USER_COLUMNS).join(_OWN, _OWN.user_id == User.id).where(*_OF_DESTINATION))
_ARRIVING = Prepared(
    select(_HAS_USED_DEVICE, _KNOWS_BROWSER, *USER_COLUMNS)
    .join(_OWN, _OWN.user_id == User.id)
    .where(*_OF_DESTINATION)
)
_BY_ID = select(*USER_COLUMNS).where(User.id == bindparam("user_id"))
_LOCK_FIELDS = select(User.fields).where(User.id == bindparam("user_id")).with_for_update()
_NEWEST = select(*USER_COLUMNS).order_by(User.created_at.desc(), User.id).limit(bindparam("most"))


def profile_of(row: AnyRow) -> Profile:
    """The profile that a row with ``USER_COLUMNS`` says."""
    return Profile(*(getattr(row, name) for name in _NAMES))


def find_user(connection: Connection, destination: Destination) -> Profile | None:
    """The user who proved this destination, if there is one."""
    row = _BY_DESTINATION.first(connection, {"channel": destination.channel, "value": destination.value})
    return None if row is None else Profile(*row)


@dataclass(frozen=True, slots=True)
class Arriving:
    """A user at the door: whether a device of these words was used before, and whether this browser is known."""

    user: Profile
    has_used_device: bool
    knows_browser: bool


def find_arriving(connection: Connection, destination: Destination, caller: Caller) -> Arriving | None:
    """The user who proved this destination, and what is known of the device."""
    values = {"channel": destination.channel, "value": destination.value, "device": caller.device, "now": utcnow()}
    row = _ARRIVING.first(connection, values | device_values(caller.devices))
    if row is None:
        return None
    has_used_device, knows_browser, *columns = row
    return Arriving(Profile(*columns), bool(has_used_device), bool(knows_browser))


class UserService:
    """Looking people up, and what they or an operator change."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)

    def find_by_destination(self, destination: Destination) -> Profile | None:
        """The user who proved this destination."""
        with self._autocommit.connect() as connection:
            return find_user(connection, destination)

    def find_by_id(self, user_id: str) -> Profile | None:
        """The user with this subject."""
        with self._autocommit.connect() as connection:
            row = connection.execute(_BY_ID, {"user_id": user_id}).first()
        return profile_of(row) if row else None

    def newest(self, most: int) -> list[Profile]:
        """The users who came last."""
        with self._autocommit.connect() as connection:
            return [profile_of(row) for row in connection.execute(_NEWEST, {"most": most})]

    def update_profile(
        self, user_id: str, *, fields: Mapping[str, Value | None] | None = None, **changes: str
    ) -> None:
        """Set ``first_name``, ``last_name``, ``locale`` or some ``fields``; what is not named stays."""
        if not changes and not fields:
            return
        with self._engine.begin() as connection:
            values: dict[str, Any] = dict(changes)
            if fields:
                # Locked, so that of two changes of different fields none is lost.
                values["fields"] = kept_values(
                    connection.execute(_LOCK_FIELDS, {"user_id": user_id}).scalar(), fields
                )
            connection.execute(update(User).where(User.id == user_id).values(**values))

    def accept_terms(self, user_id: str, version: str, actor: Actor) -> None:
        """Note that the person accepts this version of the terms; once, however often the button is pressed.

        Terms without a version are accepted with the registration, and no word of that is lost here.
        """
        if not version:
            return
        with self._engine.begin() as connection:
            accepted = update(User).where(User.id == user_id, User.terms_version != version)
            values = {"terms_version": version, "terms_accepted_at": utcnow()}
            if connection.execute(accepted.values(values)).rowcount == 1:
                record(connection, "terms_accepted", actor, user_id, facts={"version": version})

    def suspend(self, user_id: str) -> None:
        """Refuse this user from now on and end every session (SES-10)."""
        now = utcnow()
        with self._engine.begin() as connection:
            suspended = update(User).where(User.id == user_id, User.suspended_at.is_(None))
            connection.execute(suspended.values(suspended_at=now))
            end_sessions(connection, Session.user_id == user_id, now)

    def restore(self, user_id: str) -> None:
        """Let a suspended user sign in again; ended sessions stay ended."""
        with self._engine.begin() as connection:
            connection.execute(update(User).where(User.id == user_id).values(suspended_at=None))
