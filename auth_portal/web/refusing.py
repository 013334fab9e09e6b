"""Answers every exception, known and unknown, in the shape that its caller expects."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from flask import Flask, Response, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from auth_portal import errors
from auth_portal.db import UNAVAILABLE
from auth_portal.marks import _
from auth_portal.web.envelope import envelope, is_api
from auth_portal.web.errors import COOKIES_OFF, HTTP, INTERNAL, REASONS, TABLE, TITLES, Refusal, refusal_of
from auth_portal.web.i18n import accepted_locale
from auth_portal.web.problem import problem, wants_problem

log = structlog.get_logger("web")

DATABASE_RETRY_S = 5


def init_errors(app: Flask) -> None:
    """Answer every exception, known and unknown, in the shape its caller expects."""
    app.register_error_handler(errors.PortalError, answer)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)
    for unavailable in UNAVAILABLE:
        app.register_error_handler(unavailable, _database)


def answer(error: errors.PortalError) -> Response:
    """The answer to a refusal, with the headers that its facts ask for."""
    refusal = refusal_of(error)
    if isinstance(error, errors.DeletionPending) and not is_api(request.path):
        return _to_restoring(error)
    if refusal is INTERNAL:
        log.error("refused", kind=type(error).__name__, detail=str(error))
    if isinstance(error, errors.ClientRequestRefused):
        g.reason = error.reason
    response = _render(refusal, error, getattr(error, "retry_after", None))
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
    return _render(HTTP[403] if request.cookies else COOKIES_OFF)


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


def _render(refusal: Refusal, error: Exception | None = None, retry_after: int | None = None) -> Response:
    response = _to_program(refusal, error) if is_api(request.path) else _page(refusal, retry_after)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _to_program(refusal: Refusal, error: Exception | None) -> Response:
    """The envelope, or a problem where the caller asks for one (API-01)."""
    faults = _say_faults(error) if isinstance(error, errors.InvalidInput) else {}
    if wants_problem():
        response = problem(refusal, faults, error)
    else:
        text = gettext(refusal.message) if accepted_locale() else refusal.contract_text
        response = envelope(refusal.status, None, [text, *(f"{field}: {said}" for field, said in faults.items())])
    response.headers["X-Error-Code"] = refusal.code
    response.headers["Vary"] = "Accept, Accept-Language"
    return response


def _say_faults(error: errors.InvalidInput) -> Mapping[str, str]:
    """What is wrong with which field in the caller's language; in English to callers that named none."""
    say = gettext if accepted_locale() else str
    return {field: say(REASONS[reason]) for field, reason in error.faults.items()}


def _page(refusal: Refusal, retry_after: int | None) -> Response:
    g.error = f"{refusal.code}:{g.reason}" if "reason" in g else refusal.code
    page = render_template(
        "pages/error.html",
        title=gettext(refusal.title or TITLES.get(refusal.status, _("That did not work"))),
        text=gettext(refusal.message),
        request_id=g.get("request_id", ""),
        reason=g.get("reason"),
        action=(gettext("Go to sign-in"), url_for("pages.login")),
        retry_after=retry_after,
    )
    return make_response(page, refusal.status)
