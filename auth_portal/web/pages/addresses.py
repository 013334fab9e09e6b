"""The addresses and numbers of a person: the list, adding one by its code, the main one, removing, undoing a change.

The same pages for both, ``/account/email`` and ``/account/phone``. All but the undo link's need a sign-in of the last
minutes (SES-15).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, g, jsonify, make_response, render_template, request
from flask_babel import gettext

from auth_portal.errors import (
    AddressesFull,
    AlreadyRegistered,
    CodeRefused,
    DeliveryFailed,
    InvalidInput,
    LastAddress,
    NotFound,
    PortalError,
    ResendTooSoon,
    TooManyRequests,
)
from auth_portal.signin.addresses import Destination, masked
from auth_portal.signin.challenges import Challenge
from auth_portal.signin.codes import parse_code
from auth_portal.signin.proven import of_channel
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.apps import tell_apps
from auth_portal.web.errors import REASONS, refusal_of
from auth_portal.web.forms import ButtonForm, CodeForm, EmailForm, PhoneForm
from auth_portal.web.i18n import choose_locale
from auth_portal.web.pages.asking import country, destination_of
from auth_portal.web.pages.coding import code_page
from auth_portal.web.pages.guard import for_recent
from auth_portal.web.refusing import tell_limit
from auth_portal.web.services import services
from auth_portal.web.visitor import notice_of_before, this_caller, to

blueprint = Blueprint("pages_addresses", __name__, url_prefix="/account")

_CHANNELS = {"email": "email", "phone": "sms"}


def addresses(session: LiveSession, kind: str) -> Response:
    """What the person has, and a form for one more."""
    return _list_page(session, kind)


def start(session: LiveSession, kind: str) -> Response:
    """Send a code to one more, or the same code again."""
    form = _form(kind)
    if not _can_add(kind):
        raise NotFound
    try:
        sent = services().identifiers.start(session, this_caller(), destination_of(form), choose_locale())
    except ResendTooSoon as error:
        flash(
            gettext(
                "A code was sent a moment ago. It can be sent again in %(seconds)s s.", seconds=error.retry_after
            ),
            "wait",
        )
    except (InvalidInput, DeliveryFailed, TooManyRequests) as error:
        return _refused_page(session, kind, form, error)
    else:
        g.code_length = sent.code_length
        if sent.is_repeat:
            flash(gettext("Sent again. The code is the same as before."))
    return _to(kind, "_code", keep=_keeps())


def code(session: LiveSession, kind: str) -> Response:
    """Ask for the code that was sent for this session."""
    challenge = _find_challenge(session, kind, None)
    if challenge is None or _is_over(challenge):
        return _to(kind)
    return _code_page(session, kind, CodeForm(challenge=challenge.id), challenge)


def prove(session: LiveSession, kind: str) -> Response:
    """Check the code; take what it proves, in place of the main one or beside it."""
    form = CodeForm()
    challenge = _find_challenge(session, kind, form.challenge.data or "")
    if challenge is None or _is_over(challenge):
        return _to(kind)
    try:
        typed = parse_code(form.code.data or "", {challenge.code_length})
        services().identifiers.finish(
            session, this_caller(), challenge.destination, typed, challenge.id, keep_former=bool(_keeps())
        )
    except InvalidInput as fault:
        form.code.errors = [_words(fault)]
        return _code_page(session, kind, form, challenge, status=400)
    except CodeRefused as error:
        if _is_over(_find_challenge(session, kind, challenge.id)):
            return _to(kind)
        form.code.errors = [gettext("That code is not right.")]
        return _code_page(session, kind, form, challenge, refused=error)
    except (AddressesFull, AlreadyRegistered) as error:
        return _refused_page(session, kind, _form(kind, empty=True), error)
    flash(gettext("This is your address now.") if kind == "email" else gettext("This is your number now."))
    return _to(kind, changed=1)


def code_state(session: LiveSession, kind: str) -> Response:
    """What became of the code that a tab waits for: ``done`` in another tab, so that this one may go on."""
    challenge = _find_challenge(session, kind, request.args.get("challenge", ""))
    return jsonify(approved=False, done=_is_over(challenge))


def choose_main(session: LiveSession, kind: str) -> Response:
    """Make the second one the main one."""
    services().identifiers.choose_main(session, this_caller(), _given(kind))
    flash(gettext("This is the main one now."))
    return _to(kind, changed=1)


def remove(session: LiveSession, kind: str) -> Response:
    """Give one up."""
    try:
        services().identifiers.remove(session, this_caller(), _given(kind))
    except LastAddress as error:
        return _refused_page(session, kind, _form(kind, empty=True), error)
    flash(gettext("It is removed."))
    return _to(kind, changed=1)


@blueprint.get("/undo/<token>")
def undo(token: str) -> Response:
    """Say what the button would do. Opening the link does nothing: mail scanners open links too."""
    found = services().undos.find(token)
    change = found.change
    page = render_template(
        "pages/undo.html",
        state=found.state,
        change=change,
        current=masked(change.current) if change and change.current else None,
        form=ButtonForm(),
    )
    return make_response(page, 404 if found.state == "dead" else 200)


@blueprint.post("/undo/<token>")
def undo_change(token: str) -> Response:
    """Give the former address or number back; the page then says what became of it."""
    services().undos.undo(token, this_caller())
    tell_apps()
    return to("pages_addresses.undo", token=token)


def _form(kind: str, *, empty: bool = False) -> EmailForm | PhoneForm:
    data = {"formdata": None} if empty else {}
    return PhoneForm(**data) if kind == "phone" else EmailForm(**data)


def _can_add(kind: str) -> bool:
    """Without a gateway there are no new numbers, though a person may have one of before."""
    return kind == "email" or services().settings.has_sms


def _keeps() -> int | None:
    """Whether the person keeps the main one beside what they add; carried by the addresses of the pages."""
    return 1 if request.values.get("keep") else None


def _given(kind: str) -> Destination:
    """The address or number that a button of the list is about; the person's own, or nothing is done."""
    return Destination(_CHANNELS[kind], request.form.get("value", ""))


