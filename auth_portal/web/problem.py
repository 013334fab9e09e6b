"""Refusals as ``application/problem+json`` (RFC 9457), for callers of the JSON API that ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Response, g, request
from flask_babel import gettext

from auth_portal import errors
from auth_portal.web.accepting import prefers
from auth_portal.web.envelope import JsonObject, to_json
from auth_portal.web.errors import Refusal
from auth_portal.web.i18n import accepted_locale
from auth_portal.web.services import services

PROBLEM_TYPE = "application/problem+json"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The type of a reached limit (API-05)."""


def wants_problem() -> bool:
    """Whether the caller names the type, and likes it no less than JSON."""
    return prefers(PROBLEM_TYPE, "application/json")


def problem(refusal: Refusal, faults: Mapping[str, str], error: Exception | None) -> Response:
    """The answer; ``faults`` says what is wrong with which field."""
    detail = gettext(refusal.message) if accepted_locale() else refusal.message
    places = [fault(field, said, is_parameter=request.method == "GET") for field, said in faults.items()]
    body = problem_body(refusal, detail, places, services().settings.public_url, g.get("request_id", ""))
    if isinstance(error, errors.TooManyRequests):
        body |= {"type": QUOTA_EXCEEDED, "violated-policies": [error.limit]}
    return Response(to_json(body) + "\n", refusal.status, content_type=PROBLEM_TYPE)


def problem_body(
    refusal: Refusal, detail: str, faults: Sequence[JsonObject], public_url: str, request_id: str
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
    return body | ({"errors": list(faults)} if faults else {})


def fault(field: str, said: str, *, is_parameter: bool) -> JsonObject:
    """What is wrong with a member of the body (``pointer``, RFC 6901), or with a parameter of the address."""
    if is_parameter:
        return {"detail": said, "parameter": field}
    return {"detail": said, "pointer": "#" if field == "body" else f"#/{field.replace('.', '/')}"}
