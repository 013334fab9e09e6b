"""What the guides show of the tables that serve the requests: all errors, all operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask_babel import gettext

from auth_portal.marks import _
from auth_portal.web.errors import HTTP, Refusal
from auth_portal.web.reference.calls import Call
from auth_portal.web.reference.document import refusals_of

_OF_ANY_CALL = (HTTP[400], HTTP[404], HTTP[405])


def errors_of(calls: Sequence[Call], _document: Mapping[str, Any]) -> str:
    """Each error under its code, which is where the ``type`` of a problem leads."""
    where: dict[str, list[Call]] = {}
    kinds: dict[str, list[Refusal]] = {}
    for call in calls:
        for refusal in refusals_of(call):
            where.setdefault(refusal.code, []).append(call)
            kinds.setdefault(refusal.code, []).append(refusal)
    for refusal in _OF_ANY_CALL:
        kinds.setdefault(refusal.code, []).append(refusal)
    by_status = sorted(kinds.items(), key=lambda kind: (kind[1][0].status, kind[0]))
    return "\n".join(
        _error(code, list(dict.fromkeys(kind)), where.get(code, []), len(calls)) for code, kind in by_status
    )


def _error(code: str, kinds: list[Refusal], where: list[Call], count: int) -> str:
    status = HTTPStatus(kinds[0].status)
    lines = [f"### `{code}`\n", f"{status.value} {status.phrase}.\n"]
    fixed, said = gettext(_("Without `Accept-Language`")), gettext(_("Else"))
    lines += [f"- {fixed}: `{kind.contract_text}`. {said}: {gettext(kind.message)}" for kind in kinds]
    if where and len(where) < count:
        links = ", ".join(f"[{call.slug}](api/{call.slug}.md)" for call in where)
        lines.append(f"- {links}")
    return "\n".join(lines) + "\n"


def operations_of(calls: Sequence[Call], document: Mapping[str, Any]) -> str:
    """All operations in a table."""
    call_head, meaning = gettext(_("Call")), gettext(_("Meaning"))
    lines = [f"| {call_head} | {meaning} |", "|---|---|"]
    for call in calls:
        summary = document["paths"][call.path][call.method.lower()]["summary"]
        lines.append(
            f"| [`{call.method} {call.path.removeprefix('/api/v1/auth/')}`](api/{call.slug}.md) | {summary} |"
        )
    return "\n".join(lines) + "\n"
