"""Taking one's data along, and leaving, by JSON."""

from __future__ import annotations

from flask import Blueprint, Response

from auth_portal.signin.events import Actor
from auth_portal.web.api.answers import EraseAt
from auth_portal.web.api.bearer import recent_session, this_caller
from auth_portal.web.api.exported import Export
from auth_portal.web.envelope import envelope
from auth_portal.web.operation import operation
from auth_portal.web.services import services

blueprint = Blueprint("api_leaving", __name__, url_prefix="/api/v1/auth")


@blueprint.get("/me/export")
@operation({200: Export}, proof="access", is_sensitive=True)
def export_me() -> Response:
    """Everything that is kept about the signed-in person (PRIV-01)."""
    session = recent_session()
    return envelope(200, services().exports.export(session.user.id, Actor.of(this_caller())))


@blueprint.delete("/me")
@operation({200: EraseAt}, proof="access", is_sensitive=True)
def delete_me() -> Response:
    """Sign the person out everywhere, and have the account erased unless that is taken back (PRIV-02)."""
    session = recent_session()
    erase_at = services().leaving.request(session.user.id, Actor.of(this_caller()))
    services().outbox.later(services().backchannel.deliver_due)
    return envelope(200, EraseAt(erase_at=erase_at))
