"""People: finding them by a proven address, reading, changing and suspending them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Label,
    String,
    and_,
    bindparam,
    exists,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import aliased

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.errors import InvalidInput
from auth_portal.models import Identifier, KnownDevice, Session, User
from auth_portal.prepared import Prepared
from auth_portal.settings import LOCALES
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.endings import end_person
from auth_portal.signin.events import OPERATOR, Actor, differing, record
from auth_portal.signin.fields import Value, kept_values
from auth_portal.signin.lifetimes import IS_SIGN_IN
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
    updated_at: datetime | None = None
    suspended_at: datetime | None = None
    erase_at: datetime | None = None
    fields: Mapping[str, Any] | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def is_suspended(self) -> bool:
        """Whether an operator refuses this user."""
        return self.suspended_at is not None

    @property
    def address(self) -> str | None:
        """What the person is called by on pages: the main address, or the number where there is none."""
        return self.email or self.phone

    @property
    def may_sign_in(self) -> bool:
        """Whether the account is open: neither suspended nor about to be deleted."""
        return self.suspended_at is None and self.erase_at is None


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
# Whether there is one after the first ``room``. What is over by time counts here, too: who makes room looks closer.
_IS_FULL = (
    select(literal_column("1"))
    .where(Session.user_id == User.id, Session.ended_at.is_(None), IS_SIGN_IN)
    .limit(1)
    .offset(bindparam("room", type_=Integer))
    .correlate(User)
    .exists()
    .label("is_full")
)
_OWN = aliased(Identifier)
_OF_DESTINATION = (_OWN.channel == bindparam("channel"), _OWN.value == bindparam("value"))
_BY_DESTINATION = Prepared(select(*USER_COLUMNS).join(_OWN, _OWN.user_id == User.id).where(*_OF_DESTINATION))
_ARRIVING = Prepared(
    select(_HAS_USED_DEVICE, _KNOWS_BROWSER, _IS_FULL, *USER_COLUMNS)
    .join(_OWN, _OWN.user_id == User.id)
    .where(*_OF_DESTINATION)
)
_BY_ID = select(*USER_COLUMNS).where(User.id == bindparam("user_id"))
_NEWEST = select(*USER_COLUMNS).order_by(User.created_at.desc(), User.id).limit(bindparam("most"))


def profile_of(row: AnyRow) -> Profile:
    """The profile that a row with ``USER_COLUMNS`` says."""
    return Profile(*(getattr(row, name) for name in _NAMES))


def find_user(connection: Connection, destination: Destination) -> Profile | None:
    """The user who proved this destination, if there is one."""
    row = _BY_DESTINATION.first(connection, {"channel": destination.channel, "value": destination.value})
    return None if row is None else Profile(*row)


def hold_user(connection: Connection, user_id: str) -> bool:
    """Whether there is this user, who is not erased before the caller's transaction ends.

    For whoever writes something about a person where no foreign key does the same.
    """
    held = select(User.id).where(User.id == user_id).with_for_update(read=True, key_share=True)
    return connection.execute(held).first() is not None


@dataclass(frozen=True, slots=True)
class Arriving:
    """A user at the door: whether a device of these words was used before, and whether this browser is known.

    ``is_full``: there is perhaps no room for one more session (SES-14).
    """

    user: Profile
    has_used_device: bool
    knows_browser: bool
    is_full: bool


def find_arriving(connection: Connection, destination: Destination, caller: Caller, most: int) -> Arriving | None:
    """The user who proved this destination, and what is known of the device. ``most``: sessions that one may have."""
    values = {
        "channel": destination.channel,
        "value": destination.value,
        "device": caller.device,
        "now": utcnow(),
        "room": most - 1,
    }
    row = _ARRIVING.first(connection, values | device_values(caller.devices))
    if row is None:
        return None
    has_used_device, knows_browser, is_full, *columns = row
    return Arriving(Profile(*columns), bool(has_used_device), bool(knows_browser), bool(is_full))


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
        self, user_id: str, actor: Actor, *, fields: Mapping[str, Value | None] | None = None, **wanted: Any
    ) -> None:
        """Set ``first_name``, ``last_name``, ``locale`` or some ``fields``; what is not named stays."""
        if not wanted and not fields:
            return
        of_user = User.id == user_id
        # Locked, so that of two changes of different fields none is lost.
        former = select(User.fields, *(getattr(User, name) for name in wanted)).where(of_user).with_for_update()
        with self._engine.begin() as connection:
            row = connection.execute(former).first()
            if row is None:
                return
            changes = differing(row, wanted | ({"fields": kept_values(row.fields, fields)} if fields else {}))
            if changes:
                connection.execute(update(User).where(of_user).values(changes | {"updated_at": utcnow()}))
                record(connection, "profile_changed", actor, user_id, facts={"fields": sorted(changes)})

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
            if connection.execute(suspended.values(suspended_at=now)).rowcount:
                record(connection, "suspended", OPERATOR, user_id)
            end_person(connection, user_id, now)

    def restore(self, user_id: str) -> None:
        """Let a suspended user sign in again; ended sessions stay ended."""
        restored = update(User).where(User.id == user_id, User.suspended_at.is_not(None)).values(suspended_at=None)
        with self._engine.begin() as connection:
            if connection.execute(restored).rowcount:
                # One that was opened while the user was being suspended must not come to life.
                end_person(connection, user_id, utcnow())
                record(connection, "restored", OPERATOR, user_id)
