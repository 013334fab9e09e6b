"""Which operations there are: those of the application's own routes, so that none is missing or invented."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import Rule

from auth_portal.marks import _
from auth_portal.web.envelope import is_api
from auth_portal.web.operation import Operation, declared

GROUPS = {
    "api_auth": _("Signing in"),
    "api_account": _("Profile"),
    "api_sessions": _("Sessions"),
    "api_addresses": _("Addresses and numbers"),
    "api_leaving": _("Export and deletion"),
}
"""What the reference calls the operations of each door."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation at its place. ``path`` is as OpenAPI writes it: ``/api/v1/auth/sessions/{session_id}``."""

    name: str
    method: str
    path: str
    door: str
    operation: Operation

    @property
    def slug(self) -> str:
        """Its name in addresses and files."""
        return self.name.replace("_", "-")

    @property
    def id(self) -> str:
        """Its name in OpenAPI and TypeScript."""
        first, *others = self.name.split("_")
        return first + "".join(word.capitalize() for word in others)

    @property
    def parameters(self) -> list[str]:
        """The variable parts of its path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def changes_data(self) -> bool:
        """Whether it is more than reading."""
        return self.method != "GET"


def find_calls(app: Flask) -> list[Call]:
    """All operations, in the order of their doors and views. Raises LookupError for one that declares nothing."""
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules() if is_api(rule.rule)}
    return [_call(app, rules[endpoint]) for endpoint in app.view_functions if endpoint in rules]


def _call(app: Flask, rule: Rule) -> Call:
    operation = declared(app.view_functions[rule.endpoint])
    if operation is None:
        raise LookupError(f"{rule.endpoint} says nothing about itself")
    door, _dot, name = rule.endpoint.partition(".")
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return Call(name, method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), door, operation)
