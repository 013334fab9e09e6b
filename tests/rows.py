"""Some thousand rows in every table, so that a database plans as it does where a portal has been used for long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, text

from auth_portal.db import autocommit, utcnow
from auth_portal.models import (
    AuthorizationCode,
    Challenge,
    Client,
    ClientOrigin,
    Consent,
    DeviceCode,
    Event,
    EventSeal,
    Identifier,
    IdentifierChange,
    KnownDevice,
    LogoutNotice,
    PairwiseSubject,
    PendingRequest,
    RefreshToken,
    Registration,
    SendLimit,
    Session,
    SpentAssertion,
    User,
)
from auth_portal.signin.keyring import digest

ROWS = 4_000
SEALED = 10
"""Events of a seal. The newest are not sealed yet, the first fifty are past their time."""
Rows = dict[Any, list[dict[str, Any]]]


def fill(engine: Engine, *, analyze: bool = True) -> None:
    """Some thousand rows of everything, as a portal has them after a while; the planner is told about them."""
    now = utcnow()
    rows = _of_people(now) | _of_apps(now) | _of_the_log(now)
    with engine.begin() as connection:
        for model, values in rows.items():
            connection.execute(insert(model), values)
    if analyze:
        with autocommit(engine).connect() as connection:
            connection.execute(text("ANALYZE"))


def _of_people(now: datetime) -> Rows:
    """What sign-ins leave behind."""
    numbers = range(ROWS)
    dates = {"created_at": now, "expires_at": now + timedelta(hours=1)}
    return {
        User: [
            {"id": f"u{n}", "first_name": "A", "last_name": "B", "locale": "tr", "created_at": now,
             "terms_accepted_at": now, "suspended_at": None}
            for n in numbers
        ],
        IdentifierChange: [
            {"id": f"{n:032x}", "user_id": f"u{n}", "channel": "email", "former": f"q{n}@example.com",
             "current": f"p{n}@example.com", "former_verified_at": now, "changed_at": now,
             "undo_until": now + timedelta(hours=1), "undone_at": None}
            for n in numbers
        ],
        Identifier: [
            {"channel": "email", "value": f"p{n}@example.com", "user_id": f"u{n}", "rank": 0, "verified_at": now}
            for n in numbers
        ],
        Registration: [
            {"id": f"r{n}", "channel": "email", "destination": f"q{n}@example.com", "secret_hash": digest(f"r{n}"),
             "completed_at": None, **dates}
            for n in numbers
        ],
        Session: [
            {"id": f"s{n}", "user_id": f"u{n}", "secret_hash": digest(f"s{n}"), "client_id": "portal", "device": "",
             "authenticated_at": now, "last_seen_at": now, "expires_at": now + timedelta(days=1), "ended_at": None}
            for n in numbers
        ],
        RefreshToken: [
            {"token_hash": digest(f"t{n}"), "session_id": f"s{n}", "created_at": now, "used_at": None}
            for n in numbers
        ],
        Challenge: [
            {"id": f"c{n}", "channel": "email", "destination": f"p{n}@example.com",
             "caller": f"{('network', 'browser')[n % 2]}:{n}", "key_id": "k", "code_length": 4, "attempts": 0,
             "loose_attempts": 0, "attempts_allowed": 5, "foreign_attempts": 0, "foreign_allowed": 1,
             "send_count": 1, "sent_at": now,
             "consumed_at": now if n % 50 else None,  # few codes wait at any moment
             "account": f"u{n}", "device_id": None, "network": "", "device": "", "seed": None, "approved_at": None,
             **dates}
            for n in numbers
        ],
        KnownDevice: [
            {"id": f"d{n}", "user_id": f"u{n}", "secret_hash": digest(f"d{n}"), **dates} for n in numbers
        ],
        SendLimit: [
            {"key": digest(f"l{n}"), "kind": "inbox-hour", "spent_until": n, "window_ms": 3_600_000} for n in numbers
        ],
    }  # fmt: skip


def _of_apps(now: datetime) -> Rows:
    """What apps leave behind."""
    numbers = range(ROWS)
    names = ("redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes", "resources")
    lists: dict[str, list[str]] = {name: [] for name in names}
    flags = dict.fromkeys(("is_trusted", "require_pkce", "require_pushed"), False)
    later = now + timedelta(hours=1)
    return {
        Client: [
            {"id": f"app{n}", "name": f"App {n}", "id_token_algorithm": "RS256", "access": {}, "created_at": now,
             "updated_at": now, **lists, **flags}
            for n in numbers
        ],
        ClientOrigin: [{"client_id": f"app{n}", "origin": f"https://app{n}.example"} for n in numbers],
        Consent: [
            {"user_id": f"u{n}", "client_id": f"app{n}", "scope": "openid", "granted_at": now} for n in numbers
        ],
        PendingRequest: [
            {"id": f"{n:032x}", "kind": "authorize", "client_id": f"app{n}", "push_hash": digest(f"p{n}"),
             "browser_hash": digest(f"b{n}"), "parameters": {}, "challenge_id": f"c{n}", "registration_id": f"r{n}",
             "created_at": now, "expires_at": later}
            for n in numbers
        ],
        AuthorizationCode: [
            {"code_hash": digest(f"k{n}"), "client_id": f"app{n}", "user_id": f"u{n}", "session_id": f"s{n}",
             "grant_id": f"g{n}", "redirect_uri": "https://a.example", "scope": "openid", "parameters": {},
             "authenticated_at": now, "expires_at": later}
            for n in numbers
        ],
        DeviceCode: [
            {"device_hash": digest(f"v{n}"), "user_code_hash": digest(f"w{n}"), "client_id": f"app{n}",
             "scope": "openid", "parameters": {}, "state": "approved", "user_id": f"u{n}", "authenticated_at": now,
             "interval_s": 5, "created_at": now, "expires_at": later}
            for n in numbers
        ],
        LogoutNotice: [
            {"session_id": f"e{n}", "client_id": f"app{n}", "user_id": f"u{n}", "created_at": now,
             "due_at": later, "tries": 0}
            for n in numbers
        ],
        PairwiseSubject: [{"sector": "a.example", "user_id": f"u{n}", "subject": f"pair{n}"} for n in numbers],
        SpentAssertion: [{"id": digest(f"a{n}"), "expires_at": later} for n in numbers],
    }  # fmt: skip


def _of_the_log(now: datetime) -> Rows:
    """What happened, and its seals, whose digests are none."""
    moments = [
        now - timedelta(days=400) + timedelta(seconds=n) if n < 50 else now - timedelta(minutes=ROWS - n)
        for n in range(ROWS)
    ]
    words = {"kind": "signed_in", "outcome": "done", "actor": "person", "network": "", "device": "", "facts": None}
    last = ROWS - 2 * SEALED
    return {
        Event: [
            {"id": f"{n:032x}", "happened_at": moments[n], "user_id": f"u{n}", "session_id": None,
             "client_id": f"app{n}", "digest": digest(f"e{n}") if n < last else None,
             "seal_id": n // SEALED + 1 if n < last else None, "erased_at": None, **words}
            for n in range(ROWS)
        ],
        EventSeal: [
            {"id": n // SEALED + 1, "key_id": 1, "sealed_at": moments[n], "first_at": moments[n],
             "last_at": moments[n + SEALED - 1], "event_count": SEALED, "digest": digest(f"x{n}"),
             "pruned_at": None, "pruned_digest": None}
            for n in range(0, last, SEALED)
        ],
    }  # fmt: skip
