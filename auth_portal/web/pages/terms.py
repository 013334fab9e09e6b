"""What a signed-in person is asked before going on: terms that changed, and fields that are required by now.

An app's request waits meanwhile, and is answered afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, Response, make_response, render_template
from flask_wtf import FlaskForm

from auth_portal.errors import InvalidInput
from auth_portal.settings import RegistrationField
from auth_portal.signin.events import Actor
from auth_portal.signin.fields import missing_fields, parse_fields
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import Question, open_question
from auth_portal.web.flow import Flow, back_to_dispatcher, find_flow
from auth_portal.web.forms import (
    ButtonForm,
    DetailsForm,
    TermsForm,
    own_data,
    own_inputs,
    own_values,
    show_faults,
    with_own_fields,
)
from auth_portal.web.services import services
from auth_portal.web.visitor import current_session, home, sign_in_for, this_caller, to

blueprint = Blueprint("pages_terms", __name__, url_prefix="/account")

View = Callable[[LiveSession, Flow | None], Response]


def _asks(question: Question) -> Callable[[View], Callable[[], Response]]:
    """A page for those of whom this is to be asked; all others go on to where they were going."""

    def decorate(view: View) -> Callable[[], Response]:
        @wraps(view)
        def guarded() -> Response:
            flow, session = find_flow(), current_session()
            if session is None and flow is None:
                return sign_in_for(f"pages_terms.{question}")
            if session is None or open_question(session.user, services().settings) != question:
                return _go_on(flow)
            return view(session, flow)

        return guarded

    return decorate


@blueprint.get("/terms")
@_asks("terms")
def terms(session: LiveSession, _flow: Flow | None) -> Response:
    """Ask whether the person accepts the terms that are in force by now."""
    form = TermsForm(version=services().settings.terms_version)
    page = render_template("pages/terms.html", form=form, logout_form=ButtonForm(), user=session.user)
    return make_response(page)


@blueprint.post("/terms")
@_asks("terms")
def accept_terms(session: LiveSession, flow: Flow | None) -> Response:
    """Note that the person accepts the terms; are they others than the page was about, that is asked again."""
    version = services().settings.terms_version
    if TermsForm().version.data != version:
        return to("pages_terms.terms", flow)
    services().users.accept_terms(session.user.id, version, Actor.of(this_caller()))
    return _go_on(flow)


@blueprint.get("/details")
@_asks("details")
def details(session: LiveSession, _flow: Flow | None) -> Response:
    """Ask for what is required by now and missing."""
    fields = _missing(session)
    form = with_own_fields(DetailsForm, fields)(data=own_data(fields, session.user.fields))
    return _details_page(form, fields, session)


@blueprint.post("/details")
@_asks("details")
def save_details(session: LiveSession, flow: Flow | None) -> Response:
    """Keep it."""
    fields = _missing(session)
    form = with_own_fields(DetailsForm, fields)()
    try:
        values = parse_fields(fields, own_values(form, fields))
    except InvalidInput as fault:
        show_faults(form, fault)
        return _details_page(form, fields, session, status=400)
    services().users.update_profile(session.user.id, Actor.of(this_caller()), fields=values)
    return _go_on(flow)


def _missing(session: LiveSession) -> tuple[RegistrationField, ...]:
    return missing_fields(services().settings.own_fields, session.user.fields)


def _go_on(flow: Flow | None) -> Response:
    return home() if flow is None else back_to_dispatcher(flow)


def _details_page(
    form: FlaskForm, fields: tuple[RegistrationField, ...], session: LiveSession, status: int = 200
) -> Response:
    page = render_template(
        "pages/details.html",
        form=form,
        own=own_inputs(form, fields),
        logout_form=ButtonForm(),
        user=session.user,
    )
    return make_response(page, status)
