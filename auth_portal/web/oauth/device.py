"""The page of the device grant: its person types the code that the device shows, and answers (RFC 8628, 3.3)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, session
from flask_babel import gettext

from auth_portal.oidc.clients import Client
from auth_portal.oidc.devices import DEVICE_CODE_TTL, WaitingDevice, plain_user_code, spell_user_code
from auth_portal.signin.callers import device_words, rough_network, source_network
from auth_portal.signin.events import Actor
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.forms import ButtonForm, UserCodeForm
from auth_portal.web.services import services
from auth_portal.web.visitor import ask_first, current_session, notice_of_before, sign_in_for, this_caller, to

blueprint = Blueprint("oauth_device", __name__, url_prefix="/device")

_CODE = "device_code"
"""In the signed cookie: the code that the field is filled with; it proves nothing."""
_SHOWN = "devices_shown"
"""In the signed cookie: a person's id, and the codes whose devices were shown to that person."""
_MOST_SHOWN = 4


@blueprint.get("")
def device() -> Response:
    """Ask for the code. One that came in the address is only filled in (5.4)."""
    given = request.args.get("user_code", "")[:32]
    if given:
        session[_CODE] = given
    person = current_session()
    if person is None:
        return sign_in_for("oauth_device.device", DEVICE_CODE_TTL)
    return ask_first(person, "oauth_device.device") or _code_page(UserCodeForm(user_code=session.get(_CODE, "")))


@blueprint.post("")
def enter() -> Response:
    """Take the code, and show who would get in by it."""
    person = _person()
    if person is None:
        return device()
    form = UserCodeForm()
    typed = form.user_code.data or ""
    waiting = services().device_codes.guess(typed, person.user.id, source_network(request.remote_addr))
    client = _client_of(waiting)
    if waiting is None or client is None:
        form.user_code.errors = [gettext("There is no device with this code. It may have expired.")]
        return _code_page(form, status=400)
    user_code = plain_user_code(typed)
    session[_CODE] = spell_user_code(user_code)
    session[_SHOWN] = [person.user.id, *[user_code, *_shown_to(person)][:_MOST_SHOWN]]
    return _confirm_page(waiting, client, person, user_code)


@blueprint.get("/answer")
def answered() -> Response:
    """For those who change the language of an answer: it cannot be shown twice."""
    return to("oauth_device.device")


@blueprint.post("/answer")
def answer() -> Response:
    """Note the person's answer, once, for the device that this very page showed them (5.4).

    A code that was never typed here, or by somebody else, is none: otherwise a link could put another device under
    an open page, and guesses would cost nothing.
    """
    person = _person()
    if person is None:
        return device()
    user_code = plain_user_code(request.form.get("user_code", ""))
    waiting = services().device_codes.find_waiting(user_code) if user_code in _shown_to(person) else None
    client = _client_of(waiting)
    if waiting is None or client is None:
        return _done_page("over")
    session.pop(_CODE, None)
    if request.form.get("answer") != "allow":
        is_first = services().device_codes.answer(waiting, person, is_approved=False)
        return _done_page("denied", client) if is_first else _done_page("over")
    if not client.access.admits(person.user.email):
        flash(gettext("%(app)s is not open to your address.", app=client.name))
        return to("oauth_device.device")
    if not services().device_codes.answer(waiting, person, is_approved=True):
        return _done_page("over")
    if not client.is_trusted:
        services().consents.allow(person.user.id, client.id, waiting.scope.split(), Actor.of(this_caller()))
    return _done_page("approved", client)


def _person() -> LiveSession | None:
    """Who is signed in, if nothing else is to be asked of them first."""
    person = current_session()
    return None if person is None or ask_first(person, "oauth_device.device") is not None else person


def _client_of(waiting: WaitingDevice | None) -> Client | None:
    return services().clients.find(waiting.client_id) if waiting is not None else None


def _shown_to(person: LiveSession) -> list[str]:
    """The codes whose devices were shown to this person in this browser, the newest first."""
    user_id, *codes = session.get(_SHOWN) or [""]
    return codes if user_id == person.user.id else []


def _code_page(form: UserCodeForm, status: int = 200) -> Response:
    return make_response(render_template("pages/device.html", form=form, **notice_of_before()), status)


def _confirm_page(waiting: WaitingDevice, client: Client, person: LiveSession, user_code: str) -> Response:
    page = render_template(
        "pages/device_confirm.html",
        form=ButtonForm(),
        client=client,
        scopes=waiting.scope.split(),
        user=person.user,
        user_code=spell_user_code(user_code),
        device=device_words(waiting.parameters.get("device", ""), gettext),
        network=rough_network(waiting.parameters.get("network", "")),
        asked_at=waiting.created_at,
    )
    return make_response(page)


def _done_page(state: str, client: Client | None = None) -> Response:
    page = render_template("pages/device_done.html", state=state, client=client)
    return make_response(page, 410 if state == "over" else 200)
