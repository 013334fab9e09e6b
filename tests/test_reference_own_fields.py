"""The reference of a portal with registration fields of its own, whatever these are called."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auth_portal.web.reference import python_types
from tests import filling
from tests.conftest import unavailable
from tests.support.typescript import TypeScriptUnavailable, compile_files, needed_tools

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ODD = {
    "name": "class",
    "type": "choice",
    "required": True,
    "label": {"tr": 'Sınıf """ \\', "en": 'Class */ "'},
    "choices": {"a.b": {"tr": "A", "en": "A"}},
}
"""A name that means something in Python, and words that would end a comment or a docstring."""


def document(app: Flask, locale: str = "en") -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get(f"/openapi.json?lang={locale}").json or {}
    return found


@pytest.mark.parametrize(("locale", "label"), [("tr", "Şirket"), ("en", "Company")])
def test_the_fields_are_called_as_people_see_them(make_app: Callable[..., Flask], locale: str, label: str) -> None:
    schemas = document(make_app(**filling.declared()), locale)["components"]["schemas"]
    for model in ("Fields", "FieldsGiven"):
        assert schemas[model]["properties"]["company"]["description"] == label


@pytest.mark.parametrize("locale", ["tr", "en"])
def test_whatever_a_field_is_called_the_types_in_python_are_python(
    make_app: Callable[..., Flask], locale: str
) -> None:
    app = make_app(**filling.declared(ODD, filling.COMPANY | {"label": ODD["label"]}))
    module = ast.parse(python_types.definitions(document(app, locale)))
    assert {"Fields", "FieldsGiven"} <= {
        target.id
        for statement in module.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def test_whatever_a_field_is_called_the_types_in_typescript_compile(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    try:
        needed_tools()
    except TypeScriptUnavailable as error:
        unavailable(str(error))
    (tmp_path / "types.ts").write_text(make_app(**filling.declared(ODD)).test_client().get("/docs/types.d.ts").text)
    compile_files(tmp_path, "--strict", "--noEmit", "types.ts")
