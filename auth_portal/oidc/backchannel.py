"""Back-channel logout: tells clients that a session ended (OpenID Connect Back-Channel Logout 1.0).

What is to be told was written in the transaction that ended the session (``LogoutNotice``); here it is delivered, by
whichever process comes first. Nobody who signs out waits for it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import structlog
from sqlalchemy import Engine, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from auth_portal.db import autocommit, utcnow
from auth_portal.models import LogoutNotice
from auth_portal.oidc.clients import Client, ClientService
from auth_portal.oidc.fetch import Fetcher, FetchFailed
from auth_portal.oidc.subjects import Subjects
from auth_portal.signin.keys import Algorithm
from auth_portal.signin.tokens import TokenIssuer

log = structlog.get_logger("backchannel")

DELIVER_EVERY_S = 15
"""How often each process looks for notices that are due, beside right after a sign-out."""
END_EVERY_S = 60
"""How often each process notes sessions whose time is over (OP-58)."""
LOGOUT_TYPE = "logout+jwt"
"""``typ`` of a logout token (JWT-03)."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
TOKEN_TTL = timedelta(minutes=2)
LEASE = timedelta(seconds=30)
"""How long a notice belongs to who took it: longer than a delivery may take, since then it is due again."""
RETRY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3_600, 6 * 3_600))
"""How long after each failure the next try is; after the last one the client is given up."""
_MOST_AT_ONCE = 8
_MOST_OF_A_CLIENT = 2
"""So that a few dead clients leave room for the others."""
_RUN_S = 10.0
"""A run begins nothing later than this; the rest stays due. So a process that must end is never kept for long."""


@dataclass(frozen=True, slots=True)
class _Notice:
    session_id: str
    client_id: str
    user_id: str
    tries: int

    @property
    def key(self) -> dict[str, str]:
        return {"key_session": self.session_id, "key_client": self.client_id}


