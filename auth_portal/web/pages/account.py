"""The signed-in person's page, and signing out."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import gettext

from auth_portal.signin.events import Actor
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.forms import ButtonForm
from auth_portal.web.i18n import language_name
from auth_portal.web.own_fields import own_facts
from auth_portal.web.pages.guard import for_signed_in
from auth_portal.web.services import services
from auth_portal.web.visitor import end_browser_session, notice_of_before, this_caller, to

blueprint = Blueprint("pages_account", __name__)


@blueprint.get("/account")
@for_signed_in
def account(session: LiveSession) -> Response:
    """Who is signed in, and the way to everything that this person can see and change."""
    page = render_template(
        "pages/account.html",
        user=session.user,
        language=language_name(session.user.locale),
        own_facts=own_facts(session.user),
        takes_phone=services().settings.has_sms or session.user.phone is not None,
        logout_form=ButtonForm(),
        **notice_of_before(),
    )
    return make_response(page)


@blueprint.post("/logout")
def logout() -> Response:
    """End the browser's session on the server and forget its cookie (SES-08)."""
    flash(gettext("You are signed out."))
    return end_browser_session(to("pages.login"))


@blueprint.get("/account/apps")
@for_signed_in
def apps(session: LiveSession) -> Response:
    """The apps that the person lets in (OP-23)."""
    connected = services().consents.connected(session.user.id)
    return make_response(render_template("pages/apps.html", apps=connected, form=ButtonForm(), **notice_of_before()))


@blueprint.post("/account/apps/<client_id>/withdraw")
@for_signed_in
def withdraw(session: LiveSession, client_id: str) -> Response:
    """Take back what an app was allowed; its tokens die at once. No app but those that are registered: the person's
    own sessions have a client's name, too.
    """
    if services().clients.find(client_id) is not None:
        services().consents.withdraw(session.user.id, client_id, Actor.of(this_caller()))
    flash(gettext("The app has no access any more."))
    return to("pages_account.apps")
