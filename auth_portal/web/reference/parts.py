"""The parts of the OpenAPI document that all operations share: envelope, refusals, headers, proofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apispec import APISpec
from flask_babel import gettext

from auth_portal.marks import _
from auth_portal.web.errors import Refusal
from auth_portal.web.problem import QUOTA_EXCEEDED, fault, problem_body
from auth_portal.web.reference.schemas import REF, Schema

SCHEMES = {"access": "accessToken", "registration": "registrationToken"}
"""The names of what callers prove themselves with."""
ID: Schema = {"type": "string", "minLength": 1, "examples": ["5d21f0b7a9c34e0f9a1d2c3b4a5f6e7d"]}

_TIMESTAMP: Schema = {"type": "string", "format": "date-time", "examples": ["2026-05-22T16:11:27.126Z"]}
_STATUS: Schema = {
    "type": "integer",
    "description": _("Equals the HTTP status."),
    "minimum": 400,
    "maximum": 599,
}
_MEMBERS = ["isSuccess", "statusCode", "data", "errors", "timestamp"]
_RETRY = {"resend_too_soon", "too_many_requests", "service_unavailable"}
_CHALLENGED = {"unauthorized", "insufficient_scope"}

_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": (_("The number of this request in the portal's log."), {"type": "string"}),
    "Retry-After": (_("Seconds to wait before asking again."), {"type": "integer", "minimum": 0}),
    "RateLimit-Policy": (_("The limit that is reached: its name, quota and window in seconds."), {"type": "string"}),
    "RateLimit": (_("What is left of it, and the seconds until there is more."), {"type": "string"}),
    "WWW-Authenticate": (_("How to prove oneself (RFC 6750)."), {"type": "string"}),
}
_FAILURE: Schema = {
    "type": "object",
    "description": _("The envelope of a refusal."),
    "properties": {
        "isSuccess": {"const": False, "type": "boolean"},
        "statusCode": _STATUS,
        "data": {"type": "null"},
        "errors": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": _("The first says what it is, further ones what is wrong with which field."),
        },
        "timestamp": _TIMESTAMP,
    },
    "required": _MEMBERS,
    "additionalProperties": False,
}
_PROBLEM: Schema = {
    "type": "object",
    "description": _("A refusal for callers that accept `application/problem+json` (RFC 9457)."),
    "properties": {
        "type": {"type": "string", "format": "uri", "description": _("Names the kind of problem, and explains it.")},
        "title": {"type": "string", "description": _("What it is, in English.")},
        "status": _STATUS,
        "detail": {"type": "string", "description": _("What it is, in the caller's language.")},
        "instance": {"type": "string", "format": "uri", "description": _("Names this very occurrence.")},
        "code": {"type": "string", "description": _("The same as X-Error-Code.")},
        "errors": {
            "type": "array",
            "description": _("What is wrong with which member of the body."),
            "items": {
                "type": "object",
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": _("Where it is in the body (RFC 6901).")},
                    "parameter": {"type": "string", "description": _("Which parameter of the address it is.")},
                },
                "required": ["detail"],
                "additionalProperties": False,
            },
        },
        "violated-policies": {
            "type": "array",
            "items": {"type": "string"},
            "description": _("The limits that are reached, as RateLimit names them."),
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "code"],
}
_SCHEMES: dict[str, Schema] = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": _("The access token of a sign-in to the JSON API."),
    },
    "registrationToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": _("The registration token that a code of a new person brought."),
    },
}


def add_components(spec: APISpec) -> None:
    """Put them into the document."""
    spec.components.schema("Failure", _FAILURE)
    spec.components.schema("Problem", _PROBLEM)
    for name, (description, schema) in _HEADERS.items():
        spec.components.header(name, {"description": description, "schema": schema})
    for name, scheme in _SCHEMES.items():
        spec.components.security_scheme(name, dict(scheme))
    spec.components.parameter(
        "AcceptLanguage",
        "header",
        {
            "name": "Accept-Language",
            "description": _("The language of the texts; without it they are the fixed ones of the errors' table."),
            "schema": {"type": "string", "examples": ["tr"]},
        },
    )


def envelope_of(status: int, data: Schema) -> Schema:
    """The schema of a successful answer."""
    members: Schema = {
        "isSuccess": {"const": True, "type": "boolean"},
        "statusCode": {"const": status, "type": "integer"},
        "data": data,
        "errors": {"type": "array", "maxItems": 0},
        "timestamp": _TIMESTAMP,
    }
    return {"type": "object", "properties": members, "required": _MEMBERS, "additionalProperties": False}


def success(status: int, data: Any) -> dict[str, Any]:
    """An example of one."""
    return {
        "isSuccess": True,
        "statusCode": status,
        "data": data,
        "errors": [],
        "timestamp": _TIMESTAMP["examples"][0],
    }


def failure(refusal: Refusal, shown: Shown) -> dict[str, Any]:
    """An example of a refusal."""
    details = [f"{shown.field}: {shown.said}"] if refusal.code == "validation_failed" else []
    return {
        "isSuccess": False,
        "statusCode": refusal.status,
        "data": None,
        "errors": [refusal.contract_text, *details],
        "timestamp": _TIMESTAMP["examples"][0],
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """What the examples of an operation's refusals tell: a field that may be wrong, a limit that may be reached.

    A field is one of the body, or a parameter of the address.
    """

    field: str
    is_parameter: bool
    limit: str
    public_url: str

    @property
    def said(self) -> str:
        """What is wrong with it."""
        return "is malformed" if self.is_parameter else "is required"


def refusal_response(status: int, refusals: list[Refusal], shown: Shown) -> dict[str, Any]:
    """What the document says about one status of an operation."""
    codes = sorted({refusal.code for refusal in refusals})
    headers: dict[str, Any] = {
        "X-Error-Code": {
            "required": True,
            "description": _("Why, for machines; it never changes."),
            "schema": {"type": "string", "enum": codes},
        },
        "X-Request-Id": "X-Request-Id",
    }
    wanted = {
        "Retry-After": bool(_RETRY & {*codes}),
        "RateLimit-Policy": status == 429,
        "RateLimit": status == 429,
        "WWW-Authenticate": bool(_CHALLENGED & {*codes}),
    }
    headers |= {name: name for name, is_wanted in wanted.items() if is_wanted}
    return {
        "description": " ".join(f"`{refusal.code}`: {gettext(refusal.message)}" for refusal in refusals),
        "headers": headers,
        "content": {
            "application/json": {
                "schema": {"$ref": f"{REF}Failure"},
                "examples": {one.code: {"value": failure(one, shown)} for one in refusals},
            },
            "application/problem+json": {
                "schema": {"$ref": f"{REF}Problem"},
                "examples": {one.code: {"value": _problem(one, shown)} for one in refusals},
            },
        },
    }


def _problem(refusal: Refusal, shown: Shown) -> dict[str, Any]:
    places = [fault(shown.field, shown.said, is_parameter=shown.is_parameter)]
    faults = places if refusal.code == "validation_failed" else []
    body = problem_body(refusal, gettext(refusal.message), faults, shown.public_url, "4f1d2c3b4a5f6e7d")
    of_limit = {"type": QUOTA_EXCEEDED, "violated-policies": [shown.limit]}
    return body | of_limit if refusal.code == "too_many_requests" else body


def name_of(schema: Schema) -> str:
    """The name of the model that a schema refers to."""
    return str(schema["$ref"]).removeprefix(REF)


def translated(part: Any) -> Any:
    """The document with its descriptions in the language that is in force."""
    if isinstance(part, dict):
        return {
            name: gettext(value) if name == "description" and isinstance(value, str) and value else translated(value)
            for name, value in part.items()
        }
    return [translated(one) for one in part] if isinstance(part, list) else part
