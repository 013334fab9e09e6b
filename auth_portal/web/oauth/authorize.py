"""The authorization endpoint: takes requests, and is the dispatcher to which every page returns (OP-30)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from auth_portal.db import utcnow
from auth_portal.errors import ClientRequestRefused, RequestExpired
from auth_portal.oidc.clients import Client
from auth_portal.oidc.dispatch import Step, granted_scope, needs_interaction, next_step
from auth_portal.oidc.pending import PUSHED_PREFIX, Pending
from auth_portal.oidc.requests import AuthorizationFault, AuthorizationRequest, Parameters
from auth_portal.signin.events import Actor
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import open_question
from auth_portal.web.cookies import get_cookie
from auth_portal.web.flow import Flow, back_to_dispatcher, mark_browser, open_flow
from auth_portal.web.forms import ButtonForm
from auth_portal.web.oauth.responses import answer_client, answer_fault
from auth_portal.web.services import services
from auth_portal.web.visitor import browser_secret, current_session, first_visit, keep_browser, this_caller

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth")
pages = Blueprint("oauth_pages", __name__, url_prefix="/oauth")

_PAGES = {"sign_in": "pages.login", "terms": "pages_terms.terms", "details": "pages_terms.details"}
"""The steps that are not of this room: also whom no app sent takes them."""


@blueprint.get("/authorize")
def authorize() -> Response:
    """A client sends somebody (RFC 6749, 4.1.1). Who is signed in and has consented is sent straight back."""
    given = request.args.to_dict(flat=False)
    client = services().requests.client_of(given)
    pushed = _pushed_in(given)
    if pushed is not None:
        return _show_pushed(pushed, client)
    try:
        wanted = services().requests.read(given, client)
        session = current_session()
        step = _step(wanted, client, None, session)
        needs_interaction(wanted, step)
        if step == "issue" and session is not None:
            return _issue(wanted, client, None, session)
    except AuthorizationFault as fault:
        return answer_fault(fault)
    browser = browser_secret()
    request_id = services().pending.create("authorize", client.id, wanted.to_json(), browser)
    response = mark_browser(_go(step, request_id))
    keep_browser(response, browser)
    return response


@blueprint.post("/authorize")
def authorize_by_post() -> Response:
    """The same by POST: another site's POST carries no cookie of ours, so it is kept, and shown by GET (D6)."""
    given = request.form.to_dict(flat=False)
    client = services().requests.client_of(given)
    pushed = _pushed_in(given)
    if pushed is not None:
        return make_response(redirect(url_for("oauth.authorize", client_id=client.id, request_uri=pushed), 303))
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
        return mark_browser(first_visit("oauth.resume", request_id))
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
        return _issue(flow.request, flow.client, flow.pending, session)
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
    services().consents.allow(session.user.id, flow.client.id, flow.request.scopes, Actor.of(this_caller()))
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


def _pushed_in(given: Parameters) -> str | None:
    """The request that the client pushed, if this one only names it. Raises ClientRequestRefused for two of them."""
    named = given.get("request_uri", ())
    if not any(name.startswith(PUSHED_PREFIX) for name in named):
        return None
    if len(named) > 1:
        raise ClientRequestRefused(reason="request_uri")
    return named[0]


def _show_pushed(request_uri: str, client: Client) -> Response:
    """Show what the client pushed; from here on it is a stored request like any other (RFC 9126, 4)."""
    browser = browser_secret()
    request_id = services().pending.take_pushed(request_uri, client.id, browser)
    if request_id is None:
        raise RequestExpired
    response = make_response(redirect(url_for("oauth.resume", request_id=request_id), 303))
    keep_browser(response, browser)
    return mark_browser(response)


def _step(wanted: AuthorizationRequest, client: Client, pending: Pending | None, session: LiveSession | None) -> Step:
    user_id = session.user.id if session is not None else ""

    def subject() -> str:
        return services().subjects.subject(client, user_id)

    question = open_question(session.user, services().settings) if session is not None else None
    return next_step(wanted, client, pending, session, subject, _consent_of(user_id, client), question, utcnow())


def _consent_of(user_id: str, client: Client) -> Callable[[], frozenset[str] | None]:
    return lambda: services().consents.find(user_id, client.id)


def _go(step: Step, request_id: str) -> Response:
    """The page of a step."""
    if step in _PAGES:
        return make_response(redirect(url_for(_PAGES[step], request=request_id), 303))
    return make_response(redirect(url_for(f"oauth_pages.{step}", request_id=request_id), 303))


def _issue(wanted: AuthorizationRequest, client: Client, pending: Pending | None, session: LiveSession) -> Response:
    """Answer with a code."""
    scope, is_offline = granted_scope(wanted, client, pending, _consent_of(session.user.id, client))
    code = services().authorization_codes.issue(wanted, session, scope, is_offline=is_offline)
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
