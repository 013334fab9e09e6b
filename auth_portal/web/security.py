"""What guards every door: response headers, cookies, cross-site checks, trusted proxies, CORS."""

from __future__ import annotations

from flask import Blueprint, Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_cors import CORS, cross_origin
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import BadSignature
from werkzeug.middleware.proxy_fix import ProxyFix

from auth_portal.settings import Settings
from auth_portal.web.cookies import cookie_name
from auth_portal.web.envelope import is_api
from auth_portal.web.services import services

MAX_BODY = 64 * 1024
_YEAR_S = 365 * 86_400

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), otp-credentials=(self), payment=(), usb=()",
}

_OPEN_DOORS = "DOORS_OPEN_TO_OTHER_SITES"

csrf = CSRFProtect()
readable_everywhere = cross_origin(send_wildcard=True, methods=["GET"], max_age=3_600)
"""For documents that pages of every site may read, whatever headers they send (OP-26)."""


class FormSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for the pages only: the JSON API keeps no state in a browser."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """No session, and none of its work, for API requests.

        The signature's age is not asked: the browser drops the cookie itself, and to a clock that was set back by a
        second every open form would be from the future.
        """
        serializer = self.get_signing_serializer(app)
        if is_api(request.path) or serializer is None:
            return None
        try:
            return self.session_class(serializer.loads(request.cookies.get(self.get_cookie_name(app), "")))
        except BadSignature:
            return self.session_class()


def init_security(app: Flask, settings: Settings) -> None:
    """Install the guards."""
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_PARTS=50,
        SESSION_COOKIE_NAME=cookie_name(settings, "form"),
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        # A form that is open while SECRET_KEY changes must still be good: Flask-WTF knows no fallbacks, so it signs
        # with the oldest key. The comparison is with the session, whose cookie is signed with the newest.
        WTF_CSRF_SECRET_KEY=[app.secret_key, *app.config["SECRET_KEY_FALLBACKS"]][-1],
        # Flask-WTF would compare the Referer, which our Referrer-Policy forbids; see _check_origin.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = FormSessions()
    csrf.init_app(app)
    app.before_request(_check_origin)
    app.after_request(_set_headers)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    if settings.allowed_origins:
        CORS(
            app,
            resources={r"/api/.*": {"origins": list(settings.allowed_origins)}},
            allow_headers=["Authorization", "Content-Type", "Accept-Language"],
            expose_headers=["Retry-After", "X-Error-Code", "X-Request-Id", "RateLimit", "RateLimit-Policy"],
            methods=["GET", "POST", "PATCH", "DELETE"],
            max_age=600,
        )


def open_to_other_sites(app: Flask, blueprint: Blueprint) -> None:
    """Let a door be posted to from anywhere: who calls there proves itself in the request, not by a cookie."""
    csrf.exempt(blueprint)
    app.config.setdefault(_OPEN_DOORS, set()).add(blueprint.name)


def _check_origin() -> None:
    """Refuse a form that another site posts, beside its CSRF token (SES-16).

    Browsers that know Sec-Fetch-Site are judged by it. ``Origin: null`` says nothing: that is what our own
    forms send under ``Referrer-Policy: no-referrer``.
    """
    if request.method in ("GET", "HEAD", "OPTIONS") or is_api(request.path):
        return
    if request.blueprint in current_app.config.get(_OPEN_DOORS, ()):
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CSRFError("cross-site form")
        return
    origin = request.headers.get("Origin", "null")
    if origin not in ("null", services().settings.public_origin, f"{request.scheme}://{request.host}"):
        raise CSRFError("cross-origin form")


def _csp() -> str:
    """The policy of this page: forms may end at the app they are for (D7), the playground calls its servers."""
    policy = CSP
    for directive, targets in (("form-action 'self'", "form_targets"), ("connect-src 'self'", "connect_targets")):
        policy = policy.replace(directive, " ".join([directive, *g.get(targets, ())]))
    return policy


def _set_headers(response: Response) -> Response:
    own = {name for name, _value in response.headers}
    response.headers.extend([(name, value) for name, value in _HEADERS.items() if name not in own])
    if "Content-Security-Policy" not in own:
        response.headers["Content-Security-Policy"] = _csp()
    if services().settings.is_https and not g.get("is_for_other_host"):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}; includeSubDomains")
    if is_api(request.path) and services().settings.allowed_origins:
        response.vary.add("Origin")
    if request.method == "OPTIONS" and response.status_code == 200 and not response.data:
        response.status_code = 204
        del response.headers["Content-Type"]
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
