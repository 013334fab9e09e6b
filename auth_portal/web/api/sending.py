"""What the calls have in common that have a code sent: the numbers they may name, and their answer."""

from __future__ import annotations

from flask import Response, g

from auth_portal.errors import NotFound
from auth_portal.signin.addresses import Destination
from auth_portal.signin.otp import SentCode
from auth_portal.signin.phones import parse_phone
from auth_portal.web.api.inputs import ToPhone
from auth_portal.web.envelope import JsonObject, envelope, wire_time
from auth_portal.web.services import services

_SHOWN_AS = {"email": "email", "sms": "phoneNumber"}
"""The member of an answer that says where a code went."""


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
    data: JsonObject = {
        _SHOWN_AS[sent.destination.channel]: sent.destination.value,
        "challengeId": sent.id,
        "codeLength": sent.code_length,
        "expiresAt": wire_time(sent.expires_at),
        "resendAt": wire_time(sent.resend_at),
    }
    if services().settings.is_development:
        data["code"] = sent.code
    return envelope(201, data)
