"""Which of two forms of an answer a caller asks for (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from flask import request


def prefers(kind: str, usual: str) -> bool:
    """Whether ``Accept`` names the kind, and likes it no less than the usual one. ``*/*`` names nothing.

    Types are written in any case (RFC 9110, section 8.3.1).
    """
    named = {name.lower(): quality for name, quality in request.accept_mimetypes if "*" not in name}
    wish = named.get(kind, 0)
    return wish > 0 and wish >= named.get(usual, 0)
