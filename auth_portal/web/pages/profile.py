"""The signed-in person's name, language and the portal's own fields, to be changed (PRIV-09)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import force_locale, gettext
from flask_wtf import FlaskForm

from auth_portal.errors import InvalidInput, parse_all
from auth_portal.signin.events import Actor
from auth_portal.signin.fields import parse_fields
from auth_portal.signin.registration import parse_name
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.users import parse_locale
from auth_portal.web.forms import ProfileForm, own_data, own_inputs, own_values, show_faults, with_own_fields
from auth_portal.web.i18n import keep_language
from auth_portal.web.pages.guard import for_signed_in
from auth_portal.web.services import services
from auth_portal.web.visitor import this_caller, to

blueprint = Blueprint("pages_profile", __name__, url_prefix="/account/profile")


@blueprint.get("")
@for_signed_in
def profile(session: LiveSession) -> Response:
    """Show what can be changed."""
    user = session.user
    own = own_data(services().settings.own_fields, user.fields)
    names = {"first_name": user.first_name, "last_name": user.last_name, "locale": user.locale}
    return _page(_form(data=names | own))


@blueprint.post("")
@for_signed_in
def update(session: LiveSession) -> Response:
    """Keep the changes. The pages are in the chosen language from here on."""
    form = _form()
    try:
        changes = _changes(form)
    except InvalidInput as fault:
        show_faults(form, fault)
        return _page(form, status=400)
    services().users.update_profile(session.user.id, Actor.of(this_caller()), **changes)
    with force_locale(changes["locale"]):
        flash(gettext("Your changes are saved."))
    response = to("pages_account.account")
    keep_language(response, changes["locale"])
    return response


def _form(**values: Any) -> FlaskForm:
    return with_own_fields(ProfileForm, services().settings.own_fields)(**values)


def _changes(form: FlaskForm) -> dict[str, Any]:
    """What the form says. Raises InvalidInput with every fault at once."""
    own_fields = services().settings.own_fields
    return parse_all(
        first_name=lambda: parse_name(form["first_name"].data or "", "first_name"),
        last_name=lambda: parse_name(form["last_name"].data or "", "last_name"),
        locale=lambda: parse_locale(form["locale"].data or "", "locale"),
        fields=lambda: parse_fields(own_fields, own_values(form, own_fields)),
    )


def _page(form: FlaskForm, status: int = 200) -> Response:
    own = own_inputs(form, services().settings.own_fields)
    return make_response(render_template("pages/profile.html", form=form, own=own), status)
