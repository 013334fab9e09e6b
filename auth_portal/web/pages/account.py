"""The signed-in person's page, and signing out."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext

from auth_portal.web.cookies import clear_cookie
from auth_portal.web.forms import ButtonForm
from auth_portal.web.services import services
from auth_portal.web.visitor import current_session

blueprint = Blueprint("pages_account", __name__)


@blueprint.get("/account")
def account() -> Response:
    """Who is signed in."""
    session = current_session()
    if session is None:
        return make_response(redirect(url_for("pages.login"), 303))
    return make_response(render_template("pages/account.html", user=session.user, logout_form=ButtonForm()))


@blueprint.post("/logout")
def logout() -> Response:
    """End the browser's session on the server and forget its cookie (SES-08)."""
    session = current_session()
    if session is not None:
        services().sessions.end_session(session.id)
    flash(gettext("You are signed out."))
    response = make_response(redirect(url_for("pages.login"), 303))
    clear_cookie(response, "session")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
