"""Structured logs: one JSON line an event, with a request id and without personal data (OPS-02, OPS-03)."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime

import structlog
from flask import Flask, Response, g, request

from auth_portal.settings import Settings, yearly_bound, yearly_bound_with_spare

log = structlog.get_logger("request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def configure_logging(level: str) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _format_exception,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class JsonFormatter(logging.Formatter):
    """The standard library's records in the shape of our own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON line."""
        line = {
            "logger": record.name,
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def describe(error: BaseException) -> str:
    """Where an exception came from and of what kind, with its causes, but not what it says.

    The texts of drivers and libraries quote the values they were given: a PostgreSQL "Failing row contains"
    would write somebody's address into the log (OPS-03).
    """
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        frames = "".join(traceback.format_tb(seen.__traceback__))
        state = getattr(seen, "sqlstate", None)
        parts.append(f"{frames}{type(seen).__module__}.{type(seen).__qualname__}{f' {state}' if state else ''}")
        seen = seen.__cause__ or seen.__context__
    return "\ncaused by:\n".join(parts)


def _format_exception(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
    return event


def announce_budget(settings: Settings) -> None:
    """Say at the start what the guess budget promises: the chance that somebody guesses into one account (BUD-01)."""
    log.info(
        "guess_budget",
        profile=settings.guess_profile,
        budgets=[str(rung) for rung in settings.ladder],
        yearly_bound=f"{yearly_bound(settings.ladder):.3g}",
        with_spare_guesses=f"{yearly_bound_with_spare(settings.ladder):.3g}",
        target=settings.yearly_target,
        site_takeovers_expected=f"{settings.site_takeovers:.3g}",
    )


def init_logging(app: Flask) -> None:
    """Give every request an id and a line. The line has the route, never the query or an address."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.started = time.perf_counter()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.endpoint != "static":
        log.info(
            "request",
            method=request.method if request.method.isalpha() else "?",
            route=str(request.url_rule) if request.url_rule else None,
            status=response.status_code,
            error=response.headers.get("X-Error-Code") or g.get("error"),
            **({"code_length": g.code_length} if "code_length" in g else {}),
            ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        )
    structlog.contextvars.clear_contextvars()
    return response
