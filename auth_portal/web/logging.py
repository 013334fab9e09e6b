"""Structured logs: one JSON line an event, with a request id and without personal data (OPS-02, OPS-03)."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger("request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def configure_logging(level: str) -> None:
    """Send structlog and the standard library's warnings to standard error as JSON lines."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
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
            ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        )
    structlog.contextvars.clear_contextvars()
    return response
