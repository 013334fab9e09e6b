"""The authorization endpoint: takes requests, and is the dispatcher to which every page returns (OP-30)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from auth_portal.db import utcnow
from auth_portal.errors import ClientRequestRefused, RequestExpired
from auth_portal.oidc.clients import Client
from auth_portal.oidc.dispatch import Step, needs_interaction, next_step
from auth_portal.oidc.pending import PUSHED_PREFIX, Pending
from auth_portal.oidc.requests import AuthorizationFault, AuthorizationRequest, Parameters
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.cookies import get_cookie
from auth_portal.web.flow import Flow, back_to_dispatcher, mark_browser, open_flow
from auth_portal.web.forms import ButtonForm
from auth_portal.web.oauth.responses import answer_client, answer_fault
from auth_portal.web.services import services
from auth_portal.web.visitor import current_session, keep_browser

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth")
pages = Blueprint("oauth_pages", __name__, url_prefix="/oauth")


@blueprint.get("/authorize")
def authorize() -> Response:
    """A client sends somebody (RFC 6749, 4.1.1). Who is signed in and has consented is sent straight back."""
    given = request.args.to_dict(flat=False)
    client = services().requests.client_of(given)
    if given.get("request_uri", [""])[0].startswith(PUSHED_PREFIX):
        return _show_pushed(given, client)
    try:
        wanted = services().requests.read(given, client)
        session = current_session()
        step = _step(wanted, client, None, session)
        needs_interaction(wanted, step)
        if step == "issue" and session is not None:
            return _issue(wanted, client, session, has_consented=False)
    except AuthorizationFault as fault:
        return answer_fault(fault)
    browser = get_cookie("browser") or secrets.token_urlsafe(24)
    request_id = services().pending.create("authorize", client.id, wanted.to_json(), browser)
    response = mark_browser(_go(step, request_id))
    keep_browser(response, browser)
    return response


@blueprint.post("/authorize")
def authorize_by_post() -> Response:
    """The same by POST: another site's POST carries no cookie of ours, so it is kept, and shown by GET (D6)."""
    given = request.form.to_dict(flat=False)
    client = services().requests.client_of(given)
    try:
        wanted = services().requests.read(given, client)
    except AuthorizationFault as fault:
        return answer_fault(fault)
    request_id = services().pending.create("authorize", client.id, wanted.to_json(), "")
    return make_response(redirect(url_for("oauth.resume", request_id=request_id), 303))


@blueprint.get("/authorize/<request_id>")
def resume(request_id: str) -> Response:
    """Go on with a stored request: to the page that is next, or with the answer to the client."""
    if not get_cookie("browser"):
        return _first_visit(request_id)
    flow = open_flow(request_id)
    if flow.pending.finished_at is not None:
        return _finished_page(flow)
    session = current_session()
    try:
        step = _step(flow.request, flow.client, flow.pending, session)
        needs_interaction(flow.request, step)
        if step != "issue" or session is None:
            return mark_browser(_go(step, flow.id))
        if not services().pending.finish(flow.id):
            return _finished_page(flow)
        return _issue(flow.request, flow.client, session, has_consented=flow.pending.consented_at is not None)
    except AuthorizationFault as fault:
        services().pending.finish(flow.id)
        return answer_fault(fault)


@pages.get("/consent/<request_id>")
def consent(request_id: str) -> Response:
    """Ask the person whether the client may have what it asks for (OP-22)."""
    flow, session = _flow_at("consent", request_id)
    if session is None:
        return back_to_dispatcher(flow)
    allowed = services().consents.find(session.user.id, flow.client.id) or frozenset()
    page = render_template(
        "pages/consent.html", form=ButtonForm(), user=session.user, scopes=flow.request.scopes, allowed=allowed
    )
    return make_response(page)


@pages.post("/consent/<request_id>")
def answer_consent(request_id: str) -> Response:
    """Note what the person said. A forged field changes nothing: what is allowed is what was stored."""
    flow, session = _flow_at("consent", request_id)
    if session is None:
        return back_to_dispatcher(flow)
    if request.form.get("answer") != "allow":
        return _deny(flow)
    services().consents.allow(session.user.id, flow.client.id, flow.request.scopes)
    services().pending.note_consent(flow.id)
    return back_to_dispatcher(flow)


