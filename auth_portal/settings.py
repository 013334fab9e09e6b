"""Everything that can be set, from the environment. No other module reads ``os.environ``.

``load_settings`` reports all faults at once (OPS-01). The table in docs/settings.md is generated from the
fields below, so a field's ``description`` is written for the person who operates the portal.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

PREFIX = "AUTH_PORTAL_"
ROOT = Path(__file__).resolve().parent.parent
"""The checkout: ``static``, ``templates`` and ``instance`` lie beside the package."""

SECRET_FIELDS = ("secret_key", "secret_key_fallbacks", "database_url", "mail_url")
LOCALES = ("tr", "en")
MAIL_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

_DURATION = re.compile(r"(\d{1,10})\s*([smhd]?)", re.ASCII)
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


class SettingsError(Exception):
    """The environment is not one the portal may run in. ``faults`` has a sentence for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("auth-portal does not start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


def _duration(value: object) -> object:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(seconds=int(match[1]) * _UNIT[match[2]]) if match else value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


def _seconds(default: int, least: int, most: int, description: str) -> Any:
    return Field(
        timedelta(seconds=default),
        ge=timedelta(seconds=least),
        le=timedelta(seconds=most),
        description=description,
    )


class Settings(BaseModel):
    """The portal's settings. Durations are seconds, or a number with ``s``, ``m``, ``h`` or ``d``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    env: Literal["development", "production"] = Field(
        "production", description="`development` (what `make run` sets) shows codes and catches mail."
    )
    secret_key: str = Field(
        "",
        description="Key of everything that is signed, derived or encrypted; at least 32 bytes. "
        "Development makes one in `instance/`.",
    )
    secret_key_fallbacks: Words = Field(
        (), description="Former `SECRET_KEY`s, comma-separated, newest first, that are still honoured."
    )
    public_url: str = Field(
        "",
        description="Where people reach the portal: https, or http on a loopback host. It is the issuer and "
        "the base of every mailed link.",
    )
    database_url: str = Field("", description="`sqlite:///path` or `postgresql://user:password@host/name`.")
    mail_url: Words = Field(
        (),
        description="Relays, comma-separated, tried in order: `smtp://`, `smtp+starttls://` or `smtps://`, "
        "each with `[user:password@]host[:port]`. Unset in development: the mailbox at `/dev/mailbox`.",
    )
    mail_from: str = Field("", description="Sender of every letter: `Name <address>` or an address.")
    signup: Literal["open", "closed"] = Field(
        "open", description="`closed`: only known users get a code; strangers get a letter that says so."
    )
    code_length: int = Field(4, ge=4, le=12, description="Digits of a code.")
    code_ttl: Duration = _seconds(600, 1, 3_600, "How long a code lives.")
    code_attempts: int = Field(5, ge=1, le=10, description="Guesses evaluated for one code.")
    resend_after: Duration = _seconds(30, 0, 3_600, "How soon the same caller may have a code sent again.")
    sends_per_inbox_per_hour: int = Field(5, ge=0, description="Codes to one address an hour; `0` is off.")
    sends_per_inbox_per_day: int = Field(20, ge=0, description="Codes to one address a day; `0` is off.")
    sends_per_source_per_hour: int = Field(
        100, ge=0, description="Codes asked for by one source network an hour; `0` is off."
    )
    access_token_ttl: Duration = _seconds(600, 1, 3_600, "How long an access token lives.")
    refresh_token_ttl: Duration = _seconds(
        30 * 86_400, 1, 400 * 86_400, "How long an API sign-in lasts, however often it is refreshed."
    )
    registration_ttl: Duration = _seconds(
        86_400, 1, 7 * 86_400, "How long a new person may take to complete the registration."
    )
    session_ttl: Duration = _seconds(30 * 86_400, 1, 400 * 86_400, "How long a browser stays signed in.")
    session_idle_ttl: Duration = _seconds(
        7 * 86_400, 1, 400 * 86_400, "How long a browser stays signed in without being used."
    )
    trusted_proxies: int = Field(0, ge=0, le=10, description="Proxies in front whose `X-Forwarded-*` is believed.")
    allowed_origins: Words = Field((), description="Origins that may call the JSON API from a browser.")
    default_locale: Literal["tr", "en"] = Field("tr", description="Language where nobody asked for one.")
    brand_name: str = Field("Auth Portal", min_length=1, max_length=60, description="Name on pages and letters.")
    terms_url: str = Field("", description="Terms of use, linked from pages and registration.")
    privacy_url: str = Field("", description="Privacy notice, linked from pages and registration.")
    support_email: str = Field("", description="Where people find help.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    worker_threads: int = Field(8, ge=1, le=128, description="Threads of a worker process.")

    @property
    def is_development(self) -> bool:
        """Whether codes may be shown and mail may be caught."""
        return self.env == "development"

    @property
    def is_https(self) -> bool:
        """Whether people reach the portal over TLS: cookies are then Secure and ``__Host-``."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host of ``PUBLIC_URL``, without a port."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of ``PUBLIC_URL``, as browsers write it in ``Origin``."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The current secret first, then those that are only still honoured."""
        return (self.secret_key, *self.secret_key_fallbacks)

    @model_validator(mode="after")
    def _check_all(self) -> Self:
        faults = [fault for check in _CHECKS for fault in check(self)]
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _check_secrets(settings: Settings) -> list[str]:
    faults = []
    if not settings.secret_key:
        faults.append("SECRET_KEY is required")
    elif len(settings.secret_key.encode()) < 32:
        faults.append("SECRET_KEY is shorter than 32 bytes")
    if any(len(key.encode()) < 32 for key in settings.secret_key_fallbacks):
        faults.append("SECRET_KEY_FALLBACKS has a key shorter than 32 bytes")
    return faults


def _check_public_url(settings: Settings) -> list[str]:
    if not settings.public_url:
        return ["PUBLIC_URL is required"]
    parts = _split(settings.public_url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return ["PUBLIC_URL is not an http(s) address"]
    if parts.query or parts.fragment or parts.username or parts.password or re.search(r"[\s\\]", parts.geturl()):
        return ["PUBLIC_URL must be scheme, host, port and path only"]
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return ["PUBLIC_URL must be https (http only on a loopback host)"]
    return []


def _check_database_url(settings: Settings) -> list[str]:
    if re.fullmatch(r"sqlite:///(?!:memory:).+", settings.database_url):
        return []
    parts = _split(settings.database_url)
    if parts is not None and parts.scheme in ("postgresql", "postgresql+psycopg", "postgres"):
        return []
    return ["DATABASE_URL must be sqlite:///… (a file) or postgresql://…"]


def _check_mail(settings: Settings) -> list[str]:
    faults = []
    if not settings.mail_url and not settings.is_development:
        faults.append("MAIL_URL is required")
    for position, url in enumerate(settings.mail_url, start=1):
        parts = _split(url)
        if parts is None or parts.scheme not in MAIL_SCHEMES or not parts.hostname:
            faults.append(f"MAIL_URL: relay {position} is not smtp://, smtp+starttls:// or smtps:// with a host")
        elif (parts.username is None) != (parts.password is None):
            faults.append(f"MAIL_URL: relay {position} has a user without a password or the reverse")
    address = parseaddr(settings.mail_from)[1]
    if not settings.mail_from:
        faults.append("MAIL_FROM is required")
    elif not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or has_control(settings.mail_from):
        faults.append("MAIL_FROM is not an address or `Name <address>`")
    return faults


def _check_web(settings: Settings) -> list[str]:
    faults = []
    for origin in settings.allowed_origins:
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            faults.append(f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://app.example")
    for name in ("terms_url", "privacy_url"):
        value = getattr(settings, name)
        if value and not re.fullmatch(r"https?://[^\s\"'<>]+", value):
            faults.append(f"{name.upper()} is not an http(s) address")
    if settings.support_email and not re.fullmatch(r"[^@\s?&]+@[^@\s?&]+", settings.support_email):
        faults.append("SUPPORT_EMAIL is not an address")
    if has_control(settings.brand_name):
        faults.append("BRAND_NAME has a control character")
    return faults


_CHECKS = (_check_secrets, _check_public_url, _check_database_url, _check_mail, _check_web)


class Relay(BaseModel):
    """One SMTP relay of ``MAIL_URL``, taken apart."""

    model_config = ConfigDict(frozen=True)

    tls: Literal["none", "starttls", "implicit"]
    host: str
    port: int
    username: str | None
    password: str | None


def parse_relay(url: str) -> Relay:
    """The relay that a checked ``MAIL_URL`` entry names; user and password are percent-decoded."""
    parts = urlsplit(url)
    return Relay(
        tls={"smtp": "none", "smtp+starttls": "starttls", "smtps": "implicit"}[parts.scheme],
        host=parts.hostname or "",
        port=parts.port or MAIL_SCHEMES[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: ``localhost``, ``*.localhost`` or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def has_control(text: str) -> bool:
    """Whether a text holds a control character, CR, LF and NUL among them."""
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The raw values of our settings; ``NAME_FILE`` names a file that holds the value of a secret.

    Raises SettingsError if such a file cannot be read, or a secret is given in both ways.
    """
    raw: dict[str, str] = {}
    faults = []
    for field in Settings.model_fields:
        name = PREFIX + field.upper()
        value = environ.get(name, "")
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
    if faults:
        raise SettingsError(faults)
    return raw


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
    values: dict[str, Any] = dict(read_environment(environ))
    values.setdefault("database_url", f"sqlite:///{instance / 'auth_portal.db'}")
    if values.get("env") == "development":
        _fill_development(values, instance, environ.get("PORT", "8000"))
    values["database_url"] = _absolute(values["database_url"])
    if "public_url" in values:
        values["public_url"] = values["public_url"].rstrip("/")
    faults: list[str] = []
    while True:
        try:
            settings = Settings(**values)
        except ValidationError as error:
            faults += _sentences(error)
            malformed = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
        else:
            malformed = set()
        if not malformed:
            break
        # What depends on several settings is only checked once each is well-formed: leave the bad ones out.
        values = {name: value for name, value in values.items() if name not in malformed}
    if faults:
        raise SettingsError(faults)
    return settings


def _fill_development(values: dict[str, Any], instance: Path, port: str) -> None:
    values.setdefault("public_url", f"http://127.0.0.1:{port}")
    values.setdefault("mail_from", "Auth Portal <no-reply@localhost>")
    for name in ("sends_per_inbox_per_hour", "sends_per_inbox_per_day", "sends_per_source_per_hour"):
        values.setdefault(name, 0)
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


def _sentences(error: ValidationError) -> list[str]:
    faults: list[str] = []
    for fault in error.errors():
        field = ".".join(str(part) for part in fault["loc"]).upper()
        text = fault["msg"].removeprefix("Value error, ")
        faults += [f"{field}: {text}"] if field else text.split("\n")
    return faults
