"""The page of the device grant: its person types the code that the device shows, and answers (RFC 8628, 3.3)."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, session
from flask_babel import gettext

from auth_portal.db import utcnow
from auth_portal.errors import TooManyRequests
from auth_portal.oidc.clients import Client
from auth_portal.oidc.devices import WaitingDevice
from auth_portal.signin.callers import device_words, rough_network, source_network
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.forms import ButtonForm, UserCodeForm
from auth_portal.web.services import services
from auth_portal.web.visitor import BACK_TO_DEVICE, current_session, notice_of_before, to

blueprint = Blueprint("oauth_device", __name__, url_prefix="/device")

_CODE = "device_code"
_WRONG_CODES = 10
_HOUR_S = 3_600


@blueprint.get("")
def device() -> Response:
    """Ask for the code. One that came in the address is only filled in (5.4)."""
    given = request.args.get("user_code", "")[:32]
    if given:
        session[_CODE] = given
    if current_session() is None:
        session[BACK_TO_DEVICE] = True
        return to("pages.login")
    return _code_page(UserCodeForm(user_code=session.get(_CODE, "")))


@blueprint.post("")
def enter() -> Response:
    """Take the code, and show who would get in by it."""
    person = current_session()
    if person is None:
        return device()
    form = UserCodeForm()
    typed = form.user_code.data or ""
    _check_tries(person)
    found = _find(typed)
    if found is None:
        _count_wrong(person)
        form.user_code.errors = [gettext("There is no device with this code. It may have expired.")]
        return _code_page(form, status=400)
    # What is answered is what was shown here: nobody can put another device under this page (5.4).
    session[_CODE] = typed
    return _confirm_page(*found, person)


@blueprint.post("/answer")
def answer() -> Response:
    """Note the person's answer, once."""
    person = current_session()
    if person is None:
        return device()
    found = _find(session.pop(_CODE, ""))
    if found is None:
        return _done_page("over")
    waiting, client = found
    if request.form.get("answer") != "allow":
        services().device_codes.answer(waiting, person, is_approved=False)
        return _done_page("denied", client)
    if not client.access.admits(person.user.email):
        flash(gettext("%(app)s is not open to your address.", app=client.name))
        return to("oauth_device.device")
    if not services().device_codes.answer(waiting, person, is_approved=True):
        return _done_page("over")
    if not client.is_trusted:
        services().consents.allow(person.user.id, client.id, waiting.scope.split())
    return _done_page("approved", client)


def _find(user_code: str) -> tuple[WaitingDevice, Client] | None:
    waiting = services().device_codes.find_waiting(user_code)
    client = services().clients.find(waiting.client_id) if waiting is not None else None
    return (waiting, client) if waiting is not None and client is not None else None


def _buckets(person: LiveSession) -> list[str]:
    return [f"user:{person.user.id}", f"network:{source_network(request.remote_addr)}"]


def _check_tries(person: LiveSession) -> None:
    """Refuse whoever guesses at codes (OP-64). Raises TooManyRequests."""
    limits, now = services().limits, utcnow()
    for subject in _buckets(person):
        bucket = limits.bucket("device-codes", subject, _WRONG_CODES, _HOUR_S)
        with services().engine.begin() as connection:
            # Spent and given back: only what turns out wrong counts.
            if not limits.try_spend(connection, bucket, now):
                raise TooManyRequests(
                    retry_after=_HOUR_S // _WRONG_CODES, limit="device-codes", quota=_WRONG_CODES, window=_HOUR_S
                )
            limits.refund(connection, [bucket])


def _count_wrong(person: LiveSession) -> None:
    for subject in _buckets(person):
        with services().engine.begin() as connection:
            bucket = services().limits.bucket("device-codes", subject, _WRONG_CODES, _HOUR_S)
            services().limits.try_spend(connection, bucket, utcnow())


def _code_page(form: UserCodeForm, status: int = 200) -> Response:
    return make_response(render_template("pages/device.html", form=form, **notice_of_before()), status)


def _confirm_page(waiting: WaitingDevice, client: Client, person: LiveSession) -> Response:
    page = render_template(
        "pages/device_confirm.html",
        form=ButtonForm(),
        client=client,
        scopes=waiting.scope.split(),
        user=person.user,
        user_code=session[_CODE].upper(),
        device=device_words(waiting.parameters.get("device", ""), gettext),
        network=rough_network(source_network(waiting.parameters.get("network"))),
        asked_at=waiting.created_at,
    )
    return make_response(page)


def _done_page(state: str, client: Client | None = None) -> Response:
    page = render_template("pages/device_done.html", state=state, client=client)
    return make_response(page, 410 if state == "over" else 200)
