"""Forward-auth: the door for nginx ``auth_request``, Traefik ForwardAuth and Caddy forward_auth.

The proxy's sub-request carries the cookies that the browser has for the guarded site, and Traefik and Caddy hand our
answer to the browser as the site's own. So whatever we set or say here is for another host than ours.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from flask_babel import gettext

from auth_portal.errors import RequestExpired, Unauthenticated
from auth_portal.oidc.forward_auth import IDENTITY_HEADERS, SIGN_OUT_PATH, SiteCookie, Verdict, Visitor
from auth_portal.oidc.guarded import Guarded, NotUnderstood, read_guarded
from auth_portal.web.cookies import get_cookie
from auth_portal.web.errors import TABLE
from auth_portal.web.services import services

blueprint = Blueprint("forward_auth", __name__)

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PAGES = ("text/html", "application/xhtml+xml", "text/*")


# Caddy hands a WebSocket's `Upgrade` on, and to routes such a request is of another kind.
@blueprint.route("/forward-auth", methods=["GET"], websocket=True, provide_automatic_options=False)
@blueprint.route("/forward-auth", methods=_METHODS, provide_automatic_options=False)
def forward_auth() -> Response:
    """Say whether the request that the proxy holds may pass: 200 with who it is, 401, 403, or where to sign in."""
    g.is_for_other_host = True
    try:
        guarded = read_guarded(request.headers.get, request.method, services().settings.public_host)
    except NotUnderstood:
        return _answer(None, services().forward_auth.refuse(_visitor(None)))
    return _answer(guarded, services().forward_auth.judge(guarded, _visitor(guarded)))


def _visitor(guarded: Guarded | None) -> Visitor:
    return Visitor(
        site_secret=request.cookies.get(_cookie_name(guarded, "site"), "") if guarded else "",
        nonce=request.cookies.get(_cookie_name(guarded, "nonce"), "") if guarded else "",
        portal_secret=get_cookie("session"),
        is_navigation=_is_navigation(),
        is_foreign=request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none"),
    )


def _is_navigation() -> bool:
    """Whether a page may be the answer: a call of a script must not be answered with our sign-in."""
    if request.headers.get("Sec-Fetch-Mode") not in (None, "navigate") or "X-Requested-With" in request.headers:
        return False
    accepted = request.accept_mimetypes
    return accepted.best in (None, "*/*") or any(kind in _PAGES and quality > 0 for kind, quality in accepted)


def _answer(guarded: Guarded | None, verdict: Verdict) -> Response:
    if verdict.word == "granted":
        # All of them, or Caddy 2.6 tells the app the name of its own variable for one that is missing.
        response = Response(status=200, headers={**dict.fromkeys(IDENTITY_HEADERS, ""), **verdict.identity})
    elif verdict.word == "sent":
        # nginx fails on anything but yes, 401 and 403; its configuration makes a redirect of this one.
        response = Response(status=401 if guarded and guarded.is_nginx else 303)
        response.autocorrect_location_header = False
        response.headers["Location"] = verdict.location
    else:
        text = _text(verdict)
        status = 401 if verdict.word == "unauthenticated" else 403
        response = Response(f"{text}\n", status, content_type="text/plain; charset=utf-8")
        g.error = verdict.reason or "unauthorized"
    if guarded is not None and verdict.cookie is not None:
        _set_site_cookie(response, guarded, verdict.cookie)
    return response


def _text(verdict: Verdict) -> str:
    """What the person reads. Plain text: our style sheets are not where the site's host would look for them."""
    if verdict.word == "unauthenticated":
        return str(gettext(TABLE[Unauthenticated].message))
    client = verdict.client
    if client is None or verdict.reason == "denied":
        return str(gettext("Not allowed"))
    if verdict.reason == "stale":
        return f"{gettext(TABLE[RequestExpired].message)}\n{client.site}/"
    refused = gettext(
        "%(app)s does not let %(address)s in. Perhaps another address of yours?",
        app=client.name,
        address=verdict.address or "?",
    )
    return f"{refused}\n{gettext('Use another address')}: {client.site}{SIGN_OUT_PATH}"


def _cookie_name(guarded: Guarded, name: str) -> str:
    """``__Host-`` over TLS, so that no neighbour of the site can set it (SES-02)."""
    return f"{'__Host-' if guarded.site.startswith('https:') else ''}auth-portal-{name}"


def _set_site_cookie(response: Response, guarded: Guarded, cookie: SiteCookie) -> None:
    name, is_https = _cookie_name(guarded, cookie.name), guarded.site.startswith("https:")
    if not cookie.value:
        response.delete_cookie(name, secure=is_https, httponly=True, samesite="Lax")
        return
    lifetime = min(int(cookie.lifetime.total_seconds()), 400 * 86_400)
    response.set_cookie(name, cookie.value, max_age=lifetime, secure=is_https, httponly=True, samesite="Lax")
