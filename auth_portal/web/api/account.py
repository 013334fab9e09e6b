"""The signed-in person by JSON: reading and changing the profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response

from auth_portal.errors import parse_all
from auth_portal.signin.events import Actor
from auth_portal.signin.fields import parse_fields
from auth_portal.signin.registration import parse_name
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import check_accepted
from auth_portal.signin.users import parse_locale
from auth_portal.web.api import inputs
from auth_portal.web.api.bearer import current_session, this_caller, user_json
from auth_portal.web.envelope import envelope
from auth_portal.web.services import services

blueprint = Blueprint("api_account", __name__, url_prefix="/api/v1/auth")


@blueprint.get("/me")
def me() -> Response:
    """The profile of the signed-in person."""
    return envelope(200, user_json(current_session().user))


@blueprint.patch("/me")
def update_me() -> Response:
    """Change names, language or fields of the signed-in person."""
    session = current_session()
    body = inputs.parse_body(inputs.UpdateProfile)
    own_fields = services().settings.own_fields
    parsers: dict[str, tuple[object, Callable[[Any], Any]]] = {
        "first_name": (body.first_name, lambda name: parse_name(name, "firstName")),
        "last_name": (body.last_name, lambda name: parse_name(name, "lastName")),
        "locale": (body.locale, lambda locale: parse_locale(locale, "locale")),
        "fields": (body.fields, lambda values: parse_fields(own_fields, values, is_partial=True)),
    }
    given = {name: partial(parse, value) for name, (value, parse) in parsers.items() if value is not None}
    services().users.update_profile(session.user.id, **parse_all(**given))
    return _current(session)


@blueprint.post("/me/terms")
def accept_terms() -> Response:
    """Note that the signed-in person accepts the terms that are in force."""
    session = current_session()
    body = inputs.parse_body(inputs.AcceptTerms)
    check_accepted(body.accept_terms, "acceptTerms")
    services().users.accept_terms(session.user.id, services().settings.terms_version, Actor.of(this_caller()))
    return _current(session)


def _current(session: LiveSession) -> Response:
    """The person as the database has them by now."""
    return envelope(200, user_json(services().sessions.get_by_id(session.id).user))
