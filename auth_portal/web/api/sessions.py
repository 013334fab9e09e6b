"""The signed-in devices of a person by JSON: listing them, ending one, all others, all (SES-11)."""

from __future__ import annotations

from flask import Blueprint, Response
from flask_babel import get_locale, gettext

from auth_portal.errors import NotFound, ReauthenticationRequired
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.events import Actor
from auth_portal.signin.open_sessions import OpenSession
from auth_portal.signin.recency import check_recent
from auth_portal.web.api import answers
from auth_portal.web.api.bearer import current_session, recent_session, this_caller
from auth_portal.web.apps import tell_apps
from auth_portal.web.envelope import envelope
from auth_portal.web.operation import operation
from auth_portal.web.services import services

blueprint = Blueprint("api_sessions", __name__, url_prefix="/api/v1/auth")


@blueprint.get("/sessions")
@operation({200: answers.SessionList}, proof="access")
def list_sessions() -> Response:
    """Where the person is signed in, the last used first."""
    session = current_session()
    found = services().open_sessions.of_user(session.user.id)
    return envelope(200, answers.SessionList(sessions=[_session(one, session.id) for one in found]))


@blueprint.delete("/sessions/<session_id>")
@operation({200: answers.Nothing}, proof="access", refusals=(ReauthenticationRequired, NotFound))
def end_session(session_id: str) -> Response:
    """End one of them; for another than this one the sign-in must be recent (SES-15)."""
    session = current_session()
    if session_id != session.id:
        check_recent(session)
    services().open_sessions.end(session.user.id, session_id, Actor.of(this_caller()))
    tell_apps()
    return envelope(200, answers.Nothing())


@blueprint.post("/logout-others")
@operation({200: answers.Ended}, proof="access", is_sensitive=True)
def logout_others() -> Response:
    """End all but this one."""
    ended = services().open_sessions.end_others(recent_session(), this_caller())
    tell_apps()
    return envelope(200, answers.Ended(ended=ended))


@blueprint.post("/logout-all")
@operation({200: answers.Ended}, proof="access")
def logout_all() -> Response:
    """End all, this one too. However old the sign-in is: this is for emergencies, and gives nobody anything."""
    ended = services().open_sessions.end_all(current_session().user.id, Actor.of(this_caller()))
    tell_apps()
    return envelope(200, answers.Ended(ended=ended))


def _session(session: OpenSession, current_id: str) -> answers.OpenSession:
    return answers.OpenSession(
        id=session.id,
        device=device_words(session.device, gettext),
        network=rough_network(session.network),
        place=services().places.words(session.network, str(get_locale())),
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        is_current=session.id == current_id,
    )
