"""Signing in by JSON: send a code, verify it, register, refresh, sign out."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response

from auth_portal.db import utcnow
from auth_portal.errors import (
    AccountSuspended,
    AlreadyRegistered,
    ClientUnknown,
    CodeRefused,
    DeletionPending,
    NotFound,
    ResendTooSoon,
    Unauthenticated,
    parse_all,
)
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.codes import parse_code
from auth_portal.signin.events import Actor
from auth_portal.signin.fields import parse_fields
from auth_portal.signin.registration import PendingRegistration, parse_name
from auth_portal.signin.sessions import OpenedSession
from auth_portal.signin.standing import check_accepted
from auth_portal.signin.tokens import AccessDraft
from auth_portal.web.api import answers, inputs
from auth_portal.web.api.bearer import bearer_token, current_session, this_caller, user_answer
from auth_portal.web.api.sending import check_sms, code_sent, phone_of
from auth_portal.web.apps import app_of
from auth_portal.web.envelope import envelope
from auth_portal.web.i18n import letter_locale
from auth_portal.web.operation import operation
from auth_portal.web.services import services

blueprint = Blueprint("api_auth", __name__, url_prefix="/api/v1/auth")

_OF_A_CODE = (CodeRefused, AccountSuspended, DeletionPending)


@blueprint.post("/send-otp-email")
@operation(
    {201: answers.EmailCodeSent}, body=inputs.SendEmailCode, sends="email", refusals=(ClientUnknown, ResendTooSoon)
)
def send_otp_email() -> Response:
    """Send a code to an address."""
    body = inputs.parse_body(inputs.SendEmailCode)
    return _send(parse_email(body.email), body)


@blueprint.post("/login-otp-email")
@operation({200: answers.Login}, body=inputs.VerifyEmailCode, refusals=_OF_A_CODE)
def login_otp_email() -> Response:
    """Exchange a mailed code for tokens, or for a registration token where the person is new."""
    body = inputs.parse_body(inputs.VerifyEmailCode)
    return _login(parse_email(body.email), body)


@blueprint.post("/send-otp")
@operation(
    {201: answers.PhoneCodeSent},
    body=inputs.SendPhoneCode,
    sends="sms",
    refusals=(NotFound, ClientUnknown, ResendTooSoon),
)
def send_otp() -> Response:
    """Send a code to a phone."""
    check_sms()
    body = inputs.parse_body(inputs.SendPhoneCode)
    return _send(phone_of(body), body)


@blueprint.post("/login-otp")
@operation({200: answers.Login}, body=inputs.VerifyPhoneCode, refusals=(*_OF_A_CODE, NotFound))
def login_otp() -> Response:
    """Exchange a code that came to a phone, as one that was mailed."""
    check_sms()
    body = inputs.parse_body(inputs.VerifyPhoneCode)
    return _login(phone_of(body), body)


@blueprint.post("/complete-registration")
@operation(
    {201: answers.LoggedIn}, body=inputs.CompleteRegistration, proof="registration", refusals=(AlreadyRegistered,)
)
def complete_registration() -> Response:
    """Make the user behind a registration token, and sign in."""
    registration_id = services().tokens.check_registration_token(bearer_token())
    body = inputs.parse_body(inputs.CompleteRegistration)
    person = parse_all(
        first_name=lambda: parse_name(body.first_name, "firstName"),
        last_name=lambda: parse_name(body.last_name, "lastName"),
        fields=lambda: parse_fields(services().settings.own_fields, body.fields or {}),
        terms=lambda: check_accepted(body.accept_terms, "acceptTerms"),
    )
    del person["terms"]
    opened = services().registrations.complete(
        registration_id, **person, locale=letter_locale(body.locale), caller=this_caller()
    )
    return envelope(201, _logged_in(opened))


@blueprint.post("/refresh-token")
@operation({200: answers.LoggedIn}, body=inputs.RefreshTokens, refusals=(Unauthenticated,))
def refresh_token() -> Response:
    """Exchange a refresh token for new tokens."""
    body = inputs.parse_body(inputs.RefreshTokens)
    return envelope(
        200, _logged_in(services().sessions.rotate_refresh_token(body.refresh_token, caller=this_caller()))
    )


@blueprint.post("/logout")
@operation({200: answers.Nothing}, proof="access")
def logout() -> Response:
    """End the session of the access token."""
    services().sessions.end_session(current_session().id, Actor.of(this_caller()))
    return envelope(200, answers.Nothing())


def _send(destination: Destination, body: inputs.SendCode) -> Response:
    app = None
    if body.client_id is not None:
        client = services().clients.find(body.client_id)
        if client is None:
            raise ClientUnknown
        app = app_of(client)
    sent = services().otp.send_code(destination, this_caller(), letter_locale(body.locale), app=app)
    return code_sent(sent)


def _login(destination: Destination, body: inputs.VerifyCode) -> Response:
    code = parse_code(body.code, services().otp.code_lengths)
    opened = services().otp.verify_code(destination, code, this_caller(), body.challenge_id)
    if isinstance(opened, PendingRegistration):
        return envelope(200, _registration_required(opened))
    return envelope(200, _logged_in(opened))


def _logged_in(opened: OpenedSession) -> answers.LoggedIn:
    issuer = services().tokens
    draft = AccessDraft(
        subject=opened.user.id,
        client_id=opened.client_id,
        session_id=opened.id,
        authenticated_at=opened.authenticated_at,
        channel=opened.channel,
    )
    return answers.LoggedIn(
        access_token=issuer.access_token(draft),
        token_type="Bearer",  # noqa: S106  a kind, no secret
        expires_in=issuer.access_ttl,
        refresh_token=opened.secret,
        refresh_expires_in=_seconds_until(opened.expires_at),
        registration_required=False,
        user=user_answer(opened.user),
    )


def _registration_required(pending: PendingRegistration) -> answers.RegistrationRequired:
    token = services().tokens.registration_token(registration_id=pending.id, expires_at=pending.expires_at)
    return answers.RegistrationRequired(
        registration_required=True,
        registration_token=token,
        expires_in=_seconds_until(pending.expires_at),
        access_token=None,
        refresh_token=None,
        user=None,
    )


def _seconds_until(moment: datetime) -> int:
    return int((moment - utcnow()).total_seconds() + 0.5)
