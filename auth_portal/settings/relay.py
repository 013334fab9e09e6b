"""One SMTP relay of ``MAIL_URL``, taken apart."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict

from auth_portal.settings.checks import MAIL_SCHEMES


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
