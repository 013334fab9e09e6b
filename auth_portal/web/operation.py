"""What the reference needs to know of an operation beside its view: declared where the view is.

The view serves with the same models; every answer of the test suite is held against what is declared here (API-14).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from auth_portal import errors

Proof = Literal["access", "registration"]
"""What a caller proves itself with."""
Answers = dict[int, Any]
"""The type of ``data`` by status."""
View = TypeVar("View", bound=Callable[..., Any])

OWN_FIELDS = "x-own-fields"
"""Stands in a schema for what ``REGISTRATION_FIELDS`` says; its value is the name of that schema."""
FIELDS, FIELDS_GIVEN, FIELDS_CHANGED = "Fields", "FieldsGiven", "FieldsChanged"
OwnFields = Annotated[dict[str, Any], WithJsonSchema({OWN_FIELDS: FIELDS})]
"""The portal's own registration fields, by their names."""
GivenFields = Annotated[dict[str, Any], WithJsonSchema({OWN_FIELDS: FIELDS_GIVEN})]
"""The same as new people give them: with all that are required."""
ChangedFields = Annotated[dict[str, Any], WithJsonSchema({OWN_FIELDS: FIELDS_CHANGED})]
"""The same as people change them: any of them."""

_OF_BODY = (errors.InvalidInput,)
_OF_ALL = (errors.DatabaseUnavailable,)


class Wire(BaseModel):
    """Something that is JSON outside: camelCase there, our names here."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the address: text of a ``pattern``."""

    name: str
    pattern: str
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the JSON API. ``refusals``: beside those that every call has, or that its proof brings along."""

    answers: Answers
    body: type[Wire] | None = None
    proof: Proof | None = None
    is_sensitive: bool = False
    sends: Literal["email", "sms"] | None = None
    refusals: tuple[type[errors.PortalError], ...] = ()
    query: tuple[Query, ...] = ()

    @property
    def all_refusals(self) -> tuple[type[errors.PortalError], ...]:
        """Every refusal of ours that a caller may get, in the order of their statuses."""
        of_token: tuple[type[errors.PortalError], ...] = (errors.Unauthenticated,) if self.proof else ()
        if self.proof == "access":
            of_token += (errors.ScopeInsufficient,)
        if self.is_sensitive:
            of_token += (errors.ReauthenticationRequired,)
        of_sending = (errors.TooManyRequests, errors.DeliveryFailed) if self.sends else ()
        of_body = _OF_BODY if self.body else ()
        return (*of_body, *of_token, *self.refusals, *of_sending, *_OF_ALL)


_DECLARED: dict[Callable[..., Any], Operation] = {}


def operation(
    answers: Answers,
    *,
    body: type[Wire] | None = None,
    proof: Proof | None = None,
    is_sensitive: bool = False,
    sends: Literal["email", "sms"] | None = None,
    refusals: tuple[type[errors.PortalError], ...] = (),
    query: tuple[Query, ...] = (),
) -> Callable[[View], View]:
    """Declare what the view below takes and answers. ``is_sensitive``: it needs a recent code (SES-15)."""

    def declare(view: View) -> View:
        _DECLARED[view] = Operation(answers, body, proof, is_sensitive, sends, refusals, query)
        return view

    return declare


def declared(view: Callable[..., Any]) -> Operation | None:
    """What was declared about a view."""
    return _DECLARED.get(view)
