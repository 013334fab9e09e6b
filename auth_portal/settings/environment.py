"""Reading the settings of this process, and what development fills in by itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from auth_portal.settings.checks import find_faults
from auth_portal.settings.derived import Settings

PREFIX = "AUTH_PORTAL_"
ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout: ``static``, ``templates`` and ``instance`` lie beside the package."""

SECRET_FIELDS = ("secret_key", "secret_key_fallbacks", "database_url", "mail_url", "sms_url")


class SettingsError(Exception):
    """The environment is not one the portal may run in. ``faults`` has a sentence for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("auth-portal does not start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The raw values of our settings; ``NAME_FILE`` names a file that holds the value of a secret.

    Beside them the faults: such a file cannot be read, or a secret is given in both ways.
    """
    raw: dict[str, str] = {}
    faults = []
    for field in Settings.model_fields:
        name = PREFIX + field.upper()
        value = environ.get(name, "").strip()
        path = environ.get(name + "_FILE", "") if field in SECRET_FIELDS else ""
        if path and value:
            faults.append(f"{field.upper()} and {field.upper()}_FILE are both set")
        elif path:
            try:
                value = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{field.upper()}_FILE cannot be read: {type(error).__name__}")
        if value:
            raw[field] = value
    return raw, faults


def unknown_names(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like ours but are no setting: a typing error, or of another release."""
    environ = os.environ if environ is None else environ
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    known |= {PREFIX + field.upper() + "_FILE" for field in SECRET_FIELDS}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def load_settings(environ: Mapping[str, str] | None = None, instance: Path | None = None) -> Settings:
    """The settings of this process.

    Development fills what it needs by itself, and keeps its secret in ``instance/``. Raises SettingsError
    with every fault at once.
    """
    environ = os.environ if environ is None else environ
    instance = instance or ROOT / "instance"
    raw, faults = read_environment(environ)
    values: dict[str, Any] = dict(raw)
    values.setdefault("database_url", f"sqlite:///{instance / 'auth_portal.db'}")
    if values.get("env") == "development":
        _fill_development(values, instance, environ.get("PORT", "8000"))
    values["database_url"] = _absolute(values["database_url"])
    if "geoip_file" in values:
        values["geoip_file"] = str(ROOT / values["geoip_file"])
    if "public_url" in values:
        values["public_url"] = values["public_url"].rstrip("/")
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += [f"{_name(fault)}: {fault['msg']}" for fault in error.errors()]
        # The rest is judged too: one start tells everything that is wrong.
        malformed = {fault["loc"][0] for fault in error.errors()}
        settings = Settings(**{name: value for name, value in values.items() if name not in malformed})
    faults += find_faults(settings)
    if faults:
        raise SettingsError(faults)
    return settings


def _fill_development(values: dict[str, Any], instance: Path, port: str) -> None:
    values.setdefault("public_url", f"http://127.0.0.1:{port}")
    values.setdefault("mail_from", "Auth Portal <no-reply@localhost>")
    for limited in ("inbox_per_hour", "inbox_per_day", "source_per_hour", "site_per_hour"):
        values.setdefault(f"sends_per_{limited}", 0)
    for limited in ("range_per_hour", "site_per_day"):
        values.setdefault(f"sms_per_{limited}", 0)
    values.setdefault("sms_destinations", "+")
    if "secret_key" not in values:
        values["secret_key"] = _development_secret(instance / "secret_key")


def _development_secret(path: Path) -> str:
    """The secret of a development checkout, made once; of two processes that start at once one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48) + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _absolute(database_url: str) -> str:
    """A relative SQLite path counts from the checkout, whatever folder the command was started in."""
    path = database_url.removeprefix("sqlite:///")
    if path == database_url or path.startswith(("/", ":memory:")) or not path:
        return database_url
    return f"sqlite:///{ROOT / path}"


def _name(fault: ErrorDetails) -> str:
    return ".".join(str(part) for part in fault["loc"]).upper()
