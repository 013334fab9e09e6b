"""Complete the registration: in the browser that proved the address, or in any other that proves it again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import gettext
from flask_wtf import FlaskForm

from auth_portal.errors import AlreadyRegistered, InvalidInput, Unauthenticated, parse_all
from auth_portal.signin.fields import parse_fields
from auth_portal.signin.registration import PendingRegistration, parse_name
from auth_portal.signin.standing import check_accepted
from auth_portal.web.errors import refusal_of
from auth_portal.web.flow import find_flow, find_flow_of
from auth_portal.web.forms import RegisterForm, own_inputs, own_values, show_faults, with_own_fields
from auth_portal.web.i18n import choose_locale
from auth_portal.web.services import services
from auth_portal.web.visitor import (
    current_session,
    elsewhere,
    find_registration,
    keep_registrations,
    registration_secrets,
    signed_in,
    this_caller,
    to,
)

blueprint = Blueprint("pages_register", __name__, url_prefix="/register")


@blueprint.get("")
def register() -> Response:
    """Ask a new person for the name, and for what the portal asks besides. What was typed before is there again."""
    pending = find_registration(None)
    if pending is None:
        return _no_registration(None)
    flow = find_flow_of(registration_id=pending.id)
    if flow is not None:
        services().pending.note_registration(flow.id, pending.id, pending.expires_at)
    terms_version = services().settings.terms_version
    return _page(_form(registration=pending.id, version=terms_version, data=pending.draft), pending)


@blueprint.post("")
def complete() -> Response:
    """Make the user and sign in."""
    form = _form()
    pending = find_registration(form["registration"].data)
    if pending is None:
        return _no_registration(form["registration"].data)
    flow = find_flow_of(registration_id=pending.id)
    registrations = services().registrations
    try:
        person = _person(form)
        opened = registrations.complete(pending.id, **person, locale=choose_locale(), caller=this_caller())
    except InvalidInput as fault:
        show_faults(form, fault)
        _ask_for_new_terms(form)
        registrations.keep_draft(pending.id, _draft(form))
        return _page(form, pending, status=400)
    except (AlreadyRegistered, Unauthenticated) as error:
        flash(gettext(refusal_of(error).message))
        response = to("pages.login", flow)
    else:
        response = signed_in(opened, flow)
    keep_registrations(response, [held for held in registration_secrets() if held != pending.secret])
    return response


def _form(**values: Any) -> FlaskForm:
    return with_own_fields(RegisterForm, services().settings.own_fields)(**values)


def _person(form: FlaskForm) -> dict[str, Any]:
    """Who the form says the person is. Raises InvalidInput with every fault at once."""
    own_fields = services().settings.own_fields
    person = parse_all(
        first_name=lambda: parse_name(form["first_name"].data or "", "first_name"),
        last_name=lambda: parse_name(form["last_name"].data or "", "last_name"),
        fields=lambda: parse_fields(own_fields, own_values(form, own_fields)),
        terms=lambda: check_accepted(form["terms"].data and not _terms_moved(form), "terms"),
    )
    del person["terms"]
    return person


def _terms_moved(form: FlaskForm) -> bool:
    """Whether the page was about other terms than those that are in force by now."""
    return form["version"].data not in (None, services().settings.terms_version)


def _ask_for_new_terms(form: FlaskForm) -> None:
    """Where the terms changed while the form was open, say so, and have them accepted anew."""
    if _terms_moved(form):
        read_them = gettext("Before you go on, please read them and say whether you accept them.")
        form["terms"].errors = [f"{gettext('The terms have changed')}. {read_them}"]
        form["terms"].data, form["version"].data = False, services().settings.terms_version


def _draft(form: FlaskForm) -> dict[str, Any]:
    """What is good of the form, but for the terms: they are accepted once all of it is."""
    own = [entered for entered, _field in own_inputs(form, services().settings.own_fields)]
    inputs = [form["first_name"], form["last_name"], *own]
    typed = {field.name: field.data for field in inputs if field.data and not field.errors}
    return {name: data.strip() if isinstance(data, str) else data for name, data in typed.items()}


def _no_registration(registration_id: str | None) -> Response:
    """Nothing to complete here: it is over, or another device was first, which the person is told."""
    completed = find_registration(registration_id, is_open=False)
    flow = find_flow() if completed is None else find_flow_of(registration_id=completed.id)
    if completed is not None and current_session() is None:
        flash(gettext(refusal_of(AlreadyRegistered()).message))
    return elsewhere(flow)


def _page(form: FlaskForm, pending: PendingRegistration, status: int = 200) -> Response:
    page = render_template(
        "pages/register.html",
        form=form,
        own=own_inputs(form, services().settings.own_fields),
        destination=pending.destination.value,
        expires_at=pending.expires_at,
    )
    return make_response(page, status)
