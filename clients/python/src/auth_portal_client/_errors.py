"""Refusals of the portal, and how they are read from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from auth_portal_client.types import ErrorCode


class PortalError(Exception):
    """The portal refused a call. A network that fails is no refusal: that is ``requests.RequestException``.

    ``code`` is the header ``X-Error-Code``; a newer portal may have codes that this version does not know, and None
    means that none came. The first of ``messages`` says what happened, further ones what is wrong with which field.
    ``retry_after`` are the seconds to wait before the next try, where the portal says so.
    """

    def __init__(
        self, status: int, code: ErrorCode | str | None, messages: Sequence[str], retry_after: int | None = None
    ) -> None:
        super().__init__(status, code, tuple(messages), retry_after)
        self.status = status
        self.code = code
        self.messages = tuple(messages)
        self.retry_after = retry_after

    def __str__(self) -> str:
        return " | ".join(self.messages)


def signed_out() -> PortalError:
    """Nobody is signed in, or the session is over."""
    return PortalError(401, "unauthorized", ["Unauthorized"])


def is_dead(error: Exception) -> bool:
    """Whether the portal said that a token is dead. A proxy's 401, without the portal's code, does not."""
    return isinstance(error, PortalError) and error.status == 401 and error.code == "unauthorized"


def data_of(response: requests.Response) -> Any:
    """The ``data`` of an answer. Raises PortalError for a refusal, and for what is no answer of a portal."""
    envelope = _parsed(response)
    if 200 <= response.status_code < 300 and envelope.get("isSuccess") is True:
        return envelope["data"]
    errors = envelope.get("errors")
    messages = [str(text) for text in errors] if isinstance(errors, list) else []
    wait = response.headers.get("Retry-After", "")
    raise PortalError(
        response.status_code,
        response.headers.get("X-Error-Code"),
        messages or ["Not an answer of the portal"],
        int(wait) if wait.isascii() and wait.isdigit() else None,
    )


def _parsed(response: requests.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
