"""The end-session endpoint: an app signs its person out here (RP-Initiated Logout 1.0)."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from auth_portal.errors import RequestExpired
from auth_portal.oidc.logout import LogoutRequest
from auth_portal.signin.events import Actor
from auth_portal.web.cookies import clear_cookie, get_cookie
from auth_portal.web.forms import ButtonForm
from auth_portal.web.oauth.responses import send_to
from auth_portal.web.services import services
from auth_portal.web.visitor import (
    browser_secret,
    current_session,
    end_browser_session,
    first_visit,
    keep_browser,
    this_caller,
)

blueprint = Blueprint("oauth_logout", __name__, url_prefix="/oauth")
pages = Blueprint("oauth_logout_pages", __name__, url_prefix="/oauth")


@blueprint.get("/logout")
def end_session() -> Response:
    """Sign out at once where the app proves whom; otherwise ask the person (OP-53)."""
    return _handle(services().logouts.read(request.args.to_dict(flat=False)))


@blueprint.post("/logout")
def end_session_by_post() -> Response:
    """The same by POST, which carries no cookie of ours when another site sends it (D6)."""
    wanted = services().logouts.read(request.form.to_dict(flat=False))
    request_id = services().pending.create("logout", wanted.client_id, wanted.to_json(), "")
    return make_response(redirect(url_for("oauth_logout_pages.confirm", request_id=request_id), 303))


@pages.get("/logout/<request_id>")
def confirm(request_id: str) -> Response:
    """Ask the person, unless that turns out not to be needed."""
    if not get_cookie("browser"):
        return first_visit("oauth_logout_pages.confirm", request_id)
    wanted = _wanted(request_id)
    session = current_session()
    if session is None or wanted.is_certain(session):
        return _end(request_id, wanted)
    client = services().clients.find(wanted.client_id or "")
    page = render_template("pages/logout.html", form=ButtonForm(), client=client, user=session.user)
    return make_response(page)


@pages.post("/logout/<request_id>")
def confirmed(request_id: str) -> Response:
    """The person said yes."""
    return _end(request_id, _wanted(request_id))


def _handle(wanted: LogoutRequest) -> Response:
    if wanted.is_certain(current_session()):
        return _sign_out(wanted)
    browser = browser_secret()
    request_id = services().pending.create("logout", wanted.client_id, wanted.to_json(), browser)
    response = make_response(redirect(url_for("oauth_logout_pages.confirm", request_id=request_id), 303))
    keep_browser(response, browser)
    return response


def _wanted(request_id: str) -> LogoutRequest:
    pending = services().pending.get(request_id, get_cookie("browser"), "logout")
    if pending.finished_at is not None:
        raise RequestExpired
    return LogoutRequest.from_json(pending.parameters)


def _end(request_id: str, wanted: LogoutRequest) -> Response:
    if not services().pending.finish(request_id):
        raise RequestExpired
    return _sign_out(wanted)


def _sign_out(wanted: LogoutRequest) -> Response:
    """End the browser's session, and the one of the hint where the browser has none (any more)."""
    if current_session() is None and wanted.session_id is not None:
        services().sessions.end_session(wanted.session_id, Actor.of(this_caller()))
    if wanted.redirect_uri is None:
        return end_browser_session(_signed_out_page(wanted))
    state = {} if wanted.state is None else {"state": wanted.state}
    return end_browser_session(send_to(wanted.redirect_uri, state))


def _signed_out_page(wanted: LogoutRequest) -> Response:
    client = services().clients.find(wanted.client_id or "")
    response = make_response(render_template("pages/signed_out.html", client=client))
    clear_cookie(response, "session")
    return response
