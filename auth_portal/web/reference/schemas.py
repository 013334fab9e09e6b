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
from auth_portal.web.operation import OWN_FIELDS

Schema = dict[str, Any]
REF = "#/components/schemas/"
FIELDS = "Fields"
FIELDS_GIVEN = "FieldsGiven"


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
    given = {field.name: _own_field(field, is_given=True) for field in fields}
    kept = {field.name: _own_field(field, is_given=False) for field in fields}
    whole: dict[str, Schema] = {
        **schemas,
        FIELDS: _object(kept, required=list(kept)),
        FIELDS_GIVEN: _object(given),
    }
    for schema in schemas.values():
        place = schema.get("properties", {}).get("fields")
        if place is not None:
            _refer(place)
    return whole


def _refer(place: Schema) -> None:
    """Put the reference in the place of the marker; what a caller gives may be left out, so it has another branch."""
    if place.pop(OWN_FIELDS, None):
        place["$ref"] = REF + FIELDS
    for branch in place.get("anyOf", ()):
        if branch.pop(OWN_FIELDS, None):
            branch["$ref"] = REF + FIELDS_GIVEN


def _object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _own_field(field: RegistrationField, *, is_given: bool) -> Schema:
    """What a value must be, see signin/fields.py. What is kept may be older than the rules, so it is only typed."""
    types = {"number": "integer", "boolean": "boolean"}
    schema: Schema = {
        "type": [types.get(field.type, "string"), "null"],
        "description": field.label(str(get_locale())),
    }
    if not is_given:
        return schema
    if field.type in ("text", "url"):
        schema["maxLength"] = field.longest
    if field.type == "date":
        schema["format"] = "date"
    if field.type == "url":
        schema["format"] = "web-address"
    if field.type == "number":
        schema |= {"minimum": -GREATEST_NUMBER, "maximum": GREATEST_NUMBER}
    if field.type == "choice":
        schema["enum"] = [*field.choices, None]
    return schema


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Schema], *, is_brief: bool = False) -> Any:
    """A value that fits the schema. ``is_brief``: of what may be left out, nothing; but one member at least."""
    schema = resolve(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
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
