"""The page of one operation, as Markdown: made of the OpenAPI document, so that the two never differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask_babel import gettext

from auth_portal.marks import _
from auth_portal.web.reference.calls import Call
from auth_portal.web.reference.content import Item, Part
from auth_portal.web.reference.samples import samples_of
from auth_portal.web.reference.schemas import Schema, resolve
from auth_portal.web.reference.typescript import ENVELOPE, body_of, data_of, declarations, names_in, type_of

_PROOFS = {
    "access": _("`Authorization: Bearer <access token>`"),
    "registration": _("`Authorization: Bearer <registration token>`"),
}
_RECENT = _("The sign-in must be younger than ten minutes.")


def parts_of(call: Call, prose: str, document: Mapping[str, Any], server: str) -> list[Part]:
    """All parts of the page behind its title; ``prose`` says what the operation does."""
    operation = document["paths"][call.path][call.method.lower()]
    schemas = document["components"]["schemas"]
    return [
        Part("", "", prose),
        Part("request", gettext(_("Request")), "\n".join(_request(call, operation, schemas))),
        Part("answers", gettext(_("Answers")), "", tuple(_answers(operation, schemas))),
        Part("typescript", gettext(_("TypeScript definitions")), _types(call, operation, schemas)),
        Part(
            "samples",
            gettext(_("Samples")),
            "",
            tuple(
                Item(name, f"```{language}\n{sample}```\n")
                for name, (language, sample) in samples_of(call, operation, server).items()
            ),
        ),
    ]


def _request(call: Call, operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield f"```http\n{call.method} {call.path}\n```\n"
    if call.operation.proof:
        recent = f" {gettext(_RECENT)}" if call.operation.is_sensitive else ""
        yield f"{gettext(_PROOFS[call.operation.proof])}.{recent}\n"
    parameters = [one for one in operation["parameters"] if "$ref" not in one]
    if parameters:
        rows = {one["name"]: one["schema"] | {"description": one.get("description", "")} for one in parameters}
        required = [one["name"] for one in parameters if one.get("required")]
        yield _table({"properties": rows, "required": required}, gettext(_("Parameter")))
    body = body_of(operation)
    if body is not None:
        yield _table(resolve(body, schemas), gettext(_("Member")))
        example = operation["requestBody"]["content"]["application/json"]["example"]
        yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"
    if not parameters and body is None:
        yield gettext(_("Without a body.")) + "\n"


def _answers(operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Iterator[Item]:
    for status, answer in operation["responses"].items():
        content = answer["content"]["application/json"]
        lines = []
        if status < "300":
            data = data_of(operation)
            for kind in data.get("anyOf", [data]):
                members = resolve(kind, schemas)
                if members.get("properties"):
                    lines.append(f"`data`: `{type_of(kind)}`\n\n{_members(members)}")
        else:
            lines.append(answer["description"] + "\n")
            extra = [name for name in answer["headers"] if name not in ("X-Error-Code", "X-Request-Id")]
            if extra:
                # Not within the f-string: the catalogue's texts are not found there.
                word = gettext(_("Headers"))
                lines.append(f"{word}: {', '.join(f'`{name}`' for name in extra)}.\n")
        lines += [
            f"```json\n{json.dumps(example['value'], indent=2, ensure_ascii=False)}\n```\n"
            for example in content["examples"].values()
        ]
        codes = answer["headers"].get("X-Error-Code", {}).get("schema", {}).get("enum", [])
        yield Item(f"{status} {', '.join(codes) or HTTPStatus(int(status)).phrase}", "\n".join(lines))


def _types(call: Call, operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> str:
    body, data = body_of(operation), data_of(operation)
    names = [*names_in(body), *names_in(data), "Failure"]
    call_name = call.id[0].upper() + call.id[1:]
    types = [f"export type {call_name}Request = {type_of(body)};"] if body else []
    types.append(f"export type {call_name}Response = Envelope<{type_of(data)}> | Failure;\n")
    return "```ts\n" + "\n".join([*types, declarations(names, schemas), ENVELOPE]) + "```\n"


def _table(schema: Mapping[str, Any], head: str) -> str:
    """What may be given."""
    kind, meaning = gettext(_("Type")), gettext(_("Meaning"))
    required, optional = gettext(_("required")), gettext(_("optional"))
    lines = [f"| {head} | {kind} | | {meaning} |", "|---|---|---|---|"]
    for name, member in schema["properties"].items():
        need = required if name in schema.get("required", ()) else optional
        lines.append(f"| `{name}` | {_kind(member)} | {need} | {member.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _members(schema: Mapping[str, Any]) -> str:
    """What is answered."""
    head, kind, meaning = gettext(_("Member")), gettext(_("Type")), gettext(_("Meaning"))
    lines = [f"| {head} | {kind} | {meaning} |", "|---|---|---|"]
    for name, member in schema["properties"].items():
        lines.append(f"| `{name}` | {_kind(member)} | {member.get('description', '')} |")
    return "\n".join(lines) + "\n"


def _kind(member: Mapping[str, Any]) -> str:
    return f"`{type_of(member).replace('|', chr(92) + '|')}`"
