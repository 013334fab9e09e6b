"""People: finding them by a proven address, reading, changing and suspending them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, exists, func, select, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.models import Identifier, Session, User
from auth_portal.prepared import Prepared
from auth_portal.signin.addresses import Destination
from auth_portal.signin.endings import end_sessions


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as the person sees it."""

    id: str
    first_name: str
    last_name: str
    email: str | None
    locale: str
    created_at: datetime
    is_suspended: bool = False


_EMAIL = (
    select(func.min(Identifier.value))
    .where(Identifier.user_id == User.id, Identifier.channel == "email")
    .scalar_subquery()
    .label("email")
)
USER_COLUMNS = (
    User.id,
    User.first_name,
    User.last_name,
    User.locale,
    User.created_at,
    User.suspended_at,
    _EMAIL,
)
"""What ``profile_of`` reads."""

_BY_DESTINATION = Prepared(
    select(*USER_COLUMNS[:-1], Identifier.value.label("email"))
    .join(Identifier, Identifier.user_id == User.id)
    .where(Identifier.channel == bindparam("channel"), Identifier.value == bindparam("value"))
)
_ARRIVING = Prepared(
    select(
        *USER_COLUMNS[:-1],
        Identifier.value.label("email"),
        exists()
        .where(Session.user_id == User.id, Session.device == bindparam("device"))
        .correlate(User)
        .label("has_used_device"),
    )
    .join(Identifier, Identifier.user_id == User.id)
    .where(Identifier.channel == bindparam("channel"), Identifier.value == bindparam("value"))
)
_BY_ID = select(*USER_COLUMNS).where(User.id == bindparam("user_id"))
_NEWEST = select(*USER_COLUMNS).order_by(User.created_at.desc(), User.id).limit(bindparam("most"))


def profile_of(row: AnyRow) -> Profile:
    """The profile that a row of ``USER_COLUMNS`` says."""
    return Profile(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        locale=row.locale,
        created_at=row.created_at,
        is_suspended=row.suspended_at is not None,
    )


def find_user(connection: Connection, destination: Destination) -> Profile | None:
    """The user who proved this destination, if there is one."""
    values = {"channel": destination.channel, "value": destination.value}
    row = _BY_DESTINATION.first(connection, values)
    if row is None:
        return None
    user_id, first_name, last_name, locale, created_at, suspended_at, email = row
    return Profile(user_id, first_name, last_name, email, locale, created_at, suspended_at is not None)


def find_arriving(connection: Connection, destination: Destination, device: str) -> tuple[Profile, bool] | None:
    """The user who proved this destination, and whether a device of these words was used before."""
    values = {"channel": destination.channel, "value": destination.value, "device": device}
    row = _ARRIVING.first(connection, values)
    if row is None:
        return None
    user_id, first_name, last_name, locale, created_at, suspended_at, email, has_used_device = row
    profile = Profile(user_id, first_name, last_name, email, locale, created_at, suspended_at is not None)
    return profile, bool(has_used_device)


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

    def update_profile(self, user_id: str, **changes: str) -> None:
        """Set ``first_name``, ``last_name`` or ``locale``; what is not named stays."""
        if changes:
            with self._engine.begin() as connection:
                connection.execute(update(User).where(User.id == user_id).values(**changes))

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
