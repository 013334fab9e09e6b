"""The signed-in devices of a person: the list, and ending one, all others, all (SES-11)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import get_locale, gettext, ngettext

from auth_portal.db import utcnow
from auth_portal.errors import NotFound
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.events import Actor
from auth_portal.signin.open_sessions import OpenSession
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.apps import tell_apps
from auth_portal.web.forms import ButtonForm
from auth_portal.web.pages.guard import for_recent, for_signed_in
from auth_portal.web.services import services
from auth_portal.web.visitor import end_browser_session, notice_of_before, this_caller, to

blueprint = Blueprint("pages_sessions", __name__, url_prefix="/account")


@blueprint.get("/sessions")
@for_signed_in
def sessions(session: LiveSession) -> Response:
    """Where the person is signed in; this browser first, then the last used."""
    found = services().open_sessions.of_user(session.user.id)
    here = [one for one in found if one.id == session.id]
    page = render_template(
        "pages/sessions.html",
        here=here,
        others=[one for one in found if one not in here],
        device=lambda one: device_words(one.device, gettext) or gettext("Unknown device"),
        whereabouts=_whereabouts,
        now=utcnow(),
        form=ButtonForm(),
        **notice_of_before(),
    )
    return make_response(page)


@blueprint.post("/sessions/<session_id>/end")
@for_recent("pages_sessions.sessions")
def end(session: LiveSession, session_id: str) -> Response:
    """End one of them. Pressed twice it is over already, which is as well."""
    try:
        services().open_sessions.end(session.user.id, session_id, Actor.of(this_caller()))
    except NotFound:
        return to("pages_sessions.sessions")
    tell_apps()
    flash(gettext("That device is signed out."))
    return to("pages_sessions.sessions")


@blueprint.post("/sessions/end-others")
@for_recent("pages_sessions.sessions")
def end_others(session: LiveSession) -> Response:
    """End all but this one."""
    ended = services().open_sessions.end_others(session, this_caller())
    tell_apps()
    flash(ngettext("One other device is signed out.", "%(num)s other devices are signed out.", ended))
    return to("pages_sessions.sessions")


@blueprint.post("/sessions/end-all")
@for_signed_in
def end_all(session: LiveSession) -> Response:
    """End all, this one too. However old the sign-in is: this is for emergencies, and gives nobody anything."""
    services().open_sessions.end_all(session.user.id, Actor.of(this_caller()))
    tell_apps()
    flash(gettext("You are signed out everywhere."))
    return end_browser_session(to("pages.login"))


def _whereabouts(session: OpenSession) -> str | None:
    place = services().places.words(session.network, str(get_locale()))
    return " · ".join(filter(None, (place, rough_network(session.network)))) or None
