"""The operations' types as Python's TypedDicts, made of the same schemas: for the client in ``clients/python``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from textwrap import wrap
from typing import Any

from auth_portal.web.reference.schemas import REF
from auth_portal.web.reference.typescript import codes_of

_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_WIDTH = 110
_HEAD = '''"""What goes over the wire. Made by `make types` of the portal's OpenAPI document: do not edit.

Times are RFC 3339 in UTC, durations are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired
'''


def definitions(document: Mapping[str, Any]) -> str:
    """All models, and the error codes."""
    models = document["components"]["schemas"].items()
    parts = [_HEAD, *(_declaration(name, schema) for name, schema in models)]
    codes = ",\n".join(f"    {json.dumps(code)}" for code in codes_of(document))
    parts.append(f'ErrorCode = Literal[\n{codes},\n]\n"""The values of the header X-Error-Code."""\n')
    return "\n\n".join(part.rstrip() + "\n" for part in parts)


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema as a type."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "const" in schema:
        return f"Literal[{schema['const']!r}]".replace("'", '"')
    if "enum" in schema:
        given = ", ".join(json.dumps(value) for value in schema["enum"] if value is not None)
        return f"Literal[{given}]" + (" | None" if None in schema["enum"] else "")
    for branches in ("anyOf", "oneOf"):
        if branches in schema:
            return " | ".join(dict.fromkeys(type_of(branch) for branch in schema[branches]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(_of_kind(kind, schema) for kind in kinds) or "Any"


def _of_kind(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"list[{type_of(schema.get('items', {}))}]"
    if kind == "object":
        others = schema.get("additionalProperties", True)
        return f"dict[str, {type_of(others) if isinstance(others, dict) else 'Any'}]"
    return _SIMPLE[kind]


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    if not schema.get("properties"):
        return f"{name} = dict[str, Any]\n"
    lines = list(_members(schema))
    said = schema.get("description")
    docstring = f'    """{_quoted(said)}"""\n\n' if said else ""
    if any(iskeyword(key) or not key.isidentifier() for key in schema["properties"]):
        # A name that Python does not know as one: the form with a dictionary of members.
        members = "".join(f"        {json.dumps(key)}: {json.dumps(kind)},\n" for key, kind in _kinds(schema))
        return f'{name} = TypedDict(\n    "{name}",\n    {{\n{members}    }},\n)\n'
    return f"class {name}(TypedDict):\n{docstring}{''.join(lines)}"


def _quoted(words: str) -> str:
    """Words that end no docstring."""
    return re.sub(r'"(?="|$)', r"\"", words.replace("\\", r"\\"))


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    for key, kind in _kinds(schema):
        yield f"    {key}: {kind}\n"
        words = str(schema["properties"][key].get("description", ""))
        if words:
            text = _quoted("\n    ".join(wrap(words, _WIDTH - 10)))
            yield f'    """{text}"""\n'


def _kinds(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    required = set(schema.get("required", ()))
    for key, member in schema["properties"].items():
        kind = type_of(member)
        yield key, kind if key in required else f"NotRequired[{kind}]"
