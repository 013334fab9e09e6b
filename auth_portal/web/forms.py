"""The forms of the pages. Fields and CSRF only: what a value must be is decided in ``signin``."""

from __future__ import annotations

from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField

from auth_portal.errors import InvalidInput
from auth_portal.web.errors import REASONS


class EmailForm(FlaskForm):
    """The address to mail a code to."""

    email = StringField()

    @property
    def entry(self) -> Field:
        """The field that says where the code goes."""
        return self.email


class PhoneForm(FlaskForm):
    """The number to text a code to."""

    phone = StringField()

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
    """Who the person is. ``registration`` says which address this page is about, should there be several tabs."""

    first_name = StringField()
    last_name = StringField()
    terms = BooleanField()
    registration = HiddenField()


class UserCodeForm(FlaskForm):
    """The code that a device shows."""

    user_code = StringField()


class DeletionForm(FlaskForm):
    """Whether the person means it."""

    sure = BooleanField()


class ButtonForm(FlaskForm):
    """A button that does one thing."""


def show_faults(form: FlaskForm, fault: InvalidInput) -> None:
    """Put the reasons of a refusal under the fields they are about."""
    for field, reason in fault.faults.items():
        text = gettext(REASONS[reason])
        form[field].errors = [gettext("This %(reason)s.", reason=text)]
