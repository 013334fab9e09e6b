"""The signed-in person's page, and signing out."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template
from flask_babel import gettext

from auth_portal.web.forms import ButtonForm
from auth_portal.web.services import services
from auth_portal.web.visitor import current_session, end_browser_session, notice_of_before, to

blueprint = Blueprint("pages_account", __name__)


@blueprint.get("/account")
def account() -> Response:
    """Who is signed in."""
    session = current_session()
    if session is None:
        return to("pages.login")
    return make_response(render_template("pages/account.html", user=session.user, logout_form=ButtonForm()))


@blueprint.post("/logout")
def logout() -> Response:
    """End the browser's session on the server and forget its cookie (SES-08)."""
    flash(gettext("You are signed out."))
    return end_browser_session(to("pages.login"))


@blueprint.get("/account/apps")
def apps() -> Response:
    """The apps that the person lets in (OP-23)."""
    session = current_session()
    if session is None:
        return to("pages.login")
    connected = services().consents.connected(session.user.id)
    return make_response(render_template("pages/apps.html", apps=connected, form=ButtonForm(), **notice_of_before()))


@blueprint.post("/account/apps/<client_id>/withdraw")
def withdraw(client_id: str) -> Response:
    """Take back what an app was allowed; its tokens die at once."""
    session = current_session()
    if session is None:
        return to("pages.login")
    services().consents.withdraw(session.user.id, client_id)
    flash(gettext("The app has no access any more."))
    return to("pages_account.apps")
