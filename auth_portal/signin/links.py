"""The links of a code's letter: sign in without typing, and "that was not me" (OTP-37).

A link's token is made of the challenge's seed. Opening a link has no effect; what it does is done by the page's
button. Whoever asked for the code in this very browser is signed in. In any other browser the button only approves,
and the browser that asked goes on by itself: so a forwarded letter signs in nobody but the one who asked, and the
page says whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Engine, Update

from auth_portal.db import autocommit, utcnow
from auth_portal.errors import CodeRefused
from auth_portal.settings import Settings
from auth_portal.signin import challenge_sql as sql
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.challenges import Challenge, challenge_of
from auth_portal.signin.entry import EntryService
from auth_portal.signin.events import Actor, record
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.link_tokens import Purpose, make_token, read_token
from auth_portal.signin.registration import PendingRegistration
from auth_portal.signin.sessions import OpenedSession
from auth_portal.signin.users import find_user

LinkState = Literal["here", "elsewhere", "approved", "type_code", "dead"]


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What the page of a sign-in link has to say; ``challenge`` where there is one to say it about."""

    state: LinkState
    challenge: Challenge | None = None


@dataclass(frozen=True, slots=True)
class StoppedCode:
    """What the "not me" page has to say: whose code, and when it was used if it was: to sign in, or ``added`` to an
    account.
    """

    state: Literal["ask", "done", "used", "added", "dead"]
    destination: Destination | None = None
    used_at: datetime | None = None


def link_of(settings: Settings, keyring: KeyRing, seed: str) -> str:
    """The address that signs in without typing. Built from PUBLIC_URL only (OTP-38)."""
    return f"{settings.public_url}/login/link/{make_token(keyring, 'link', seed)}"


def not_me_link_of(settings: Settings, keyring: KeyRing, seed: str) -> str:
    """The address that stops a code."""
    return f"{settings.public_url}/login/not-me/{make_token(keyring, 'not-me', seed)}"


class LinkService:
    """Opens the links of letters and does what their buttons say."""

    def __init__(self, engine: Engine, keyring: KeyRing, entry: EntryService) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)
        self._keyring = keyring
        self._entry = entry

    def find(self, token: str, caller: Caller) -> OpenedLink:
        """What this link would do in this browser. Changes nothing."""
        challenge = self._find(token, "link", caller.key)
        return OpenedLink("dead") if challenge is None else OpenedLink(_state(challenge, caller), challenge)

    def sign_in(self, token: str, caller: Caller) -> OpenedSession | PendingRegistration:
        """Do what the button says in the browser that asked. Raises CodeRefused or AccountSuspended."""
        link = self.find(token, caller)
        challenge = link.challenge
        if link.state != "here" or challenge is None:
            raise CodeRefused
        return self._use(challenge, caller, sql.CONSUME_LIVE)

    def approve(self, token: str, caller: Caller) -> bool:
        """Let the browser that asked go on; false where there is nothing to approve any more."""
        link = self.find(token, caller)
        if link.state not in ("elsewhere", "approved") or link.challenge is None:
            return False
        with self._engine.begin() as connection:
            values = {"given_id": link.challenge.id, "now": utcnow()}
            return connection.execute(sql.APPROVE, values).rowcount == 1

    def follow_approval(self, challenge: Challenge, caller: Caller) -> OpenedSession | PendingRegistration:
        """Sign in the browser that asked, once its challenge was approved elsewhere. Raises CodeRefused."""
        return self._use(challenge, caller, sql.CONSUME_APPROVED)

    def not_me_token(self, challenge: Challenge) -> str:
        """What stands in the "not me" link of this challenge's letter."""
        return make_token(self._keyring, "not-me", challenge.seed)

    def find_stop(self, token: str) -> StoppedCode:
        """What "not me" would do. Changes nothing."""
        challenge = self._find(token, "not-me", "")
        if challenge is None:
            return StoppedCode("dead")
        if challenge.consumed_at is not None:
            state: Literal["used", "added"] = "added" if challenge.caller.startswith("session:") else "used"
            return StoppedCode(state, challenge.destination, challenge.consumed_at)
        return StoppedCode("ask" if challenge.is_live(utcnow()) else "dead", challenge.destination)

    def stop(self, token: str, caller: Caller) -> StoppedCode:
        """Kill every code that is pending for the address; what was typed so far stays counted."""
        found = self.find_stop(token)
        if found.state != "ask" or found.destination is None:
            return found
        values = {"given_channel": found.destination.channel, "given_destination": found.destination.value}
        with self._engine.begin() as connection:
            # Of two at once the second reads its clock when the first is done, or the codes would live for it still.
            connection.execute(sql.HOLD, values | {"now": utcnow()})
            if connection.execute(sql.KILL, values | {"now": utcnow()}).rowcount:
                user = find_user(connection, found.destination)
                record(connection, "codes_stopped", Actor.of(caller), user.id if user else None)
        return StoppedCode("done", found.destination)

    def _use(self, challenge: Challenge, caller: Caller, once: Update) -> OpenedSession | PendingRegistration:
        def consume(connection: Connection) -> bool:
            values = {"now": utcnow(), "keeps": 1}
            if challenge.shared_seed is not None:
                shared = {"given_id": challenge.shared_seed, "right_foreign": 0}
                return sql.CONSUME.run(connection, values | shared).rowcount == 1
            held = {"given_id": challenge.id, "given_caller": caller.key}
            return connection.execute(once, values | held).rowcount == 1

        return self._entry.enter(challenge.destination, caller, consume)

    def _find(self, token: str, purpose: Purpose, caller_key: str) -> Challenge | None:
        """The challenge of a token; of several that share a code the caller's own, if there is one."""
        seed = read_token(self._keyring, purpose, token)
        if seed is None:
            return None
        values = {"given_id": seed, "given_seed": seed, "given_caller": caller_key}
        with self._autocommit.connect() as connection:
            row = connection.execute(sql.OF_SEED, values).first() or connection.execute(sql.OF_ID, values).first()
        return challenge_of(row) if row else None


def _state(challenge: Challenge, caller: Caller) -> LinkState:
    if not challenge.is_live(utcnow()):
        return "dead"
    if challenge.caller == caller.key:
        return "here"
    # Nobody knows which of those who share a code the letter's reader is; and an app has no page that could go on.
    if challenge.shared_seed is not None or not challenge.caller.startswith("browser:"):
        return "type_code"
    return "elsewhere" if challenge.approved_at is None else "approved"
