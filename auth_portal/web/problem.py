"""Refusals as ``application/problem+json`` (RFC 9457), for callers of the JSON API that ask for it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, g, request
from flask_babel import gettext

from auth_portal import errors
from auth_portal.web.envelope import JsonObject, to_json
from auth_portal.web.errors import Refusal
from auth_portal.web.i18n import accepted_locale
from auth_portal.web.services import services

PROBLEM_TYPE = "application/problem+json"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The type of a reached limit (API-05)."""


def wants_problem() -> bool:
    """Whether the caller names the type, and likes it no less than JSON. ``*/*`` names nothing.

    Types are written in any case (RFC 9110, 8.3.1).
    """
    named = {kind.lower(): quality for kind, quality in request.accept_mimetypes if "*" not in kind}
    wish = named.get(PROBLEM_TYPE, 0)
    return wish > 0 and wish >= named.get("application/json", 0)


def problem(refusal: Refusal, faults: Mapping[str, str], error: Exception | None) -> Response:
    """The answer; ``faults`` says what is wrong with which field."""
    detail = gettext(refusal.message) if accepted_locale() else refusal.message
    body = problem_body(refusal, detail, faults, services().settings.public_url, g.get("request_id", ""))
    if isinstance(error, errors.TooManyRequests):
        body |= {"type": QUOTA_EXCEEDED, "violated-policies": [error.limit]}
    return Response(to_json(body) + "\n", refusal.status, content_type=PROBLEM_TYPE)


def problem_body(
    refusal: Refusal, detail: str, faults: Mapping[str, str], public_url: str, request_id: str
) -> JsonObject:
    """The members that every problem has (API-01). ``type`` leads to the reference's words on it."""
    body: JsonObject = {
        "type": f"{public_url}/docs/errors#{refusal.code}",
        "title": refusal.message,
        "status": refusal.status,
        "detail": detail,
        "instance": f"urn:auth-portal:request:{request_id}",
        "code": refusal.code,
    }
    if faults:
        body["errors"] = [
            {"detail": said, "pointer": f"#/{field.replace('.', '/')}" if field != "body" else "#"}
            for field, said in faults.items()
        ]
    return body
