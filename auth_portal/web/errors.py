"""From a refusal to its looks: the one table error -> status, code, text. ``refusing`` makes answers of it.

``contract_text`` is what the JSON API says to callers that send no ``Accept-Language``, to the letter
(contract, section 2). Everybody else gets ``message`` in their language.
"""

from __future__ import annotations

from dataclasses import dataclass

from auth_portal import errors
from auth_portal.marks import _


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a refusal looks from outside."""

    status: int
    code: str
    contract_text: str
    message: str
    title: str = ""
    """Of its page; without one it is that of the status."""


INTERNAL = Refusal(500, "internal_error", "Internal server error", _("Something went wrong on our side."))

TABLE: dict[type[Exception], Refusal] = {
    errors.InvalidInput: Refusal(400, "validation_failed", "Validation failed", _("Please check what you entered.")),
    errors.CodeRefused: Refusal(
        401,
        "code_invalid",
        "Doğrulama kodu hatalı veya süresi dolmuş",
        _("The code is wrong or has expired."),
    ),
    errors.Unauthenticated: Refusal(401, "unauthorized", "Unauthorized", _("Please sign in.")),
    errors.ScopeInsufficient: Refusal(403, "insufficient_scope", "Forbidden", _("This token does not allow that.")),
    errors.AccountSuspended: Refusal(
        403, "account_suspended", "Hesap kullanıma kapalı", _("This account is closed for use.")
    ),
    errors.DeletionPending: Refusal(
        403, "deletion_pending", "Hesap kullanıma kapalı", _("This account is about to be deleted.")
    ),
    errors.ReauthenticationRequired: Refusal(
        403,
        "reauthentication_required",
        "Forbidden",
        _("Your sign-in is more than ten minutes ago. Please enter a code first."),
    ),
    errors.NotFound: Refusal(404, "not_found", "Resource not found", _("There is nothing here.")),
    errors.ClientUnknown: Refusal(404, "client_unknown", "Resource not found", _("There is nothing here.")),
    errors.ClientRequestRefused: Refusal(
        400,
        "client_request_refused",
        "Validation failed",
        _("The app that sent you here is not registered, or its return address is not. Please tell its makers."),
    ),
    errors.RequestExpired: Refusal(
        410,
        "request_expired",
        "Resource not found",
        _("This sign-in is over, or was begun in another browser. Please go back to the app and start again."),
    ),
    errors.ResendTooSoon: Refusal(
        409,
        "resend_too_soon",
        "Resource already exists or cannot be changed in its current state",
        _("A code was sent a moment ago. Please wait before you ask again."),
    ),
    errors.AlreadyRegistered: Refusal(
        409,
        "already_registered",
        "Resource already exists or cannot be changed in its current state",
        _("This address is already registered. Please sign in."),
    ),
    errors.AddressesFull: Refusal(
        409,
        "addresses_full",
        "Resource already exists or cannot be changed in its current state",
        _("You have two of these already. Replace the main one, or remove one first."),
    ),
    errors.LastAddress: Refusal(
        409,
        "last_address",
        "Resource already exists or cannot be changed in its current state",
        _("This is the last one that you can sign in with. Add another one first."),
    ),
    errors.TooManyRequests: Refusal(
        429, "too_many_requests", "Too many requests", _("Too many requests. Please try again later.")
    ),
    errors.DeliveryFailed: Refusal(
        500,
        "delivery_failed",
        "Email gönderilirken hata oluştu",
        _("The letter could not be sent. Please try again."),
    ),
    errors.DatabaseUnavailable: Refusal(
        503,
        "service_unavailable",
        "Service unavailable",
        _("We cannot answer right now. Please try again in a moment."),
    ),
    errors.KeysUnreadable: INTERNAL,
}
"""Every refusal of ``errors.py``; a test fails where a row is missing."""

SMS_FAILED = Refusal(
    500,
    "delivery_failed",
    "SMS gönderilirken hata oluştu",
    _("The text message could not be sent. Please try again."),
)
"""What ``DeliveryFailed`` is for text messages."""

HTTP: dict[int, Refusal] = {
    400: Refusal(400, "bad_request", "Validation failed", _("The request could not be read.")),
    403: Refusal(
        403,
        "forbidden",
        "Forbidden",
        _("The form could not be confirmed. Please allow cookies, go back and try again."),
        _("Please try again"),
    ),
    404: Refusal(404, "not_found", "Resource not found", _("There is nothing here.")),
    405: Refusal(405, "method_not_allowed", "Method not allowed", _("This cannot be done here.")),
    413: Refusal(413, "content_too_large", "Content too large", _("That was too much at once.")),
    415: Refusal(
        415, "unsupported_media_type", "Unsupported media type", _("Only application/json is accepted here.")
    ),
}
"""What the framework itself refuses."""

COOKIES_OFF = Refusal(
    403,
    "forbidden",
    "Forbidden",
    _("Your browser sent back no cookie. Please allow cookies for this site, then sign in."),
    _("Please allow cookies"),
)
"""The same as ``HTTP[403]`` to a browser that sends none."""

REASONS: dict[str, str] = {
    "missing": _("is required"),
    "not_an_address": _("is not an email address"),
    "not_a_phone": _("is not a phone number"),
    "not_mobile": _("is not a mobile number"),
    "internet_phone": _("is a number of an internet telephone service"),
    "not_served": _("is a number to which we send no text messages"),
    "already_yours": _("is yours already"),
    "not_a_code": _("is not a code"),
    "too_long": _("is too long"),
    "not_printable": _("has characters that cannot be shown"),
    "wrong_type": _("has the wrong type"),
    "not_accepted": _("must be accepted"),
    "not_json": _("is not valid JSON"),
    "malformed": _("is malformed"),
    "not_a_number": _("is not a whole number"),
    "not_a_date": _("is not a date"),
    "not_a_choice": _("is none of the choices"),
    "not_a_url": _("is not a web address"),
    "has_unknown": _("has an unknown member"),
}
"""What may be wrong with a field; the keys are ``InvalidInput``'s reasons."""

TITLES = {
    400: _("That did not work"),
    401: _("Please sign in"),
    403: _("Not allowed"),
    404: _("Page not found"),
    405: _("Page not found"),
    409: _("Already done"),
    410: _("Please start again"),
    413: _("Too much at once"),
    429: _("Too many requests"),
    500: _("Something went wrong"),
    503: _("Back in a moment"),
}
"""The titles of the pages that people see, by the status."""


def refusal_of(error: errors.PortalError) -> Refusal:
    """The table's row of an error."""
    if isinstance(error, errors.DeliveryFailed) and error.channel == "sms":
        return SMS_FAILED
    return TABLE[type(error)]
