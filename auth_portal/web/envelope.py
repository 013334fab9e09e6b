"""The one shape of every answer under ``/api/`` (contract, section 2)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel

from auth_portal.db import utcnow


def envelope(status: int, data: object = None, errors: list[str] | None = None) -> Response:
    """A JSON answer with exactly the five members of the envelope."""
    body = {
        "isSuccess": status < 400,
        "statusCode": status,
        "data": data,
        "errors": errors or [],
        "timestamp": wire_time(utcnow()),
    }
    return Response(to_json(body) + "\n", status, content_type="application/json; charset=utf-8")


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON as we send it: UTF-8, times as ``wire_time`` has them; of models, what was set."""
    return json.dumps(value, ensure_ascii=False, default=_plain, indent=indent)


def _plain(value: Any) -> Any:
    return value.model_dump(by_alias=True, exclude_unset=True) if isinstance(value, BaseModel) else wire_time(value)


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def is_api(path: str) -> bool:
    """Whether a path belongs to the JSON API, unknown ones included."""
    return path == "/api" or path.startswith("/api/")


JsonObject = dict[str, Any]
