"""How tests forge tokens."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt

DEEP = "[" * 4_000
"""JSON that is deeper than any reader goes."""


def encoded(value: Any) -> str:
    """A part of a JWT; text goes as it is."""
    raw = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def rewritten(token: str, key: Any = None, algorithm: str = "", claims: Any = None, **header: Any) -> str:
    """The token with other headers and claims, signed by whoever has ``key``; with the old signature without one."""
    old_header, body, signature = token.split(".")
    new_header = jwt.get_unverified_header(token) | header
    new_body = body
    if claims is not None:
        known = jwt.decode(token, options={"verify_signature": False})
        new_body = encoded({name: value for name, value in (known | claims).items() if value is not None})
    signed = f"{encoded(new_header) if header else old_header}.{new_body}"
    if key is not None:
        signature = encoded(jwt.get_algorithm_by_name(algorithm).sign(signed.encode(), key))
    return f"{signed}.{signature}"
