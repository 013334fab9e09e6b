"""The OpenAPI 3.1 document: every operation, every status with an example, in one language (API-14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from itertools import groupby
from typing import Any

from apispec import APISpec
from flask_babel import gettext
from pydantic.json_schema import JsonSchemaMode

from auth_portal.errors import DeliveryFailed, PortalError
from auth_portal.marks import _
from auth_portal.settings import Settings
from auth_portal.web.errors import HTTP, INTERNAL, SMS_FAILED, TABLE, Refusal
from auth_portal.web.reference import parts
from auth_portal.web.reference.calls import GROUPS, Call
from auth_portal.web.reference.links import LINKS
from auth_portal.web.reference.rendering import LinkTo, leading_to, with_links
from auth_portal.web.reference.schemas import Schema, example_of, read_schemas, with_own_fields
from auth_portal.web.reference.servers import Server
from auth_portal.web.reference.shelf import GUIDES, read_text

OpenApi = dict[str, Any]


def build_document(calls: Sequence[Call], settings: Settings, servers: Iterable[Server], locale: str) -> OpenApi:
    """The document in the language that is in force, which is ``locale``."""
    overview = read_text("api", locale)
    spec = APISpec(
        title=f"{settings.brand_name}: JSON API",
        version=version("auth-portal"),
        openapi_version="3.1.0",
        info={
            "summary": overview.title,
            "description": overview.summary,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        servers=[{"url": server.url, "description": server.label} for server in servers],
        tags=[{"name": gettext(name)} for name in GROUPS.values()],
        externalDocs={"url": f"{settings.public_url}/docs", "description": gettext(_("The reference for people"))},
    )
    types, schemas = _schemas(calls, settings)
    for name, schema in schemas.items():
        spec.components.schema(name, schema)
    parts.add_components(spec)
    writer = _Writer(
        {call.name: call for call in calls}, types, schemas, settings.public_url, settings.is_development, locale
    )
    for call in calls:
        spec.path(path=call.path, operations={call.method.lower(): writer.operation(call)})
    return dict(parts.translated(spec.to_dict()))


def _schemas(calls: Sequence[Call], settings: Settings) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The types of bodies and answers by ``<name>`` and ``<name>:<status>``; all models by their names."""
    types: list[tuple[str, JsonSchemaMode, Any]] = []
    for call in calls:
        if call.operation.body:
            types.append((call.name, "validation", call.operation.body))
        for status, type_ in call.operation.answers.items():
            types.append((f"{call.name}:{status}", "serialization", type_))
    found, schemas = read_schemas(types)
    return found, with_own_fields(schemas, settings.own_fields)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes operations, with what it needs to know of all others."""

    calls: dict[str, Call]
    types: dict[str, Schema]
    schemas: dict[str, Schema]
    public_url: str
    is_development: bool
    locale: str

    def operation(self, call: Call) -> dict[str, Any]:
        """One operation."""
        prose = read_text(f"api/{call.slug}", self.locale)
        written: dict[str, Any] = {
            "operationId": call.id,
            "tags": [gettext(GROUPS[call.door])],
            "summary": prose.title,
            "description": with_links(prose.body, self._link_to).strip(),
            "parameters": [*_parameters(call), "AcceptLanguage"],
            "security": [{parts.SCHEMES[call.operation.proof]: []}] if call.operation.proof else [],
            "responses": {str(status): self._answer(call, status) for status in call.operation.answers},
        }
        if call.operation.body:
            content = {"schema": self.types[call.name], "example": self._example(call)}
            written["requestBody"] = {"required": True, "content": {"application/json": content}}
        field = next(iter(self._example(call)), "before")
        limit = "inbox-hour" if call.operation.sends else "address-changes"
        shown = parts.Shown(field, not call.operation.body, limit, self.public_url)
        for status, refusals in groupby(refusals_of(call), lambda refusal: refusal.status):
            written["responses"][str(status)] = parts.refusal_response(status, list(refusals), shown)
        return written

    @property
    def _link_to(self) -> LinkTo:
        """Whoever reads the document elsewhere finds the guides here."""
        guides = (name for names in GUIDES.values() for name in names)
        known = {*guides, *(f"api/{call.slug}" for call in self.calls.values())}
        return leading_to(known, "api/", f"{self.public_url}/docs")

    def _example(self, call: Call) -> dict[str, Any]:
        """An example of its body."""
        found = example_of(self.types[call.name], self.schemas, is_brief=True) if call.operation.body else {}
        return dict(found)

    def _shown(self, kind: Schema) -> dict[str, Any]:
        """An example of an answer; with a code only where there is one."""
        found = dict(example_of(kind, self.schemas))
        return found if self.is_development else {name: value for name, value in found.items() if name != "code"}

    def _answer(self, call: Call, status: int) -> dict[str, Any]:
        data = self.types[f"{call.name}:{status}"]
        examples = {
            parts.name_of(kind): {"value": parts.success(status, self._shown(kind))}
            for kind in data.get("anyOf", [data])
        }
        links = {
            self.calls[link.to].id: {"operationId": self.calls[link.to].id}
            | ({"parameters": link.parameters} if link.parameters else {})
            | ({"requestBody": link.body} if link.body else {})
            for link in LINKS.get(call.name, [])
        }
        content = {"schema": parts.envelope_of(status, data), "examples": examples}
        response: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "headers": {"X-Request-Id": "X-Request-Id"},
            "content": {"application/json": content},
        }
        return response | ({"links": links} if links else {})


def _parameters(call: Call) -> Iterator[dict[str, Any]]:
    for name in call.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": parts.ID}
    for one in call.operation.query:
        schema = {"type": "string", "pattern": one.pattern}
        yield {"name": one.name, "in": "query", "description": one.description, "schema": schema}


def refusals_of(call: Call) -> list[Refusal]:
    """All that a caller may be refused with, in the order of their statuses."""
    own = [_row(error, call) for error in call.operation.all_refusals]
    of_body = [HTTP[400], HTTP[413], HTTP[415]] if call.operation.body else []
    return sorted({*own, *of_body, INTERNAL}, key=lambda refusal: (refusal.status, refusal.code))


def _row(error: type[PortalError], call: Call) -> Refusal:
    return SMS_FAILED if error is DeliveryFailed and call.operation.sends == "sms" else TABLE[error]
