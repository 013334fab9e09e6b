"""The signed-in person by JSON: reading and changing the profile, and what happened to the account."""

from __future__ import annotations

from flask import Blueprint, Response, request

from auth_portal.errors import InvalidInput
from auth_portal.settings import LOCALES
from auth_portal.signin.event_log import LoggedEvent, Position
from auth_portal.signin.events import Actor
from auth_portal.signin.registration import parse_name
from auth_portal.web.api import inputs
from auth_portal.web.api.bearer import current_session, me_json, this_caller
from auth_portal.web.envelope import JsonObject, envelope, wire_time
from auth_portal.web.services import services

blueprint = Blueprint("api_account", __name__, url_prefix="/api/v1/auth")

_OWN_FACTS = ("channel", "fields", "scopes")
"""What of an event's facts its person is told. Whatever else is noted one day is not theirs by itself."""


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
    services().users.update_profile(session.user.id, Actor.of(this_caller()), **changes)
    return envelope(200, me_json(services().sessions.get_by_id(session.id).user))


@blueprint.get("/me/activity")
def activity() -> Response:
    """A page of what happened to the person's account, the newest first; ``next`` is ``before`` of the one behind."""
    session = current_session()
    before = request.args.get("before")
    page = services().events.of_user(session.user.id, Position.parse(before) if before is not None else None)
    older = str(page.older) if page.older is not None else None
    return envelope(200, {"events": [_event_json(event) for event in page.events], "next": older})


def _event_json(event: LoggedEvent) -> JsonObject:
    facts = event.facts or {}
    return {
        "id": event.id,
        "happenedAt": wire_time(event.happened_at),
        "kind": event.kind,
        "outcome": event.outcome,
        "actor": event.actor,
        "sessionId": event.session_id,
        "clientId": event.client_id,
        "clientName": event.client_name,
        "network": event.network or None,
        "device": event.device or None,
        "facts": {name: facts[name] for name in _OWN_FACTS if name in facts},
    }
