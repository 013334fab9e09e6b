"""JSON Schemas (2020-12, the dialect of OpenAPI 3.1) of the models that serve the requests, and examples of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import get_locale
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from auth_portal.settings import RegistrationField
from auth_portal.signin.fields import GREATEST_NUMBER
from auth_portal.web.operation import FIELDS, FIELDS_CHANGED, FIELDS_GIVEN, OWN_FIELDS

Schema = dict[str, Any]
REF = "#/components/schemas/"
_EXAMPLES: Schema = {"number": 1, "date": "2026-05-22", "boolean": True, "url": "https://example.com"}


class _Plain(GenerateJsonSchema):
    """Without what the models say to their readers only: docstrings, titles, defaults that mean "not given"."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        return {name: value for name, value in found.items() if name not in ("title", "description")}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", "") in (None, ""):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def read_schemas(types: Iterable[tuple[str, JsonSchemaMode, Any]]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schemas of these types by their keys, and of all models that occur in them by their names."""
    adapted = [(key, mode, TypeAdapter(type_)) for key, mode, type_ in types]
    found, shared = TypeAdapter.json_schemas(adapted, schema_generator=_Plain, ref_template=REF + "{model}")
    schemas: dict[str, Schema] = {str(key): dict(schema) for (key, _mode), schema in found.items()}
    return schemas, shared.get("$defs", {})


def with_own_fields(schemas: Mapping[str, Schema], fields: Iterable[RegistrationField]) -> dict[str, Schema]:
    """The models, with the portal's own fields where they go: what people may send, and what they are answered."""
    fields = list(fields)
    given = {field.name: _given_field(field) for field in fields}
    required = [field.name for field in fields if field.is_required]
    kept = {field.name: _kept_field(field) for field in fields}
    whole: dict[str, Schema] = {
        **schemas,
        FIELDS: _object(kept, required=list(kept)),
        FIELDS_GIVEN: _object(given, required=required),
        FIELDS_CHANGED: _object(given),
    }
    for schema in schemas.values():
        place = schema.get("properties", {}).get("fields")
        if place is not None and _refer(place) == FIELDS_GIVEN and required:
            place["$ref"] = place.pop("anyOf")[0]["$ref"]
            schema["required"] = [*schema["required"], "fields"]
    return whole


def _refer(place: Schema) -> str | None:
    """Put the reference in the place of the marker, or in a branch of it where it may be left out; say to which."""
    for marked in (place, *place.get("anyOf", ())):
        name = marked.pop(OWN_FIELDS, None)
        if name is not None:
            marked["$ref"] = f"{REF}{name}"
            return str(name)
    return None


def _object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _kept_field(field: RegistrationField) -> Schema:
    """What is answered. What is kept may be older than the rules, so it is only typed."""
    kind = {"number": "integer", "boolean": "boolean"}.get(field.type, "string")
    return {"type": [kind, "null"], **_said_of(field)}


def _given_field(field: RegistrationField) -> Schema:
    """What a value must be, see signin/fields.py: null and the empty text empty what is not required."""
    is_text = field.type in ("text", "url")
    rules: dict[str, Schema] = {
        "text": {"type": "string", "maxLength": field.longest, "format": "line"},
        "url": {"type": "string", "maxLength": field.longest, "format": "web-address"},
        "number": {"type": "integer", "minimum": -GREATEST_NUMBER, "maximum": GREATEST_NUMBER},
        "date": {"type": "string", "format": "date"},
        "boolean": {"type": "boolean"} | ({"const": True} if field.is_required else {}),
        "choice": {"type": "string", "enum": list(field.choices)},
    }
    rule = rules[field.type]
    if field.is_required:
        return rule | ({"minLength": 1} if is_text else {}) | _said_of(field)
    branches = [rule, *([] if is_text else [{"const": ""}]), {"type": "null"}]
    return {"anyOf": branches, **_said_of(field)}


def _said_of(field: RegistrationField) -> Schema:
    example = next(iter(field.choices), _EXAMPLES.get(field.type))
    return {"description": field.label(str(get_locale()))} | ({"examples": [example]} if example is not None else {})


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Schema], *, is_brief: bool = False) -> Any:
    """A value that fits the schema. ``is_brief``: of what may be left out, nothing; but one member at least."""
    schema = resolve(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    for branches in ("oneOf", "anyOf"):
        if branches in schema:
            return example_of(schema[branches][0], schemas, is_brief=is_brief)
    if schema.get("type") == "object":
        return _example_object(schema, schemas, is_brief=is_brief)
    if schema.get("type") == "array":
        items = resolve(schema.get("items", {}), schemas)
        return [example_of(items, schemas)] if items.get("type") == "object" else []
    return {"string": "…", "integer": 1, "boolean": True, "null": None}.get(str(schema.get("type")))


def _example_object(schema: Mapping[str, Any], schemas: Mapping[str, Schema], *, is_brief: bool) -> dict[str, Any]:
    members: dict[str, Any] = schema.get("properties", {})
    names = schema.get("required", list(members)[:1]) if is_brief else list(members)
    return {name: example_of(members[name], schemas, is_brief=is_brief) for name in members if name in names}


def resolve(schema: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Mapping[str, Any]:
    """The schema itself, or the one that it refers to; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema
    own = {name: value for name, value in schema.items() if name != "$ref"}
    return schemas[schema["$ref"].removeprefix(REF)] | own
