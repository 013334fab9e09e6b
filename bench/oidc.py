"""A full code flow of an app for somebody who is signed in: authorize, token, userinfo; what it costs.

One after the other over kept-alive connections. CPU is the server's own; statements are counted in a portal of this
process, where the driver can be listened to.
"""

import base64
import hashlib
import http.client
import json
import secrets
import statistics
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from sqlalchemy import event, insert

from auth_portal.app import create_app
from auth_portal.db import utcnow
from auth_portal.models import Session
from auth_portal.settings import load_settings
from auth_portal.signin.keyring import digest
from auth_portal.web.services import Services
from bench.cpu import cpu_seconds, spent
from bench.programs import Server

CALLBACK = "https://shop.bench.example/callback"
_COOKIE = "portal-session"
_TIMEOUT = 30.0


class FlowError(Exception):
    """An answer was not as it should be: the figures would mean nothing."""


@dataclass(frozen=True)
class Flows:
    """What a number of flows cost: CPU milliseconds and SQL statements of each."""

    database: str
    users: int
    cpu_ms: float
    p50_ms: float
    statements: Mapping[str, int]


@dataclass(frozen=True)
class _App:
    """The client, and the person who is signed in."""

    client_id: str
    auth: dict[str, str]
    cookie: dict[str, str]


def measure_flows(server: Server, database: str, env: Mapping[str, str], flows: int) -> Flows:
    """Run the flow so many times against a running portal, and once in this process. Raises FlowError."""
    portal = create_app(load_settings(dict(env)))
    app = _prepare(portal.extensions["auth_portal"])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT)
    for _ in range(flows // 4 + 1):
        _flow(connection, app)
    before, latencies = cpu_seconds(server.pids()), []
    for _ in range(flows):
        latencies.append(_flow(connection, app))
    used = spent(before, cpu_seconds(server.pids()))
    connection.close()
    statements = _count(portal, app)
    portal.extensions["auth_portal"].engine.dispose()
    return Flows(database, server.users, used / flows * 1000, statistics.median(latencies) * 1000, statements)


def describe(found: list[Flows]) -> str:
    """The rows as Markdown."""
    lines = [
        "| database | users | server CPU ms | p50 ms | SQL statements: authorize + token + userinfo |",
        "|---|---:|---:|---:|---|",
    ]
    for flows in found:
        counted = " + ".join(str(count) for count in flows.statements.values())
        row = (flows.database, f"{flows.users:,}", f"{flows.cpu_ms:.2f}", f"{flows.p50_ms:.1f}", counted)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _prepare(services: Services) -> _App:
    """Register a trusted app, and sign somebody in."""
    columns: dict[str, Any] = {
        "name": "Bench",
        "auth_method": None,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [],
        "grant_types": ["authorization_code"],
        "scopes": ["openid", "profile", "email"],
        "resources": [],
        "is_trusted": True,
        "require_pkce": True,
        "require_pushed": False,
        "id_token_algorithm": "RS256",
        "access": {},
    }
    client_id, secret = services.clients.create(columns, [])
    cookie, now = secrets.token_urlsafe(32), utcnow()
    session = {
        "id": secrets.token_hex(16),
        "user_id": services.users.newest(1)[0].id,
        "secret_hash": digest(cookie),
        "client_id": "portal",
        "device": "",
        "authenticated_at": now,
        "last_seen_at": now,
        "expires_at": now + timedelta(days=1),
        "is_offline": False,
    }
    with services.engine.begin() as connection:
        connection.execute(insert(Session), session)
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return _App(client_id, {"Authorization": f"Basic {pair}"}, {"Cookie": f"{_COOKIE}={cookie}"})


def _requests(app: _App) -> Generator[tuple[str, str, str, dict[str, str]], str, None]:
    """The three requests: method, path, body, headers. Wants each answer sent back in."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile email",
        "state": secrets.token_urlsafe(16),
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    location = yield "GET", f"/oauth/authorize?{urlencode(wanted)}", "", app.cookie
    code = parse_qs(urlsplit(location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    headers = {**app.auth, "Content-Type": "application/x-www-form-urlencoded"}
    tokens = yield "POST", "/oauth/token", urlencode(form), headers
    bearer = {"Authorization": f"Bearer {json.loads(tokens)['access_token']}"}
    yield "GET", "/oauth/userinfo", "", bearer


def _flow(connection: http.client.HTTPConnection, app: _App) -> float:
    """One flow; how long its answers took, in seconds."""
    steps, seconds = _requests(app), 0.0
    step = next(steps)
    while True:
        method, path, body, headers = step
        started = time.perf_counter()
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        seconds += time.perf_counter() - started
        if answer.status not in (200, 303):
            raise FlowError(f"{method} {path.partition('?')[0]} answered {answer.status}")
        try:
            step = steps.send(answer.headers.get("Location") or text)
        except StopIteration:
            return seconds


def _count(portal: Flask, app: _App) -> dict[str, int]:
    """SQL statements of each request, BEGIN and COMMIT included."""
    client, counted = portal.test_client(use_cookies=False), {}
    steps = _requests(app)
    step = next(steps)
    while True:
        method, path, body, headers = step
        with _statements(portal) as seen:
            answer = client.open(path, method=method, data=body, headers=headers)
        counted[path.partition("?")[0]] = len(seen)
        try:
            step = steps.send(answer.location or answer.text)
        except StopIteration:
            return counted


@contextmanager
def _statements(portal: Flask) -> Iterator[list[str]]:
    engine, seen = portal.extensions["auth_portal"].engine, list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
