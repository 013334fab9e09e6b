"""Counters for Prometheus: every request by route, status and reason, and how long it took.

The sign-in funnel is in them: codes asked for (``…/send-otp-email`` 201, ``POST /login`` 303), typed and right
(200, 303) or refused (``error="code_invalid"``), letters not accepted (``error="delivery_failed"``).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from auth_portal.db import UNAVAILABLE
from auth_portal.web.services import services

blueprint = Blueprint("metrics", __name__)

_REQUESTS = Counter(
    "auth_portal_requests", "Requests answered.", ["method", "route", "status", "error"], registry=REGISTRY
)
_CODES = Counter("auth_portal_codes", "Codes sent, by their digits.", ["length"], registry=REGISTRY)
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
    registry = CollectorRegistry()
    registry.register(_SiteLedger())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _SiteLedger(Collector):
    """Reads the site's guess budget when somebody looks: ``failed >= budget`` tells of a spray (OPS-04)."""

    def collect(self) -> Iterator[Metric]:
        """One value for each length; nothing while the database is away."""
        failed = GaugeMetricFamily("auth_portal_site_failed_guesses", "Wrong guesses that count.", labels=["length"])
        waiting = GaugeMetricFamily("auth_portal_site_waiting_codes", "Codes that wait.", labels=["length"])
        budget = GaugeMetricFamily("auth_portal_site_guess_budget", "Wrong guesses affordable.", labels=["length"])
        with contextlib.suppress(*UNAVAILABLE):
            for level in services().site_ledger.read_levels():
                failed.add_metric([str(level.length)], level.failed)
                waiting.add_metric([str(level.length)], level.waiting)
                budget.add_metric([str(level.length)], level.rung.budget)
        yield from (failed, waiting, budget)


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
        if "code_length" in g:
            _CODES.labels(g.code_length).inc()
        _SECONDS.labels(route).observe(time.perf_counter() - g.started)
    return response
