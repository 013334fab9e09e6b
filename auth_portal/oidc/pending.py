"""Requests that wait for a person: kept here, so that no page, form or letter has to carry them (OP-30).

An id opens nothing: a request belongs to the browser that brought it. What must happen once is one conditional
statement: using a pushed request, and answering one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, bindparam, case, insert, or_, select, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.errors import RequestExpired
from auth_portal.models import PendingRequest as Row
from auth_portal.settings import Settings
from auth_portal.signin.keyring import digest

PUSHED_TTL = timedelta(seconds=60)
"""How long a pushed request waits to be shown (OP-60)."""
PUSHED_PREFIX = "urn:ietf:params:oauth:request_uri:"
Kind = Literal["authorize", "logout"]
_ID = re.compile(r"[0-9a-f]{32}")
_MAX_SECRET = 128


@dataclass(frozen=True, slots=True)
class Pending:
    """A stored request. ``parameters`` are what the kind keeps, already checked."""

    id: str
    kind: Kind
    client_id: str | None
    parameters: Mapping[str, Any]
    created_at: datetime
    chosen_at: datetime | None
    consented_at: datetime | None
    finished_at: datetime | None


class PendingRequests:
    """Keeps requests while people sign in."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._autocommit = autocommit(engine)
        # As long as a registration may take, which is the longest way through our pages.
        self._ttl = settings.registration_ttl

    def create(self, kind: Kind, client_id: str | None, parameters: dict[str, Any], browser: str) -> str:
        """Keep a request of the browser with this secret; of none yet, if it is empty. Its id."""
        return self._insert(kind, client_id, parameters, browser, None, self._ttl)

    def push(self, client_id: str, parameters: dict[str, Any]) -> str:
        """Keep a request that a client pushed; the ``request_uri`` that shows it, once (RFC 9126)."""
        secret = secrets.token_urlsafe(32)
        self._insert("authorize", client_id, parameters, "", digest(secret), PUSHED_TTL)
        return PUSHED_PREFIX + secret

    def take_pushed(self, request_uri: str, client_id: str, browser: str) -> str | None:
        """Give a pushed request of this client to the browser that shows it; None if it is used, over or foreign."""
        secret = request_uri.removeprefix(PUSHED_PREFIX)
        if secret == request_uri or not 0 < len(secret) <= _MAX_SECRET:
            return None
        now = utcnow()
        values = {
            "given_push": digest(secret),
            "given_client": client_id,
            "browser": digest(browser),
            "now": now,
            "until": now + self._ttl,
        }
        return self._scalar(_TAKE_PUSHED, values)

    def get(self, request_id: str, browser: str, kind: Kind = "authorize") -> Pending:
        """The request of this browser, answered ones too. The first browser that shows it has it from then on.

        Raises RequestExpired where there is none, or it is another browser's.
        """
        found = self.find(request_id, browser, kind)
        if found is None and browser and _ID.fullmatch(request_id):
            values = {"given_id": request_id, "browser": digest(browser), "now": utcnow()}
            if self._scalar(_BIND, values):
                found = self.find(request_id, browser, kind)
        if found is None:
            raise RequestExpired
        return found

    def find(self, request_id: str, browser: str, kind: Kind = "authorize") -> Pending | None:
        """The request of this browser with this id."""
        if not browser or not _ID.fullmatch(request_id):
            return None
        values = {"given_id": request_id, "browser": digest(browser), "kind": kind, "now": utcnow()}
        return self._first(_FIND, values)

    def find_for(self, browser: str, *, challenge_id: str = "", registration_id: str = "") -> Pending | None:
        """The request for which this browser asked for a code, or registers; one that was not answered yet."""
        values = {
            "challenge": challenge_id or None,
            "registration": registration_id or None,
            "browser": digest(browser),
            "now": utcnow(),
        }
        return self._first(_FIND_FOR, values) if browser else None

    def note_challenge(self, request_id: str, challenge_id: str) -> None:
        """Remember by which code its person signs in."""
        self._run(_CHALLENGE, {"given_id": request_id, "value": challenge_id})

    def note_registration(self, request_id: str, registration_id: str, until: datetime) -> None:
        """Remember by which registration its person signs in, and wait as long as that may take."""
        self._run(_REGISTRATION, {"given_id": request_id, "value": registration_id, "until": until})

    def note_choice(self, request_id: str) -> None:
        """The person chose to go on as who is signed in."""
        self._run(_CHOSEN, {"given_id": request_id, "now": utcnow()})

    def note_consent(self, request_id: str) -> None:
        """The person consented to this very request."""
        self._run(_CONSENTED, {"given_id": request_id, "now": utcnow()})

    def finish(self, request_id: str) -> bool:
        """Answer it; false where it was answered before (OP-30: single use)."""
        return self._scalar(_FINISH, {"given_id": request_id, "now": utcnow()}) is not None

    def _insert(
        self,
        kind: Kind,
        client_id: str | None,
        parameters: dict[str, Any],
        browser: str,
        push_hash: str | None,
        ttl: timedelta,
    ) -> str:
        now = utcnow()
        row = {
            "id": secrets.token_hex(16),
            "kind": kind,
            "client_id": client_id,
            "push_hash": push_hash,
            "browser_hash": digest(browser) if browser else None,
            "parameters": parameters,
            "created_at": now,
            "expires_at": now + ttl,
        }
        self._run(insert(Row), row)
        return str(row["id"])

    def _run(self, statement: Any, values: dict[str, Any]) -> None:
        with self._autocommit.connect() as connection:
            connection.execute(statement, values)

    def _scalar(self, statement: Any, values: dict[str, Any]) -> str | None:
        with self._autocommit.connect() as connection:
            found: str | None = connection.execute(statement, values).scalar()
        return found

    def _first(self, statement: Any, values: dict[str, Any]) -> Pending | None:
        with self._autocommit.connect() as connection:
            row = connection.execute(statement, values).first()
        return _pending(row) if row else None