def _to(kind: str, page: str = "", **values: Any) -> Response:
    return to(f"pages_addresses.{kind}{page}", **values)


def _find_challenge(session: LiveSession, kind: str, challenge_id: str | None) -> Challenge | None:
    found = services().identifiers.find_challenge(session, this_caller(), challenge_id or None)
    return found if found is not None and found.destination.channel == _CHANNELS[kind] else None


def _is_over(challenge: Challenge | None) -> bool:
    """Whether its code did its work: in another tab, or by the first of two clicks."""
    return challenge is None or challenge.consumed_at is not None


def _words(fault: InvalidInput) -> str:
    reason = next(iter(fault.faults.values()))
    return str(gettext("This %(reason)s.", reason=gettext(REASONS[reason])))


def _code_page(session: LiveSession, kind: str, form: CodeForm, challenge: Challenge, **state: Any) -> Response:
    own = of_channel(services().identifiers.of_user(session.user.id), _CHANNELS[kind])
    replaced = own[0].destination.value if own and not _keeps() else None
    return code_page(form, challenge, keep=_keeps(), replaced=replaced, **state)


def _refused_page(session: LiveSession, kind: str, form: EmailForm | PhoneForm, error: PortalError) -> Response:
    """The list, with what was refused under the field or above."""
    refusal = refusal_of(error)
    g.error = refusal.code
    if isinstance(error, InvalidInput):
        form.entry.errors = [_words(error)]
        return _list_page(session, kind, form, status=refusal.status)
    fault = gettext(refusal.message)
    if isinstance(error, AlreadyRegistered):
        fault = gettext("It belongs to another account. Sign in with it, and remove it there first.")
    response = _list_page(session, kind, form, fault, refusal.status)
    if isinstance(error, TooManyRequests):
        tell_limit(response, error)
    return response


def _list_page(
    session: LiveSession, kind: str, form: EmailForm | PhoneForm | None = None, fault: str = "", status: int = 200
) -> Response:
    everything = services().identifiers.of_user(session.user.id)
    own = of_channel(everything, _CHANNELS[kind])
    if not own and not _can_add(kind):
        raise NotFound
    changes = services().identifiers.open_changes(session.user.id)
    page = render_template(
        "pages/addresses.html",
        kind=kind,
        own=own,
        has_email=bool(of_channel(everything, "email")),
        can_add=_can_add(kind),
        can_remove=len(everything) > 1,
        changes=[change for change in changes if change.channel == _CHANNELS[kind]],
        has_changed="changed" in request.args,
        form=form or _form(kind, empty=True),
        button_form=ButtonForm(formdata=None),
        keeps=_keeps(),
        fault=fault,
        **country(),
        **notice_of_before(),
    )
    return make_response(page, status)


for _kind in _CHANNELS:
    for _path, _name, _method, _view in (
        ("", "", "GET", addresses),
        ("", "_start", "POST", start),
        ("/code", "_code", "GET", code),
        ("/code", "_prove", "POST", prove),
        ("/code/state", "_code_state", "GET", code_state),
        ("/main", "_main", "POST", choose_main),
        ("/remove", "_remove", "POST", remove),
    ):
        blueprint.add_url_rule(
            f"/{_kind}{_path}",
            f"{_kind}{_name}",
            for_recent(f"pages_addresses.{_kind}")(_view),
            methods=[_method],
            defaults={"kind": _kind},
        )
