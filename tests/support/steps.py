"""What a faulty portal serves: the portal itself, with a step before everything that others can see it do.

Runs inside gunicorn's worker, see ``faulty_portal``. A step is the moment before a statement, a commit, the comparing
of a code, a word to the relay, the reading of its answer to a letter, or our own answer. A request that carries an
order in ``X-Test-Order`` writes its steps down, and at one of them its process is killed or held. Steps with only a
read, a BEGIN or a comparison between them have one number: nobody could tell these moments apart. The order's
``kill 3`` means the first step of this number, ``kill COMMIT`` the first of this name. ``X-Test-Clock`` says by how
many seconds the clock of the request is wrong.
"""

from __future__ import annotations

import hmac
import os
import re
import signal
import smtplib
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import time_machine
from flask import Flask
from sqlalchemy import Engine, event

_TABLE = re.compile(r'\b(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)')
_UNSEEN = ("SELECT", "BEGIN", "compare")
"""What nobody outside can see: the step after it is the same moment."""
_local = threading.local()


class Order:
    """What one request was told to do at one of its steps, and how far it has come."""

    def __init__(self, text: str, trace: int) -> None:
        self._verb, _, self._where = text.partition(" ")
        self._trace = trace
        self._number = 0
        self._is_new = False

    def reach(self, step: str) -> None:
        """Write the step down, then obey if this is the one."""
        self._number += self._is_new
        self._is_new = step not in _UNSEEN
        os.write(self._trace, f"{self._number} {step}\n".encode())
        if self._where not in (step, str(self._number)):
            return
        self._where = ""
        if self._verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._verb.startswith("hold:"):
            _hold(int(self._verb.removeprefix("hold:")))


def reach(step: str) -> None:
    """The request of this thread has come to a step; nothing happens where it has no order."""
    order: Order | None = getattr(_local, "order", None)
    if order is not None:
        order.reach(step)


class Watched:
    """The portal's WSGI application with orders and a clock for each request."""

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], trace_path: str) -> None:
        self._wsgi_app = wsgi_app
        self._trace_path = trace_path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        order, clock = environ.get("HTTP_X_TEST_ORDER"), environ.get("HTTP_X_TEST_CLOCK")
        with ExitStack() as stack:
            if clock:
                stack.enter_context(time_machine.travel(timedelta(seconds=int(clock))))
            if order:
                trace = os.open(self._trace_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                stack.callback(os.close, trace)
                _local.order = Order(order, trace)
                stack.callback(setattr, _local, "order", None)
            answer = self._wsgi_app(environ, start_response)
            reach("answer")
            return answer


def watched_app(create_app: Callable[[], Flask]) -> Flask:
    """The portal, watched."""
    app = create_app()
    _warm_up(app)
    _watch_database(app.extensions["auth_portal"].engine)
    _watch_relays()
    _watch_comparison()
    app.wsgi_app = Watched(app.wsgi_app, os.environ["TEST_TRACE"])  # type: ignore[method-assign]
    return app


def _warm_up(app: Flask) -> None:
    """Have templates and statements compiled before the fork: the tests wait for many new workers."""
    client = app.test_client()
    client.get("/login", headers={"Accept-Language": "en"})
    client.post("/api/v1/auth/send-otp-email", json={"email": "warm-up@example.com"})
    app.extensions["auth_portal"].engine.dispose()


def _watch_database(engine: Engine) -> None:
    def statement(_connection: object, _cursor: object, sql: str, *_rest: object) -> None:
        table = _TABLE.search(sql)
        reach(" ".join(table.groups()).replace("INTO ", "").replace("FROM ", "") if table else sql.split()[0])

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", lambda _connection: reach("COMMIT"))


def _watch_relays() -> None:
    """The standard library's own methods: what the portal's classes hand on to."""
    connect, send, getreply = smtplib.SMTP.connect, smtplib.SMTP.send, smtplib.SMTP.getreply

    def watched_connect(smtp: smtplib.SMTP, *arguments: Any, **options: Any) -> tuple[int, bytes]:
        reach("SMTP connect")
        return connect(smtp, *arguments, **options)

    def watched_send(smtp: smtplib.SMTP, data: Any) -> None:
        text = data if isinstance(data, str) else data.decode("ascii", "replace")
        _local.is_letter = text.endswith("\r\n.\r\n")
        reach("SMTP letter" if _local.is_letter else f"SMTP {text.split()[0].upper()}")
        send(smtp, data)

    def watched_getreply(smtp: smtplib.SMTP) -> tuple[int, bytes]:
        if getattr(_local, "is_letter", False):
            reach("SMTP letter sent")
        return getreply(smtp)

    for name, method in (("connect", watched_connect), ("send", watched_send), ("getreply", watched_getreply)):
        setattr(smtplib.SMTP, name, method)


def _watch_comparison() -> None:
    compare = hmac.compare_digest

    def watched(first: Any, second: Any) -> bool:
        if isinstance(first, str) and len(first) <= 20 and first.isdigit():
            reach("compare")
        return compare(first, second)

    hmac.compare_digest = watched


def _hold(port: int) -> None:
    """Wait until the test lets go."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.recv(1)