def _pending(row: AnyRow) -> Pending:
    return Pending(*row)


_COLUMNS = (
    Row.id,
    Row.kind,
    Row.client_id,
    Row.parameters,
    Row.created_at,
    Row.chosen_at,
    Row.consented_at,
    Row.finished_at,
)
_MINE = (Row.browser_hash == bindparam("browser"), Row.expires_at > bindparam("now"))
_GIVEN = Row.id == bindparam("given_id")
_FIND = select(*_COLUMNS).where(_GIVEN, Row.kind == bindparam("kind"), Row.push_hash.is_(None), *_MINE)
_FIND_FOR = (
    select(*_COLUMNS)
    .where(
        or_(Row.challenge_id == bindparam("challenge"), Row.registration_id == bindparam("registration")),
        Row.kind == "authorize",
        Row.finished_at.is_(None),
        *_MINE,
    )
    .order_by(Row.created_at.desc())
    .limit(1)
)
_BIND = (
    update(Row)
    .where(_GIVEN, Row.browser_hash.is_(None), Row.push_hash.is_(None), Row.expires_at > bindparam("now"))
    .values(browser_hash=bindparam("browser"))
    .returning(Row.id)
)
_TAKE_PUSHED = (
    update(Row)
    .where(
        Row.push_hash == bindparam("given_push"),
        Row.client_id == bindparam("given_client"),
        Row.expires_at > bindparam("now"),
    )
    .values(
        push_hash=None, browser_hash=bindparam("browser"), created_at=bindparam("now"), expires_at=bindparam("until")
    )
    .returning(Row.id)
)
_CHALLENGE = update(Row).where(_GIVEN).values(challenge_id=bindparam("value"))
_UNTIL = bindparam("until", type_=Row.expires_at.type)
_LATER = case((Row.expires_at < _UNTIL, _UNTIL), else_=Row.expires_at)
_REGISTRATION = update(Row).where(_GIVEN).values(registration_id=bindparam("value"), expires_at=_LATER)
_CHOSEN = update(Row).where(_GIVEN).values(chosen_at=bindparam("now"))
_CONSENTED = update(Row).where(_GIVEN).values(consented_at=bindparam("now"))
_FINISH = update(Row).where(_GIVEN, Row.finished_at.is_(None)).values(finished_at=bindparam("now")).returning(Row.id)
