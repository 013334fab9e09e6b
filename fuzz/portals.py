"""Starts what is fuzzed: a portal of its own in the development environment, which tells codes, without limits."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from auth_portal.settings import LOCALES, RegistrationField
from auth_portal.settings.registration_fields import read_fields
from tests.support.portal import PortalProcess, development_portal
from tests.support.postgres import PostgresServer
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

Database = Literal["sqlite", "postgresql"]
DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")
TEXT_LENGTH = 50

_ROOT = Path(__file__).resolve().parents[1]
_NO_LIMITS = {
    "resend_after": 0,
    "sends_per_inbox_per_hour": 0,
    "sends_per_inbox_per_day": 0,
    "sends_per_source_per_hour": 0,
    "sms_per_range_per_hour": 0,
    "sms_per_site_per_day": 0,
}
_CHOICES = {value: {"tr": value, "en": value} for value in ("free", "paid")}
_FIELDS: list[dict[str, Any]] = [
    {"name": "company", "type": "text", "required": True, "maxLength": TEXT_LENGTH},
    {"name": "motto", "type": "text", "maxLength": TEXT_LENGTH},
    {"name": "seats", "type": "number"},
    {"name": "born", "type": "date"},
    {"name": "news", "type": "boolean"},
    {"name": "rules", "type": "boolean", "required": True},
    {"name": "plan", "type": "choice", "choices": _CHOICES},
    {"name": "site", "type": "url"},
]


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A running portal: where it is, an app of it, and its own registration fields, one of each type."""

    url: str
    client_id: str
    fields: tuple[RegistrationField, ...]


@contextmanager
def portal(database: Database = "sqlite", database_url: str | None = None) -> Iterator[Fuzzed]:
    """Start one on an empty database. Raises PortalFailed and PostgresUnavailable."""
    declared = json.dumps([{"label": {"tr": field["name"], "en": field["name"]}, **field} for field in _FIELDS])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-fuzz-")))
        if database == "postgresql" and database_url is None:
            database_url = stack.enter_context(PostgresServer()).create_database("fuzzed")
        made = development_portal(
            folder / "portal.db",
            **_NO_LIMITS,
            **({"database_url": database_url} if database_url is not None else {}),
            mail_url=stack.enter_context(MailSink()).url,
            sms_url=stack.enter_context(SmsSink()).setting,
            registration_fields=declared,
            log_level="error",
        )
        stack.enter_context(made)
        fields, _faults = read_fields(declared, LOCALES)
        yield Fuzzed(made.url, _new_client(made), fields)


def _new_client(made: PortalProcess) -> str:
    command = [sys.executable, "-m", "auth_portal.cli", "client", "create", "--json", "--name", "Fuzzed"]
    command += ["--redirect-uri", "http://127.0.0.1/cb"]
    told = subprocess.run(command, cwd=_ROOT, env=made.env, check=True, capture_output=True, text=True).stdout
    return str(json.loads(told)["client_id"])
