"""What the calls have in common that have a code sent: the numbers they may name, and their answer."""

from __future__ import annotations

from typing import Any

from flask import Response, g

from auth_portal.errors import NotFound
from auth_portal.signin.addresses import Destination
from auth_portal.signin.otp import SentCode
from auth_portal.signin.phones import parse_phone
from auth_portal.web.api.answers import EmailCodeSent, PhoneCodeSent
from auth_portal.web.api.inputs import ToPhone
from auth_portal.web.envelope import envelope
from auth_portal.web.services import services


def check_sms() -> None:
    """Raise NotFound where this portal sends nothing to phones (contract, section 1)."""
    if not services().settings.has_sms:
        raise NotFound


def phone_of(body: ToPhone) -> Destination:
    """The number that a call is about. Raises InvalidInput."""
    return parse_phone(body.phone_number, services().settings, body.region)


def code_sent(sent: SentCode) -> Response:
    """The answer where a code is on its way. Only in development it has the code."""
    g.code_length = sent.code_length
    told: dict[str, Any] = {
        "challenge_id": sent.id,
        "code_length": sent.code_length,
        "expires_at": sent.expires_at,
        "resend_at": sent.resend_at,
    }
    if services().settings.is_development:
        told["code"] = sent.code
    where = sent.destination
    return envelope(
        201,
        EmailCodeSent(email=where.value, **told)
        if where.channel == "email"
        else PhoneCodeSent(phone_number=where.value, **told),
    )
