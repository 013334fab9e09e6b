"""What a proven address opens: a session, or for a new person a registration.

The code was right or the letter's link was confirmed; whichever door it was, this is what follows, once.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from auth_portal.errors import AccountSuspended, CodeRefused, DeletionPending, PortalError
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.leaving import restore_token
from auth_portal.signin.notices import NoticeService
from auth_portal.signin.registration import PendingRegistration, RegistrationService
from auth_portal.signin.sessions import OpenedSession, SessionService
from auth_portal.signin.users import find_arriving

Consume = Callable[[Connection], bool]
"""Uses the proof up in the given transaction; false where another request was first (OTP-05)."""


class EntryService:
    """Uses a proof up and opens what it opens, in one transaction."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        keyring: KeyRing,
        sessions: SessionService,
        registrations: RegistrationService,
        notices: NoticeService,
    ) -> None:
        self._engine = engine
        self._is_closed = settings.signup == "closed"
        self._keyring = keyring
        self._sessions = sessions
        self._registrations = registrations
        self._notices = notices

    def enter(
        self, destination: Destination, caller: Caller, consume: Consume, *, is_suspicious: bool = False
    ) -> OpenedSession | PendingRegistration:
        """Open a session for the destination's user, or a registration. ``is_suspicious``: tell the user anyway.

        The proof of somebody who may not sign in stays used up. Raises CodeRefused, AccountSuspended, or
        DeletionPending for who asked to be deleted.
        """
        with self._engine.begin() as connection:
            if not consume(connection):
                raise CodeRefused
            opened, is_new_device = self._open(connection, destination, caller)
        if isinstance(opened, PortalError):
            raise opened
        if isinstance(opened, OpenedSession) and (is_new_device or is_suspicious):
            self._notices.tell_new_sign_in(opened.user, destination, caller)
        return opened

    def _open(
        self, connection: Connection, destination: Destination, caller: Caller
    ) -> tuple[OpenedSession | PendingRegistration | PortalError, bool]:
        """What is opened, and whether on a new device. A refusal is returned, not raised: the proof stays used."""
        arriving = find_arriving(connection, destination, caller, self._sessions.most)
        if arriving is not None:
            user = arriving.user
            if user.is_suspended:
                return AccountSuspended(), False
            if user.erase_at is not None:
                token = restore_token(self._keyring, user.id, user.erase_at)
                return DeletionPending(erase_at=user.erase_at, token=token), False
            if arriving.is_full:
                self._sessions.make_room(connection, user.id, caller)
            opened = self._sessions.open_session(
                connection, user, caller, destination.channel, knows_browser=arriving.knows_browser
            )
            facts = {"channel": destination.channel}
            record(connection, "signed_in", Actor.of(caller), user.id, session_id=opened.id, facts=facts)
            # A browser is known by its cookie, anything else by its words only.
            return opened, not (arriving.knows_browser if caller.is_browser else arriving.has_used_device)
        if self._is_closed:
            return CodeRefused(), False
        return self._registrations.start(connection, destination, caller), False
