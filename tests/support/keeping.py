"""Holds the answers of the JSON API against the portal's own document, whichever test asked for them (API-14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request, request_finished
from jsonschema_rs import Draft202012Validator

from auth_portal.settings import RegistrationField
from auth_portal.web.envelope import is_api
from auth_portal.web.operation import declared
from auth_portal.web.reference.reference import reference

_Key = tuple[str, str, str, str | None]
_UNKNOWN = (400, 404, 405)
"""What a call gets that no operation is meant by."""


class _Document:
    """The document of portals with the same registration fields, with the schemas of its answers compiled once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._paths = document["paths"]
        self._validators: dict[_Key, Draft202012Validator] = {}

    def breaches(self, path: str, method: str, answer: Response) -> Iterator[str]:
        """What of an answer is not declared."""
        operation = self._paths.get(path, {}).get(method.lower())
        if operation is None:
            if answer.status_code not in _UNKNOWN:
                yield f"no such operation, but {answer.status_code}"
            return
        response = operation["responses"].get(str(answer.status_code))
        if response is None:
            yield f"{answer.status_code} {answer.headers.get('X-Error-Code')} is not declared"
            return
        yield from self._of_headers(response["headers"], answer)
        content = response["content"].get(answer.mimetype or "")
        if content is None:
            yield f"{answer.mimetype} is not declared"
            return
        key = (path, method, str(answer.status_code), answer.mimetype)
        if key not in self._validators:
            self._validators[key] = self._compiled(content["schema"])
        for error in self._validators[key].iter_errors(answer.get_json()):
            yield f"{'/'.join(map(str, error.instance_path))}: {error.message}"

    def _of_headers(self, headers: dict[str, Any], answer: Response) -> Iterator[str]:
        for name, header in headers.items():
            value = answer.headers.get(name)
            if value is None and header.get("required"):
                yield f"{name} is missing"
            if value is not None and "schema" in header and not self._compiled(header["schema"]).is_valid(value):
                yield f"{name}: {value} is not declared"
        for name in ("WWW-Authenticate", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Error-Code"):
            if name in answer.headers and name not in headers:
                yield f"{name} is not declared"

    def _compiled(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": self._components}, validate_formats=True)


_documents: dict[str, _Document] = {}


class Keeper:
    """Notes every answer of an application's JSON API that its document does not declare.

    What a test adds to the application for itself is no operation, and looked at by nobody.
    """

    def __init__(self, app: Flask, fields: tuple[RegistrationField, ...]) -> None:
        self.breaches: list[str] = []
        if repr(fields) not in _documents:
            with app.app_context():
                _documents[repr(fields)] = _Document(reference().document("en"))
        self._document = _documents[repr(fields)]
        request_finished.connect(self._look, app)

    def _look(self, app: Flask, response: Response, **_: object) -> None:
        is_ours = request.endpoint is None or declared(app.view_functions[request.endpoint]) is not None
        if not is_api(request.path) or not is_ours or request.method in ("OPTIONS", "HEAD"):
            return
        try:
            found = list(self._document.breaches(_path(), request.method, response))
        except Exception as fault:  # the answer is the test's, whatever we make of it
            found = [repr(fault)]
        self.breaches += [f"{request.method} {request.path}: {breach}" for breach in found]


def _path() -> str:
    """The path of the request as the document writes it; empty where there is none."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.url_rule.rule) if request.url_rule else ""
