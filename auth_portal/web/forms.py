"""The forms of the pages. Fields and CSRF only: what a value must be is decided in ``signin``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField

from auth_portal.errors import InvalidInput
from auth_portal.settings import RegistrationField
from auth_portal.signin.fields import Values
from auth_portal.web.errors import REASONS

AnyForm = TypeVar("AnyForm", bound=FlaskForm)
_NUMBER = re.compile(r"[+-]?\d{1,16}")


class EmailForm(FlaskForm):
    """The address to mail a code to."""

    email = StringField()
    remember = BooleanField()

    @property
    def entry(self) -> Field:
        """The field that says where the code goes."""
        return self.email


class PhoneForm(FlaskForm):
    """The number to text a code to."""

    phone = StringField()
    remember = BooleanField()

    @property
    def entry(self) -> Field:
        """The field that says where the code goes."""
        return self.phone


class PressureForm(FlaskForm):
    """Ask for a code with a proof of work, which the script fills in."""

    proof = HiddenField()


class CodeForm(FlaskForm):
    """The code that came. ``challenge`` says which one this page waits for, should there be several tabs."""

    code = StringField()
    challenge = HiddenField()


class RegisterForm(FlaskForm):
    """Who the person is. ``registration`` says which address this page is about, should there be several tabs, and
    ``version`` which terms.
    """

    first_name = StringField()
    last_name = StringField()
    terms = BooleanField()
    registration = HiddenField()
    version = HiddenField()


class ProfileForm(FlaskForm):
    """What a person changes about themself."""

    first_name = StringField()
    last_name = StringField()
    locale = StringField()


class DetailsForm(FlaskForm):
    """Fields that are required by now."""


class TermsForm(FlaskForm):
    """Accept terms. ``version`` says which ones this page was about, should there be others by now."""

    version = HiddenField()


class UserCodeForm(FlaskForm):
    """The code that a device shows."""

    user_code = StringField()


class DeletionForm(FlaskForm):
    """Whether the person means it."""

    sure = BooleanField()


class ButtonForm(FlaskForm):
    """A button that does one thing."""


def with_own_fields(form: type[AnyForm], fields: Sequence[RegistrationField]) -> type[AnyForm]:
    """A form that also asks for fields of the portal's own."""
    inputs = {own_name(field): BooleanField() if field.type == "boolean" else StringField() for field in fields}
    return type(form.__name__, (form,), inputs)


def own_name(field: RegistrationField) -> str:
    """The name of a field of the portal's own in forms: none of ours begins like this."""
    return f"own_{field.name}"


def own_inputs(form: FlaskForm, fields: Sequence[RegistrationField]) -> list[tuple[Field, RegistrationField]]:
    """The inputs of these fields, each with its field."""
    return [(form[own_name(field)], field) for field in fields]


def own_values(form: FlaskForm, fields: Sequence[RegistrationField]) -> dict[str, Any]:
    """What was entered for these fields, as JSON callers send it. What it must be is decided in ``signin``."""
    return {field.name: _entered(entered.data, field) for entered, field in own_inputs(form, fields)}


def own_data(fields: Sequence[RegistrationField], values: Values | None) -> dict[str, Any]:
    """The values of a person, for filling a form in."""
    known = values or {}
    return {own_name(field): known.get(field.name) for field in fields}


def _entered(data: Any, field: RegistrationField) -> Any:
    if isinstance(data, str) and not data.strip():
        return ""
    if field.type == "number" and _NUMBER.fullmatch((data or "").strip()):
        return int(data)
    return data


def show_faults(form: FlaskForm, fault: InvalidInput) -> None:
    """Put the reasons of a refusal under the fields they are about."""
    for field, reason in fault.faults.items():
        text = gettext(REASONS[reason])
        form[field.replace("fields.", "own_")].errors = [gettext("This %(reason)s.", reason=text)]
