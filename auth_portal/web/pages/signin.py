"""Enter the address, enter the code."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    request,
)
from flask_babel import gettext

from auth_portal.db import utcnow
from auth_portal.errors import (
    CodeRefused,
    DeliveryFailed,
    InvalidInput,
    ResendTooSoon,
    TooManyRequests,
)
from auth_portal.signin.challenges import Challenge
from auth_portal.signin.codes import parse_code
from auth_portal.signin.registration import PendingRegistration
from auth_portal.signin.sessions import LiveSession, OpenedSession
from auth_portal.web.cookies import get_cookie
from auth_portal.web.errors import refusal_of
from auth_portal.web.flow import Flow, asking_app, back_to_dispatcher, find_flow, find_flow_of
from auth_portal.web.forms import CodeForm, show_faults
from auth_portal.web.i18n import choose_locale
from auth_portal.web.pages.asking import (
    destination_of,
    form_for,
    login_page,
    no_text_page,
    posted_form,
    remember,
    remembered,
)
from auth_portal.web.pages.coding import code_page
from auth_portal.web.pages.pressure import pressure_page
from auth_portal.web.services import services
from auth_portal.web.visitor import (
    browser_secret,
    caller_of,
    current_session,
    elsewhere,
    find_registration,
    home,
    keep_browser,
    this_caller,
    to,
    welcome,
)

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def index() -> Response:
    """The front door."""
    return to("pages.login")


@blueprint.get("/login")
def login() -> Response:
    """Ask for the address. Who is signed in is asked again only on the way to an app that wants it proven."""
    flow = find_flow()
    session = current_session()
    if session is not None and flow is None:
        return to("pages_account.account")
    response = login_page(form_for(_likely_address(flow, session)))
    if not get_cookie("browser"):
        # Before the form is sent, so that a double click is one browser asking twice, not two browsers.
        keep_browser(response, browser_secret())
    return response


@blueprint.post("/login")
def send_code() -> Response:
    """Send a code to the address or number, or the same code again."""
    form = posted_form()
    flow = find_flow()
    secret = browser_secret()
    proof = request.form.get("proof", "")
    try:
        destination = destination_of(form)
        sent = services().otp.send_code(destination, caller_of(secret), choose_locale(), proof, asking_app(flow))
    except InvalidInput as fault:
        show_faults(form, fault)
        return login_page(form, status=400)
    except TooManyRequests as error:
        if destination.channel == "sms" and not error.takes_proof:
            return no_text_page(form, error)
        response = pressure_page(destination, error, had_proof=bool(proof))
        remember(response, form, destination)
        return response
    except ResendTooSoon as error:
        _note_challenge(flow, services().otp.find_challenge(caller_of(secret)))
        wait = error.retry_after
        flash(gettext("A code was sent a moment ago. It can be sent again in %(seconds)s s.", seconds=wait), "wait")
    except DeliveryFailed as error:
        refusal = refusal_of(error)
        form.entry.errors = [gettext(refusal.message)]
        return login_page(form, status=refusal.status)
    else:
        g.code_length = sent.code_length
        if flow is not None:
            services().pending.note_challenge(flow.id, sent.id)
        if sent.is_repeat and destination.channel == "sms":
            flash(gettext("Sent again. It is the same code, so an earlier message is still good."))
        elif sent.is_repeat:
            flash(gettext("Sent again. It is the same code, so an earlier letter is still good."))
    response = to("pages.code", flow)
    keep_browser(response, secret)
    remember(response, form, destination)
    return response


@blueprint.get("/login/code")
def code() -> Response:
    """Ask for the code that was sent to this browser's address."""
    challenge = _find_challenge(None)
    if challenge is None:
        return elsewhere(find_flow())
    return _onward(challenge) or code_page(CodeForm(challenge=challenge.id), challenge)


@blueprint.post("/login/code")
def verify_code() -> Response:
    """Check the code; sign in, or go on to the registration."""
    form = CodeForm()
    challenge = _find_challenge(form.challenge.data)
    if challenge is None:
        return to("pages.login", find_flow())
    flow = find_flow_of(challenge_id=challenge.id)
    try:
        opened = _prove(form, challenge)
    except InvalidInput as fault:
        show_faults(form, fault)
        return code_page(form, challenge, status=400)
    except CodeRefused as error:
        onward = _onward(challenge)
        if onward is not None:
            return onward
        form.code.errors = [gettext("That code is not right.")]
        return code_page(form, challenge, refused=error)
    return welcome(opened, flow)


@blueprint.get("/login/code/state")
def code_state() -> dict[str, bool]:
    """What became of the code that a tab waits for: approved by the letter's link elsewhere (OTP-37), or ``done`` in
    another tab, so that this one may go on. It only tells: going on is the tab's own step.
    """
    challenge = _find_challenge(request.args.get("challenge"))
    if challenge is None:
        return {"approved": False, "done": current_session() is not None}
    is_approved = challenge.is_live(utcnow()) and challenge.approved_at is not None
    return {"approved": is_approved, "done": _onward(challenge) is not None}


def _prove(form: CodeForm, challenge: Challenge) -> OpenedSession | PendingRegistration:
    """What the typed code opens; with none typed, what the approval by the letter's link opens."""
    if challenge.approved_at is not None and not (form.code.data or "").strip():
        return services().links.follow_approval(challenge, this_caller())
    typed = parse_code(form.code.data or "", {challenge.code_length})
    return services().otp.verify_code(challenge.destination, typed, this_caller(), challenge.id)


def _find_challenge(challenge_id: str | None) -> Challenge | None:
    return services().otp.find_challenge(this_caller(), challenge_id or None) if get_cookie("browser") else None


def _onward(challenge: Challenge) -> Response | None:
    """Where a person goes whose code did its work already, in another tab or by a second click."""
    flow = find_flow_of(challenge_id=challenge.id)
    if challenge.is_open(utcnow()):
        return None
    session = current_session()
    # On the way to an app that wants a proof, an older session is no reason to go on.
    if session is not None and (flow is None or session.authenticated_at >= flow.pending.created_at):
        return home() if flow is None else back_to_dispatcher(flow)
    pending = find_registration(None)
    if pending is not None and pending.destination == challenge.destination:
        return to("pages_register.register", flow)
    return None


def _note_challenge(flow: Flow | None, challenge: Challenge | None) -> None:
    """Remember by which code a person signs in for an app."""
    if flow is not None and challenge is not None:
        services().pending.note_challenge(flow.id, challenge.id)


def _likely_address(flow: Flow | None, session: LiveSession | None) -> str | None:
    """The address or number that the app says, that of who must prove again, or the one that this browser was asked
    to keep; only filled in, never written to (OP-18).
    """
    if flow is not None and flow.request.login_hint is not None:
        return flow.request.login_hint
    if flow is not None and "select_account" in flow.request.prompt:
        return None
    return session.user.address if session is not None else remembered()
