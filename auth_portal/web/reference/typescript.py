"""The operations' types as TypeScript, made of the same schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auth_portal.web.errors import HTTP
from auth_portal.web.operation import FIELDS
from auth_portal.web.reference.schemas import REF, Schema

_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_HEAD = """// What goes over the wire, made of the portal's OpenAPI document.
// Times are RFC 3339 in UTC, durations are seconds.
"""
ENVELOPE = """/** Every successful answer. */
export interface Envelope<Data> {
  isSuccess: true;
  statusCode: number;
  data: Data;
  errors: [];
  timestamp: string;
}
"""


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema as a type."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for branches in ("anyOf", "oneOf"):
        if branches in schema:
            return " | ".join(dict.fromkeys(type_of(branch) for branch in schema[branches]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(_of_kind(kind, schema) for kind in kinds) or "unknown"


def _of_kind(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "array":
        items = type_of(schema.get("items", {}))
        return f"({items})[]" if " | " in items else f"{items}[]"
    if kind == "object":
        if "properties" in schema:
            return "{ " + " ".join(f"{line.strip()}" for line in _members(schema)) + " }"
        others = schema.get("additionalProperties", True)
        return f"Record<string, {type_of(others) if isinstance(others, dict) else 'unknown' if others else 'never'}>"
    return _SIMPLE[kind]


def declaration(name: str, schema: Mapping[str, Any]) -> str:
    """A model as an exported type."""
    said = _comment(schema, "")
    if not schema.get("properties"):
        kind = f"Record<string, {_member_of(name)}>" if schema.get("type") == "object" else type_of(schema)
        return f"{said}export type {name} = {kind};\n"
    lines = "\n".join(_members(schema))
    return f"{said}export interface {name} {{\n{lines}\n}}\n"


def _member_of(name: str) -> str:
    """What may be in a model without members. Own fields another portal may have, and the clients are for all."""
    return "unknown" if name.startswith(FIELDS) else "never"


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, member in schema["properties"].items():
        key = name if _IDENTIFIER.fullmatch(name) else json.dumps(name)
        yield f"{_comment(member, '  ')}  {key}{'' if name in required else '?'}: {type_of(member)};"


def _comment(schema: Mapping[str, Any], indent: str) -> str:
    words = str(schema.get("description", "")).replace("*/", "*\\/")
    return f"{indent}/** {words} */\n" if words else ""


def names_in(schema: object) -> Iterator[str]:
    """The models that a schema refers to."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(REF)
        for part in schema.values():
            yield from names_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from names_in(part)


def closure(names: Iterable[str], schemas: Mapping[str, Schema]) -> list[str]:
    """These models and all that they are made of, each once, before what it is made of."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting.extend(names_in(schemas[name]))
    return list(found)


def declarations(names: Iterable[str], schemas: Mapping[str, Schema]) -> str:
    """These models and all that they are made of."""
    return "\n".join(declaration(name, schemas[name]) for name in closure(names, schemas))


def definitions(document: Mapping[str, Any]) -> str:
    """The whole API: ``/docs/types.d.ts``."""
    schemas = document["components"]["schemas"]
    return "\n".join(
        [
            _HEAD,
            "\n".join(declaration(name, schema) for name, schema in schemas.items()),
            ENVELOPE,
            "/** The values of the header X-Error-Code. */\nexport type ErrorCode =",
            _lines(codes_of(document)) + ";\n",
            "/** Every operation: how to call it, what it takes, and the `data` of its answer. */",
            "export interface Operations {",
            *_operations(document),
            "}\n",
        ]
    )


def codes_of(document: Mapping[str, Any]) -> list[str]:
    """Every value that the header X-Error-Code may have."""
    operations = (operation for path in document["paths"].values() for operation in path.values())
    headers = (response["headers"] for operation in operations for response in operation["responses"].values())
    of_operations = (header["X-Error-Code"]["schema"]["enum"] for header in headers if "X-Error-Code" in header)
    # A wrong method is no operation.
    return sorted({HTTP[405].code}.union(*of_operations))


def _lines(codes: Iterable[str]) -> str:
    return "\n".join(f"  | {json.dumps(code)}" for code in codes)


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body, data = body_of(operation), data_of(operation)
            yield f"  /** {operation['summary']} */"
            yield f"  {operation['operationId']}: {{"
            yield f'    method: "{method.upper()}";'
            yield f"    path: {json.dumps(path)};"
            yield f"    body: {type_of(body) if body else 'undefined'};"
            yield f"    data: {type_of(data)};"
            yield "  };"


def body_of(operation: Mapping[str, Any]) -> Schema | None:
    """The schema of an operation's body."""
    if "requestBody" not in operation:
        return None
    return dict(operation["requestBody"]["content"]["application/json"]["schema"])


def data_of(operation: Mapping[str, Any]) -> Schema:
    """The schema of ``data`` in its successful answer."""
    (answer,) = (response for status, response in operation["responses"].items() if status < "300")
    return dict(answer["content"]["application/json"]["schema"]["properties"]["data"])
