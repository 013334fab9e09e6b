"""One SMS gateway of ``SMS_URL``, taken apart."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

_LEAST_SECRET_BYTES = 16


class MalformedGateway(ValueError):
    """An entry of ``SMS_URL`` names no gateway. Says why in words that follow "gateway 1", never the entry."""


class Gateway(BaseModel):
    """One SMS gateway of ``SMS_URL``, taken apart.

    ``account`` and ``secret`` prove who we are (a webhook has no account, and perhaps no secret); ``sender`` is whom
    people see as the sender; ``path`` is the webhook's.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["webhook", "twilio", "netgsm"]
    is_https: bool
    host: str
    port: int
    path: str = ""
    account: str = Field("", repr=False)
    secret: bytes = Field(b"", repr=False)
    sender: str = ""


def parse_gateway(url: str) -> Gateway:
    """The gateway that an entry of ``SMS_URL`` names; user, password and sender are percent-decoded.

    https, except to this machine where the entry says so or the provider is played by a program here (OPS-13).
    Raises MalformedGateway.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in _READERS:
        raise MalformedGateway("is not https+webhook://, twilio:// or netgsm:// with a host")
    return _READERS[parts.scheme](parts)


def _read_webhook(parts: SplitResult) -> Gateway:
    is_https = parts.scheme == "https+webhook"
    if not is_https and not _is_this_machine(parts.hostname or ""):
        raise MalformedGateway("may use http+webhook:// on a loopback host only")
    if parts.username:
        raise MalformedGateway("has a user: write the secret after a colon, https+webhook://:SECRET@host")
    if parts.username is not None and not parts.password:
        raise MalformedGateway("has an empty secret: without one, leave the colon out, too")
    if parts.fragment:
        raise MalformedGateway("has something behind its path")
    return Gateway(
        kind="webhook",
        is_https=is_https,
        host=parts.hostname or "",
        port=parts.port or (443 if is_https else 80),
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        secret=_key(unquote(parts.password)) if parts.password else b"",
    )


def _key(secret: str) -> bytes:
    """The key behind a secret as the Standard Webhooks specification writes it."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise MalformedGateway("has a secret that is not base64 (percent-encode + / and =)") from None
    if len(key) < _LEAST_SECRET_BYTES:
        raise MalformedGateway(f"has a secret shorter than {_LEAST_SECRET_BYTES} bytes")
    return key


def _read_provider(parts: SplitResult) -> Gateway:
    sender = unquote(parts.path.removeprefix("/"))
    if not parts.username or not parts.password:
        raise MalformedGateway("needs a user and a password")
    if not sender or "/" in sender or not sender.isprintable():
        raise MalformedGateway("needs its sender as the path")
    if parts.query or parts.fragment:
        raise MalformedGateway("has something behind its sender")
    is_https = not _is_this_machine(parts.hostname or "")
    return Gateway(
        kind="twilio" if parts.scheme == "twilio" else "netgsm",
        is_https=is_https,
        host=parts.hostname or "",
        port=parts.port or (443 if is_https else 80),
        account=unquote(parts.username),
        secret=unquote(parts.password).encode(),
        sender=sender,
    )


_READERS = {
    "https+webhook": _read_webhook,
    "http+webhook": _read_webhook,
    "twilio": _read_provider,
    "netgsm": _read_provider,
}


def _split(url: str) -> SplitResult | None:
    """The parts of an address that is clean and has a host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    is_clean = re.fullmatch(r"[!-~]+", url) and re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", parts.hostname or "")
    return parts if is_clean and parts.port != 0 else None


def _is_this_machine(host: str) -> bool:
    """Whether a host is literally this one: a name that may lead elsewhere must not get a password unencrypted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
