"""What happened to a person's account, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import get_locale, gettext

from auth_portal.db import utcnow
from auth_portal.marks import _
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.event_log import LoggedEvent, Position
from auth_portal.signin.events import EventKind
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.pages.guard import for_signed_in
from auth_portal.web.services import services

blueprint = Blueprint("pages_activity", __name__, url_prefix="/account")


WORDS: dict[EventKind, str] = {
    "signed_in": _("Signed in"),
    "code_refused": _("A wrong code was entered"),
    "codes_stopped": _("Codes on their way were stopped"),
    "registered": _("Account created"),
    "reauthenticated": _("Confirmed again with a code"),
    "signed_out": _("Signed out"),
    "session_ended": _("A device was signed out"),
    "sessions_ended": _("Devices were signed out"),
    "refresh_reused": _("A device was signed out because somebody may have copied its sign-in"),
    "profile_changed": _("Profile changed"),
    "terms_accepted": _("Terms accepted"),
    "address_added": _("Address or number added"),
    "address_changed": _("Address or number changed"),
    "address_removed": _("Address or number removed"),
    "address_restored": _("Address or number restored"),
    "main_address_chosen": _("Main address or number chosen"),
    "app_allowed": _("Access given to an app"),
    "app_withdrawn": _("Access taken back from an app"),
    "exported": _("Data downloaded"),
    "deletion_requested": _("Deletion of the account requested"),
    "deletion_undone": _("Deletion of the account taken back"),
    "erased": _("Account erased"),
    "suspended": _("Account closed for use"),
    "restored": _("Account opened again"),
    "client_created": _("App registered"),
    "client_changed": _("App changed"),
    "client_deleted": _("App deleted"),
    "secret_rotated": _("Secret of an app replaced"),
    "keys_rotated": _("Signing keys replaced"),
}
"""What each kind of event is called."""
_RECENT, _SECOND = timedelta(days=1), timedelta(seconds=1)
_ACTORS = {"operator": _("by an operator"), "portal": _("by the portal itself")}


class _Line(NamedTuple):
    """An event as it is shown: what, the facts beside it and their directions, and how long ago; None where its date
    tells more.
    """

    event: LoggedEvent
    words: str
    facts: list[tuple[str, str]]
    age: timedelta | None


@blueprint.get("/activity")
@for_signed_in
def activity(session: LiveSession) -> Response:
    """The person's own events, the newest first."""
    before = request.args.get("before")
    found = services().events.of_user(session.user.id, Position.parse(before) if before is not None else None)
    now = utcnow()
    lines = [_line(event, now) for event in found.events]
    return make_response(render_template("pages/activity.html", lines=lines, older=found.older, before=before))


def _line(event: LoggedEvent, now: datetime) -> _Line:
    actor = _ACTORS.get(event.actor)
    spoken = get_locale().text_direction
    facts = [
        (event.client_name, "auto"),
        (gettext(actor) if actor else None, spoken),
        (device_words(event.device, gettext), spoken),
        (services().places.words(event.network, str(get_locale())), spoken),
        (rough_network(event.network), "auto"),
    ]
    age = now - event.happened_at
    return _Line(
        event,
        gettext(WORDS.get(event.kind, event.kind)),
        [(fact, direction) for fact, direction in facts if fact],
        max(age, _SECOND) if age < _RECENT else None,
    )
