"""The OpenAPI document is valid, complete, and its own examples keep to it (API-14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from openapi_spec_validator import validate

from auth_portal.app import create_app
from auth_portal.web.envelope import is_api
from tests.conftest import settings_for
from tests.filling import ALL, declared

VARIABLE = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
LANGUAGES = ("en", "tr")
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC_URL = "http://127.0.0.1:8000"

Operation = tuple[str, dict[str, Any]]


def portal(sqlite_template: Path, **settings: object) -> Flask:
    return create_app(settings_for(f"sqlite:///{sqlite_template}", "smtp://127.0.0.1:1", **settings))


def document_of(app: Flask, language: str = "en") -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json", headers={"Accept-Language": language})
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    return document


@pytest.fixture(scope="module")
def app(sqlite_template: Path) -> Flask:
    """A portal with registration fields of every type."""
    return portal(sqlite_template, **declared())


@pytest.fixture(scope="module", params=LANGUAGES)
def document(app: Flask, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Its document in each language."""
    return document_of(app, request.param)


def as_documented(variable: re.Match[str]) -> str:
    return f"{{{variable[1]}}}"


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in methods.keys() & {*METHODS}:
            yield f"{method.upper()} {path}", methods[method]


def check(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    """Raises ValidationError where a value does not fit."""
    whole = {**schema, "components": document["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=checker).validate(value)


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_it_has_every_route_of_the_api_and_no_other(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        f"{method} {VARIABLE.sub(as_documented, rule.rule)}"
        for rule in app.url_map.iter_rules()
        if is_api(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {name for name, _operation in operations(document)} == routes
    ids = [operation["operationId"] for _name, operation in operations(document)]
    assert len({*ids}) == len(ids)


def test_every_status_has_examples_that_fit_its_schema(document: dict[str, Any]) -> None:
    for _name, operation in operations(document):
        for response in operation["responses"].values():
            for content in response["content"].values():
                assert content["examples"]
                for example in content["examples"].values():
                    check(example["value"], content["schema"], document)


def test_errors_have_their_own_examples_in_both_shapes(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status < "4":
                continue
            codes = set(response["headers"]["X-Error-Code"]["schema"]["enum"])
            assert response["headers"]["X-Error-Code"]["required"]
            assert response["content"].keys() == {"application/json", "application/problem+json"}, (name, status)
            for content in response["content"].values():
                assert content["examples"].keys() == codes, (name, status)
            problems = response["content"]["application/problem+json"]["examples"]
            assert {problem["value"]["code"] for problem in problems.values()} == codes
            for shape in response["content"].values():
                statuses = {
                    one["value"].get("statusCode", one["value"].get("status")) for one in shape["examples"].values()
                }
                assert statuses == {int(status)}


def test_examples_of_bodies_fit(document: dict[str, Any]) -> None:
    bodies = 0
    for _name, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert content["example"]
            check(content["example"], content["schema"], document)
            bodies += 1
    assert bodies > 10


def test_examples_in_schemas_fit(document: dict[str, Any]) -> None:
    found = 0
    for schema in document["components"]["schemas"].values():
        for member in schema.get("properties", {}).values():
            for example in member.get("examples", ()):
                check(example, member, document)
                found += 1
    assert found > 50


def test_every_success_has_data_in_its_example(document: dict[str, Any]) -> None:
    """An object, however little it tells."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status < "4":
                for example in response["content"]["application/json"]["examples"].values():
                    data = example["value"]["data"]
                    assert isinstance(data, dict), (name, status)


def described(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text for people, with its place."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("description", "summary") and isinstance(value, str):
                yield (*path, name), value
            elif name not in ("examples", "example", "properties"):
                yield from described(value, (*path, name))
            elif name == "properties":
                for member, schema in value.items():
                    yield from described(schema, (*path, name, member))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from described(value, (*path, str(number)))


SAME = re.compile(r"/servers/|/properties/(company|seats|born|team|site|news|rules)/")
"""What operators say in words of their own, or is a name; and the fields of this test."""


def test_everything_for_people_is_in_turkish(app: Flask) -> None:
    english, turkish = (
        {"/".join(place): text for place, text in described(document_of(app, language))} for language in LANGUAGES
    )
    assert english.keys() == turkish.keys()
    phrases = {"OK", "Created"}
    same = [
        place
        for place, text in english.items()
        if turkish[place] == text and text not in phrases and not SAME.search(f"/{place}/")
    ]
    assert same == []


def test_everything_has_words(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
    for name, schema in document["components"]["schemas"].items():
        for member, place in schema.get("properties", {}).items():
            if name.startswith("Exported") or name in ("Export", "Failure"):
                continue
            assert place.get("description"), (name, member)


def test_it_names_this_portal_and_those_of_the_setting(sqlite_template: Path) -> None:
    alone = document_of(portal(sqlite_template))["servers"]
    assert alone == [{"url": PUBLIC_URL, "description": "Production (127.0.0.1:8000)"}]
    more = portal(sqlite_template, api_servers="development=https://dev.example.com,production=https://example.com")
    assert document_of(more)["servers"][1:] == [
        {"url": "https://dev.example.com", "description": "Development (dev.example.com)"},
        {"url": "https://example.com", "description": "Production (example.com)"},
    ]


def test_own_registration_fields_are_in_the_schemas(app: Flask) -> None:
    schemas = document_of(app)["components"]["schemas"]
    names = [field["name"] for field in ALL]
    for schema in ("Fields", "FieldsGiven", "FieldsChanged"):
        assert list(schemas[schema]["properties"]) == names
        assert schemas[schema]["additionalProperties"] is False
    assert schemas["Fields"]["required"] == names
    assert schemas["FieldsGiven"]["required"] == ["company", "rules"]
    assert "required" not in schemas["FieldsChanged"]
    given = schemas["FieldsGiven"]["properties"]
    assert given["company"]["maxLength"] == 40
    assert given["rules"]["const"] is True
    assert given["team"]["anyOf"][0]["enum"] == ["dev", "ops"]
    assert given["born"]["anyOf"][0]["format"] == "date"
    assert {"type": "null"} in given["seats"]["anyOf"]
    assert "fields" in schemas["CompleteRegistration"]["required"]
    assert schemas["CompleteRegistration"]["properties"]["fields"]["$ref"].endswith("/FieldsGiven")
    assert "fields" not in schemas["UpdateProfile"].get("required", [])


def test_without_own_fields_there_are_none_to_give(sqlite_template: Path) -> None:
    schemas = document_of(portal(sqlite_template))["components"]["schemas"]
    for schema in ("Fields", "FieldsGiven", "FieldsChanged"):
        assert schemas[schema]["properties"] == {}
        assert "required" not in schemas[schema]
    assert "fields" not in schemas["CompleteRegistration"]["required"]


def test_links_lead_to_operations_and_name_what_is_there(app: Flask) -> None:
    document = document_of(app)
    by_id = {operation["operationId"]: operation for _name, operation in operations(document)}
    followed = 0
    for _name, operation in operations(document):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_id[link["operationId"]]
                if "requestBody" in link:
                    reference = target["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                    body = document["components"]["schemas"][reference.rpartition("/")[2]]
                    assert link["requestBody"].keys() <= body["properties"].keys()
                names = {parameter.get("name") for parameter in target["parameters"]}
                assert link.get("parameters", {}).keys() <= names
                followed += 1
    assert followed > 10
