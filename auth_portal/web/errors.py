"""From a refusal to an answer: the one table error -> status, code, text; and the page for people.

``contract_text`` is what the JSON API says to callers that send no ``Accept-Language``, to the letter
(contract, section 2). Everybody else gets ``message`` in their language.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from flask import Flask, Response, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from auth_portal import errors
from auth_portal.db import UNAVAILABLE
from auth_portal.marks import _
from auth_portal.web.envelope import envelope, is_api
from auth_portal.web.i18n import accepted_locale

log = structlog.get_logger("web")

DATABASE_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a refusal looks from outside."""

    status: int
    code: str
    contract_text: str
    message: str


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
    ),
    404: Refusal(404, "not_found", "Resource not found", _("There is nothing here.")),
    405: Refusal(405, "method_not_allowed", "Method not allowed", _("This cannot be done here.")),
    413: Refusal(413, "content_too_large", "Content too large", _("That was too much at once.")),
    415: Refusal(
        415, "unsupported_media_type", "Unsupported media type", _("Only application/json is accepted here.")
    ),
}
"""What the framework itself refuses."""

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

_TITLES = {
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


def init_errors(app: Flask) -> None:
    """Answer every exception, known and unknown, in the shape its caller expects."""
    app.register_error_handler(errors.PortalError, answer)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)
    for unavailable in UNAVAILABLE:
        app.register_error_handler(unavailable, _database)


def refusal_of(error: errors.PortalError) -> Refusal:
    """The table's row of an error."""
    if isinstance(error, errors.DeliveryFailed) and error.channel == "sms":
        return SMS_FAILED
    return TABLE[type(error)]


def answer(error: errors.PortalError) -> Response:
    """The answer to a refusal, with the headers that its facts ask for."""
    refusal = refusal_of(error)
    if isinstance(error, errors.DeletionPending) and not is_api(request.path):
        return _to_restoring(error)
    if refusal is INTERNAL:
        log.error("refused", kind=type(error).__name__, detail=str(error))
    details = []
    if isinstance(error, errors.ClientRequestRefused):
        g.reason = error.reason
    if isinstance(error, errors.InvalidInput):
        details = [f"{field}: {_say(REASONS[reason])}" for field, reason in error.faults.items()]
    response = _render(refusal, details, getattr(error, "retry_after", None))
    if isinstance(error, errors.TooManyRequests):
        tell_limit(response, error)
    if isinstance(error, errors.Unauthenticated) and is_api(request.path):
        known = ' error="invalid_token"' if error.token_given else ""
        response.headers["WWW-Authenticate"] = f"Bearer{known}"
    if isinstance(error, errors.ScopeInsufficient):
        response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.scope}"'
    return response


def _to_restoring(error: errors.DeletionPending) -> Response:
    """Whoever typed the code may take the deletion back, and then go on to the app that they came for."""
    g.error = refusal_of(error).code
    carried = {"request": g.flow.id} if g.get("flow") else {}
    return make_response(redirect(url_for("pages_leaving.restore", token=error.token, **carried), 303))


def tell_limit(response: Response, error: errors.TooManyRequests) -> None:
    """Say in the headers which limit is reached and when to come back (API-03, API-04)."""
    response.headers["Retry-After"] = str(error.retry_after)
    response.headers["RateLimit-Policy"] = f'"{error.limit}";q={error.quota};w={error.window}'
    response.headers["RateLimit"] = f'"{error.limit}";r=0;t={error.retry_after}'


def _csrf(_error: CSRFError) -> Response:
    return _render(HTTP[403])


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    refusal = HTTP.get(error.code) or Refusal(error.code, "refused", error.name, _("That did not work"))
    response = _render(refusal)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _database(error: Exception) -> Response:
    log.error("database_unavailable", kind=type(error).__name__)
    return _render(TABLE[errors.DatabaseUnavailable], retry_after=DATABASE_RETRY_S)


def _unknown(error: Exception) -> Response:
    log.error("unhandled_exception", kind=type(error).__name__, exc_info=error)
    return _render(INTERNAL)


def _say(text: str) -> str:
    """A detail in the caller's language; English to API callers that named none."""
    return gettext(text) if not is_api(request.path) or accepted_locale() else text


def _render(refusal: Refusal, details: list[str] | None = None, retry_after: int | None = None) -> Response:
    if is_api(request.path):
        text = gettext(refusal.message) if accepted_locale() else refusal.contract_text
        response = envelope(refusal.status, None, [text, *(details or [])])
        response.headers["X-Error-Code"] = refusal.code
        response.headers["Vary"] = "Accept-Language"
    else:
        response = _page(refusal, retry_after)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _page(refusal: Refusal, retry_after: int | None) -> Response:
    g.error = f"{refusal.code}:{g.reason}" if "reason" in g else refusal.code
    page = render_template(
        "pages/error.html",
        title=gettext(_TITLES.get(refusal.status, _("That did not work"))),
        text=gettext(refusal.message),
        request_id=g.get("request_id", ""),
        reason=g.get("reason"),
        action=(gettext("Go to sign-in"), url_for("pages.login")),
        retry_after=retry_after,
    )
    return make_response(page, refusal.status)
