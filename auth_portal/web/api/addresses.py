"""The addresses and numbers of a person by JSON: adding one by its code, choosing the main one, removing one.

All of it needs a sign-in of the last minutes (SES-15), and can end all other sessions in the same call (SES-12).
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from auth_portal.errors import (
    AddressesFull,
    AlreadyRegistered,
    CodeRefused,
    LastAddress,
    NotFound,
    PortalError,
    ResendTooSoon,
    TooManyRequests,
)
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.codes import parse_code
from auth_portal.signin.sessions import LiveSession
from auth_portal.web.api import answers, inputs
from auth_portal.web.api.bearer import me_answer, recent_session, this_caller
from auth_portal.web.api.sending import check_sms, code_sent, phone_of
from auth_portal.web.apps import tell_apps
from auth_portal.web.envelope import envelope
from auth_portal.web.i18n import letter_locale
from auth_portal.web.operation import View, Wire, operation
from auth_portal.web.services import services

blueprint = Blueprint("api_addresses", __name__, url_prefix="/api/v1/auth/me")

_OF_PROVING = (CodeRefused, AlreadyRegistered, AddressesFull)


def _changing(body: type[Wire], *refusals: type[PortalError]) -> Callable[[View], View]:
    """Declare a call that changes what the person has."""
    refused = (*refusals, TooManyRequests)
    return operation({200: answers.Me}, body=body, proof="access", is_sensitive=True, refusals=refused)


@blueprint.post("/email")
@operation(
    {201: answers.EmailCodeSent},
    body=inputs.AddEmail,
    proof="access",
    is_sensitive=True,
    sends="email",
    refusals=(ResendTooSoon,),
)
def add_email() -> Response:
    """Send a code to an address that the person wants to have."""
    session = recent_session()
    body = inputs.parse_body(inputs.AddEmail)
    return _start(session, parse_email(body.email), body)


@blueprint.post("/email/verify")
@_changing(inputs.ProveEmail, *_OF_PROVING)
def prove_email() -> Response:
    """Take the address that a code proves, in place of the main one or beside it."""
    session = recent_session()
    body = inputs.parse_body(inputs.ProveEmail)
    return _finish(session, parse_email(body.email), body)


@blueprint.post("/email/main")
@_changing(inputs.OwnEmail, NotFound)
def choose_main_email() -> Response:
    """Make the second address the main one."""
    session = recent_session()
    body = inputs.parse_body(inputs.OwnEmail)
    return _choose_main(session, parse_email(body.email), body)


@blueprint.post("/email/remove")
@_changing(inputs.OwnEmail, NotFound, LastAddress)
def remove_email() -> Response:
    """Give an address up."""
    session = recent_session()
    body = inputs.parse_body(inputs.OwnEmail)
    return _remove(session, parse_email(body.email), body)


@blueprint.post("/phone")
@operation(
    {201: answers.PhoneCodeSent},
    body=inputs.AddPhone,
    proof="access",
    is_sensitive=True,
    sends="sms",
    refusals=(NotFound, ResendTooSoon),
)
def add_phone() -> Response:
    """Send a code to a number that the person wants to have."""
    check_sms()
    session = recent_session()
    body = inputs.parse_body(inputs.AddPhone)
    return _start(session, phone_of(body), body)


@blueprint.post("/phone/verify")
@_changing(inputs.ProvePhone, *_OF_PROVING, NotFound)
def prove_phone() -> Response:
    """Take the number that a code proves, in place of the main one or beside it."""
    check_sms()
    session = recent_session()
    body = inputs.parse_body(inputs.ProvePhone)
    return _finish(session, phone_of(body), body)


@blueprint.post("/phone/main")
@_changing(inputs.OwnPhone, NotFound)
def choose_main_phone() -> Response:
    """Make the second number the main one."""
    session = recent_session()
    body = inputs.parse_body(inputs.OwnPhone)
    return _choose_main(session, _own_phone(body), body)


@blueprint.post("/phone/remove")
@_changing(inputs.OwnPhone, NotFound, LastAddress)
def remove_phone() -> Response:
    """Give a number up."""
    session = recent_session()
    body = inputs.parse_body(inputs.OwnPhone)
    return _remove(session, _own_phone(body), body)


def _own_phone(body: inputs.OwnPhone) -> Destination:
    """A number as the profile says it. It need not be one that texts go to any more."""
    return Destination("sms", body.phone_number.strip())


def _start(session: LiveSession, destination: Destination, body: inputs.AddOne) -> Response:
    locale = letter_locale(body.locale)
    return code_sent(services().identifiers.start(session, this_caller(), destination, locale))


def _finish(session: LiveSession, destination: Destination, body: inputs.ProveOne) -> Response:
    code = parse_code(body.code, services().otp.code_lengths)
    services().identifiers.finish(
        session, this_caller(), destination, code, body.challenge_id, keep_former=body.keep_former
    )
    return _changed(session, body)


def _choose_main(session: LiveSession, destination: Destination, body: inputs.Change) -> Response:
    services().identifiers.choose_main(session, this_caller(), destination)
    return _changed(session, body)


def _remove(session: LiveSession, destination: Destination, body: inputs.Change) -> Response:
    services().identifiers.remove(session, this_caller(), destination)
    return _changed(session, body)


def _changed(session: LiveSession, body: inputs.Change) -> Response:
    """The profile as it is now; everybody else is signed out where the call asks for it."""
    if body.end_other_sessions:
        services().open_sessions.end_others(session, this_caller())
        tell_apps()
    return envelope(200, me_answer(services().sessions.get_by_id(session.id).user))
