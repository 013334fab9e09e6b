"""Which of two forms of an answer a caller asks for (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from flask import request


def prefers(kind: str, usual: str) -> bool:
    """Whether ``Accept`` names the kind, and likes it no less than the usual one. ``*/*`` names nothing.

    Types are written in any case, and may have parameters (RFC 9110, section 8.3.1).
    """
    named: dict[str, float] = {}
    for text, quality in request.accept_mimetypes:
        name = text.partition(";")[0].strip().lower()
        named[name] = max(quality, named.get(name, 0))
    wish = named.get(kind, 0)
    return wish > 0 and wish >= named.get(usual, 0)
