"""Counters for Prometheus: every request by route, status and reason, and how long it took.

The sign-in funnel is in them: codes asked for (``…/send-otp-email`` 201, ``POST /login`` 303), typed and right
(200, 303) or refused (``error="code_invalid"``), letters not accepted (``error="delivery_failed"``).
"""

from __future__ import annotations

import ipaddress
import os
import time

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

blueprint = Blueprint("metrics", __name__)

_REQUESTS = Counter(
    "auth_portal_requests", "Requests answered.", ["method", "route", "status", "error"], registry=REGISTRY
)
_SECONDS = Histogram(
    "auth_portal_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)


def init_metrics(app: Flask) -> None:
    """Count every request that a route of ours answered."""
    app.register_blueprint(blueprint)
    app.after_request(_observe)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The counters of all workers, for a scraper on this host or network; nobody else learns of it (API-17)."""
    if "X-Forwarded-For" in request.headers or not _is_near(request.remote_addr):
        abort(404)
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_near(address: str | None) -> bool:
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    return parsed.is_loopback or parsed.is_private


def _observe(response: Response) -> Response:
    if request.url_rule is not None and request.endpoint != "static":
        route = request.url_rule.rule
        error = response.headers.get("X-Error-Code") or g.get("error") or ""
        _REQUESTS.labels(request.method, route, response.status_code, error).inc()
        _SECONDS.labels(route).observe(time.perf_counter() - g.started)
    return response
