"""How gunicorn serves the portal. WEB_CONCURRENCY sets the workers; bind and workers may be overridden by flags."""

from __future__ import annotations

import os
from typing import Any

from auth_portal.settings import SettingsError, load_settings

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
limit_request_line = 4_094
limit_request_fields = 60
limit_request_field_size = 8_190
# The portal believes proxies by TRUSTED_PROXIES only; gunicorn must not set the scheme on its own.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_fork(_server: Any, _worker: Any) -> None:
    """A forked worker must not share the parent's database connections."""
    from wsgi import app  # noqa: PLC0415

    app.extensions["auth_portal"].engine.dispose(close=False)