class _Run:
    """What the threads of one run know of each other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.under_way: Counter[str] = Counter()
        self.failed: set[str] = set()
        self.told = 0
        self._until = time.monotonic() + _RUN_S

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def avoided(self) -> list[str]:
        """Clients that are not asked now: they have just failed, or enough of theirs is under way."""
        busy = {client_id for client_id, count in self.under_way.items() if count >= _MOST_OF_A_CLIENT}
        return sorted(busy | self.failed)


class BackChannel:
    """Delivers the news of sign-outs, each by one process at a time, and loses none when a process dies."""

    def __init__(
        self, engine: Engine, clients: ClientService, subjects: Subjects, issuer: TokenIssuer, fetcher: Fetcher
    ) -> None:
        self._autocommit = autocommit(engine)
        self._clients = clients
        self._subjects = subjects
        self._issuer = issuer
        self._fetcher = fetcher

    def deliver_due(self) -> int:
        """Tell clients what is due to be told; says how many were.

        What fails is tried again later by whoever runs this then, at growing distances. A client that does not answer
        is left alone for the rest of the run, and delays nobody else.
        """
        with self._autocommit.connect() as connection:
            waiting = connection.execute(_WAITING, {"now": utcnow()}).scalar_one()
        if not waiting:
            return 0
        run = _Run()
        with ThreadPoolExecutor(waiting, "backchannel") as threads:
            for worker in [threads.submit(self._work, run) for _ in range(waiting)]:
                worker.result()
        return run.told

    def _work(self, run: _Run) -> None:
        while (notice := self._take(run)) is not None:
            is_done, has_told = False, False
            try:
                is_done, has_told = self._deliver(notice)
            finally:
                with run.lock:
                    run.under_way[notice.client_id] -= 1
                    run.told += has_told
                    if not is_done:
                        run.failed.add(notice.client_id)

    def _take(self, run: _Run) -> _Notice | None:
        """Lease the notice that is longest due: it is ours until the lease is over, and its try is counted.

        No transaction stays open. If we die now, it is due again after the lease.
        """
        with run.lock:
            if run.is_over:
                return None
            now = utcnow()
            values = {"now": now, "lease": now + LEASE, "avoided": run.avoided()}
            with self._autocommit.connect() as connection:
                row = connection.execute(_TAKE, values).first()
            if row is None:
                return None
            run.under_way[row.client_id] += 1
        return _Notice(row.session_id, row.client_id, row.user_id, row.tries)

    def _deliver(self, notice: _Notice) -> tuple[bool, bool]:
        """Tell a client; whether nothing is left to be done, and whether the client took it (OP-56)."""
        client = self._clients.find(notice.client_id)
        if client is None or client.backchannel_logout_uri is None:
            self._forget(notice)  # it has since stopped wanting to be told
            return True, False
        if notice.tries > len(RETRY_AFTER) + 1:
            self._give_up(notice, "whoever tried last died")
            return True, False
        fields = {"logout_token": self._logout_token(client, notice)}
        try:
            status = self._fetcher.post_form(client.backchannel_logout_uri, fields)
        except FetchFailed as error:
            self._retry(notice, str(error))
            return False, False
        if status in (200, 204):
            self._forget(notice)
            log.info("logout_told", client=notice.client_id)
            return True, True
        if status == 400:
            self._give_up(notice, "refused")
            return True, False
        self._retry(notice, f"status {status}")
        return False, False

    def _logout_token(self, client: Client, notice: _Notice) -> str:
        """The token that tells it (OP-55): like an ID token, but of a type of its own and without a nonce."""
        now = utcnow()
        claims: dict[str, Any] = {
            "iss": self._issuer.issuer,
            "aud": client.id,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_TTL).timestamp()),
            "jti": secrets.token_urlsafe(16),
            "sid": notice.session_id,
            "events": {LOGOUT_EVENT: {}},
        }
        # Of a person who was deleted the sector's name is gone, too; the session says enough.
        with suppress(IntegrityError):
            claims["sub"] = self._subjects.subject(client, notice.user_id)
        return self._issuer.sign(claims, LOGOUT_TYPE, cast(Algorithm, client.id_token_algorithm))

    def _retry(self, notice: _Notice, reason: str) -> None:
        if notice.tries > len(RETRY_AFTER):
            self._give_up(notice, reason)
            return
        log.info("logout_not_told", client=notice.client_id, tries=notice.tries, reason=reason)
        due_at = utcnow() + RETRY_AFTER[notice.tries - 1]
        with self._autocommit.connect() as connection:
            connection.execute(_POSTPONE, {**notice.key, "tries_before": notice.tries, "new_due_at": due_at})

    def _give_up(self, notice: _Notice, reason: str) -> None:
        log.warning("logout_given_up", client=notice.client_id, tries=notice.tries, reason=reason)
        self._forget(notice)

    def _forget(self, notice: _Notice) -> None:
        with self._autocommit.connect() as connection:
            connection.execute(_FORGET, notice.key)


def _is(notice: Any, session_id: Any, client_id: Any) -> Sequence[Any]:
    return notice.session_id == session_id, notice.client_id == client_id


_IS_DUE = LogoutNotice.due_at <= bindparam("now")
_WAITING = select(func.count()).select_from(
    select(LogoutNotice.session_id).where(_IS_DUE).limit(_MOST_AT_ONCE).subquery()
)
_NEXT = (
    select(LogoutNotice.session_id, LogoutNotice.client_id)
    .where(_IS_DUE, LogoutNotice.client_id.not_in(bindparam("avoided", expanding=True)))
    .order_by(LogoutNotice.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("next")
)
# What is due is asked again of the row itself: of two who chose the same one, the second finds it taken.
_TAKE = (
    update(LogoutNotice)
    .where(_IS_DUE, *_is(LogoutNotice, _NEXT.c.session_id, _NEXT.c.client_id))
    .values(due_at=bindparam("lease"), tries=LogoutNotice.tries + 1)
    .returning(LogoutNotice.session_id, LogoutNotice.client_id, LogoutNotice.user_id, LogoutNotice.tries)
)
_KEY = _is(LogoutNotice, bindparam("key_session"), bindparam("key_client"))
_POSTPONE = (
    update(LogoutNotice)
    .where(*_KEY, LogoutNotice.tries == bindparam("tries_before"))
    .values(due_at=bindparam("new_due_at"))
)
_FORGET = delete(LogoutNotice).where(*_KEY)