@pages.get("/choose/<request_id>")
def choose(request_id: str) -> Response:
    """Ask who goes on to the client: the person who is signed in, or another (OP-16)."""
    flow, session = _flow_at("choose", request_id)
    if session is None:
        return back_to_dispatcher(flow)
    return make_response(render_template("pages/choose.html", form=ButtonForm(), user=session.user))


@pages.post("/choose/<request_id>")
def answer_choice(request_id: str) -> Response:
    """Go on as who is signed in."""
    flow, session = _flow_at("choose", request_id)
    if session is not None:
        services().pending.note_choice(flow.id)
    return back_to_dispatcher(flow)


@pages.get("/not-admitted/<request_id>")
def not_admitted(request_id: str) -> Response:
    """Say that this person may not use the client."""
    flow, session = _flow_at("not_admitted", request_id)
    if session is None:
        return back_to_dispatcher(flow)
    page = render_template("pages/not_admitted.html", form=ButtonForm(), user=session.user)
    return make_response(page, 403)


@pages.post("/cancel/<request_id>")
def cancel(request_id: str) -> Response:
    """Go back to the client without an answer to its wish."""
    return _deny(open_flow(request_id))


def _show_pushed(given: Parameters, client: Client) -> Response:
    """Show what the client pushed; from here on it is a stored request like any other (RFC 9126, 4)."""
    browser = get_cookie("browser") or secrets.token_urlsafe(24)
    shown = given["request_uri"]
    request_id = services().pending.take_pushed(shown[0], client.id, browser) if len(shown) == 1 else None
    if request_id is None:
        raise ClientRequestRefused(reason="request_uri")
    response = make_response(redirect(url_for("oauth.resume", request_id=request_id), 303))
    keep_browser(response, browser)
    return mark_browser(response)


def _first_visit(request_id: str) -> Response:
    """Give a new browser its secret, to which the request is bound then; without cookies there is no way on."""
    if "again" in request.args:
        raise RequestExpired
    response = make_response(redirect(url_for("oauth.resume", request_id=request_id, again=1), 303))
    keep_browser(response, secrets.token_urlsafe(24))
    return mark_browser(response)


def _step(wanted: AuthorizationRequest, client: Client, pending: Pending | None, session: LiveSession | None) -> Step:
    user_id = session.user.id if session is not None else ""

    def subject() -> str:
        return services().subjects.subject(client, user_id)

    consent_of: Callable[[], frozenset[str] | None] = lambda: services().consents.find(user_id, client.id)  # noqa: E731
    return next_step(wanted, client, pending, session, subject, consent_of, utcnow())


def _go(step: Step, request_id: str) -> Response:
    """The page of a step."""
    if step == "sign_in":
        return make_response(redirect(url_for("pages.login", request=request_id), 303))
    return make_response(redirect(url_for(f"oauth_pages.{step}", request_id=request_id), 303))


def _issue(wanted: AuthorizationRequest, client: Client, session: LiveSession, *, has_consented: bool) -> Response:
    """Answer with a code. Long-lasting access is given only where the person or the operator allowed it (REF-08)."""
    scopes = list(wanted.scopes)
    is_offline = False
    if "offline_access" in scopes:
        allowed = (
            frozenset() if has_consented else services().consents.find(session.user.id, client.id) or frozenset()
        )
        is_offline = has_consented or "offline_access" in allowed
        if not is_offline and not client.is_trusted:
            scopes.remove("offline_access")
    code = services().authorization_codes.issue(wanted, session, " ".join(scopes), is_offline=is_offline)
    return answer_client(wanted.answer, {"code": code})


def _deny(flow: Flow) -> Response:
    if not services().pending.finish(flow.id):
        return _finished_page(flow)
    return answer_fault(flow.request.fault("access_denied", "The person refused."))


def _flow_at(step: Step, request_id: str) -> tuple[Flow, LiveSession | None]:
    """The flow, and who is signed in if this is the step that it is at; otherwise the dispatcher knows better."""
    flow = open_flow(request_id)
    session = current_session()
    if flow.pending.finished_at is not None:
        return flow, None
    try:
        is_here = _step(flow.request, flow.client, flow.pending, session) == step
    except AuthorizationFault:
        is_here = False
    return flow, session if is_here else None


def _finished_page(flow: Flow) -> Response:
    """The request was answered before: a second click, or the way back through the browser's history."""
    return make_response(render_template("pages/finished.html", client=flow.client), 410)
