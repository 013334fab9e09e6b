"""The signed-in person by JSON: reading and changing the profile."""

from __future__ import annotations

from flask import Blueprint, Response

from auth_portal.errors import InvalidInput
from auth_portal.settings import LOCALES
from auth_portal.signin.registration import parse_name
from auth_portal.web.api import inputs
from auth_portal.web.api.bearer import current_session, me_json
from auth_portal.web.envelope import envelope
from auth_portal.web.services import services

blueprint = Blueprint("api_account", __name__, url_prefix="/api/v1/auth")


@blueprint.get("/me")
def me() -> Response:
    """The profile of the signed-in person, with all addresses and numbers."""
    return envelope(200, me_json(current_session().user))


@blueprint.patch("/me")
def update_me() -> Response:
    """Change names or language of the signed-in person."""
    session = current_session()
    body = inputs.parse_body(inputs.UpdateProfile)
    changes = {}
    if body.first_name is not None:
        changes["first_name"] = parse_name(body.first_name, "firstName")
    if body.last_name is not None:
        changes["last_name"] = parse_name(body.last_name, "lastName")
    if body.locale is not None:
        if body.locale not in LOCALES:
            raise InvalidInput(locale="malformed")
        changes["locale"] = body.locale
    services().users.update_profile(session.user.id, **changes)
    return envelope(200, me_json(services().sessions.get_by_id(session.id).user))
