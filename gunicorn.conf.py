"""How gunicorn serves the portal. WEB_CONCURRENCY sets the workers; bind and workers may be overridden by flags."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger

from auth_portal.settings import SettingsError, load_settings

# Each worker counts in files of its own in this folder; /metrics adds them up. Set before the library is loaded.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="auth-portal-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder
    # Not gunicorn's on_exit: a refused start must not leave the folder behind, and a worker must not take it along.
    atexit.register(lambda master: os.getpid() == master and shutil.rmtree(_folder, True), os.getpid())

try:
    _settings = load_settings()
except SettingsError:
    _settings = None  # wsgi.py says what is wrong

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1" if _settings and _settings.is_development else "2"))
threads = _settings.worker_threads if _settings else 1
preload_app = True
timeout = 30
graceful_timeout = 20
keepalive = 15
max_requests = 0
# Header limits: a request line or header beyond these never reaches the portal.
limit_request_line = 8_190
limit_request_fields = 60
limit_request_field_size = 8_190
# The portal believes proxies by TRUSTED_PROXIES only; gunicorn must not set the scheme on its own.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
# Its path would be the same for every portal of this account.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "error"  # what is below repeats addresses of callers


class JsonLogger(Logger):
    """Gunicorn's own messages as JSON lines. (A logconfig_dict would also make it prepare an access log.)"""

    def setup(self, cfg: Any) -> None:
        """Give the handlers our format."""
        super().setup(cfg)  # type: ignore[no-untyped-call]
        from auth_portal.web.logging import JsonFormatter

        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())


logger_class = JsonLogger


def on_starting(_server: Any) -> None:
    """Tell what was promised (BUD-01). In development, bring the database up to date before the first worker."""
    if _settings is None:
        return
    from auth_portal.web.logging import announce_budget

    announce_budget(_settings)
    if not _settings.is_development:
        return
    from auth_portal import schema
    from wsgi import app

    engine = app.extensions["auth_portal"].engine
    schema.upgrade(engine)
    engine.dispose()


def when_ready(_server: Any) -> None:
    """Tell a newcomer where to click."""
    if _settings is not None and _settings.is_development:
        print(f"\n  Portal   {_settings.public_url}/login")  # noqa: T201
        if _settings.has_mailbox:
            print(f"  Mailbox  {_settings.public_url}/dev/mailbox")  # noqa: T201
        print("  Stop     Ctrl-C\n", flush=True)  # noqa: T201


def post_fork(_server: Any, _worker: Any) -> None:
    """A forked worker must not share the parent's database connections. It helps to keep the database small."""
    from auth_portal.oidc import backchannel
    from auth_portal.signin import retention, seals
    from wsgi import app

    services = app.extensions["auth_portal"]
    services.engine.dispose(close=False)
    services.upkeep.every(
        retention.PRUNE_EVERY_S,
        lambda: retention.prune_if_due(services.engine, services.limits, services.seals),
    )
    services.upkeep.every(seals.SEAL_EVERY_S, lambda: services.seals.seal_if_due(services.limits))
    services.outbox.every(backchannel.DELIVER_EVERY_S, services.backchannel.deliver_due)
    services.upkeep.every(backchannel.END_EVERY_S, services.sessions.end_what_is_over)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
