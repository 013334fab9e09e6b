"""The browser in front of a page: its cookies, who it is to the services, and where it goes next."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from flask import Response, current_app, get_flashed_messages, make_response, redirect, request, session, url_for

from auth_portal.db import utcnow
from auth_portal.errors import RequestExpired
from auth_portal.signin.callers import Caller
from auth_portal.signin.devices import DEVICE_TTL
from auth_portal.signin.events import Actor
from auth_portal.signin.limits import MOST_DEVICES
from auth_portal.signin.registration import PendingRegistration
from auth_portal.signin.sessions import LiveSession, OpenedSession
from auth_portal.signin.standing import open_question
from auth_portal.web.apps import tell_apps
from auth_portal.web.cookies import clear_cookie, get_cookie, set_cookie
from auth_portal.web.devices import device_of
from auth_portal.web.flow import PARAMETER, Flow, back_to_dispatcher, mark_browser
from auth_portal.web.services import services

_ONWARD = "onward"
"""In the signed cookie while somebody signs in to reach a page of ours: its endpoint, and until when that counts."""
_ONWARD_TTL = timedelta(hours=1)
_ALWAYS_OPEN = ("pages_confirm", "pages_leaving")
"""The pages of an account that need no answer first."""
_BROWSER_LIFETIME = timedelta(days=1)
"""At least; while a registration waits, it is by this secret that the app's request is found again."""
_MOST_REGISTRATIONS = 4
_MAX_SECRET = 64


def caller_of(secret: str) -> Caller:
    """The browser that holds this secret, with all by which it is known."""
    device = device_of(request.headers.get("User-Agent", ""))
    return Caller.browser(secret, request.remote_addr, device, _held("device", MOST_DEVICES), get_cookie("session"))


def this_caller() -> Caller:
    """The browser as it is; one that never asked for anything is nobody's caller."""
    return caller_of(get_cookie("browser"))


def browser_secret() -> str:
    """The secret that this browser holds, or a new one for ``keep_browser``."""
    return get_cookie("browser") or secrets.token_urlsafe(24)


def first_visit(endpoint: str, request_id: str) -> Response:
    """Give a new browser its secret, to which a stored request is bound then, and let it come again.

    Raises RequestExpired where it comes again without: there is no way on without cookies.
    """
    if "again" in request.args:
        raise RequestExpired
    response = make_response(redirect(url_for(endpoint, request_id=request_id, again=1), 303))
    keep_browser(response, browser_secret())
    return response


def keep_browser(response: Response, secret: str) -> None:
    """Let the browser keep the secret that binds its challenges to it (OTP-06)."""
    set_cookie(response, "browser", secret, max(_BROWSER_LIFETIME, services().settings.registration_ttl))


def current_session() -> LiveSession | None:
    """The live session of this browser."""
    return services().sessions.find_by_secret(get_cookie("session"))


def find_registration(registration_id: str | None, *, is_open: bool = True) -> PendingRegistration | None:
    """The registration of this browser with this id, or the newest. Not ``is_open``: one that was completed."""
    return services().registrations.find_by_secrets(registration_secrets(), registration_id or None, is_open=is_open)


def registration_secrets() -> list[str]:
    """One secret for each registration that was begun in this browser, the newest first."""
    return _held("registration", _MOST_REGISTRATIONS)


def keep_registrations(response: Response, held: list[str]) -> None:
    """Let the browser keep these registrations."""
    if not held:
        clear_cookie(response, "registration")
        return
    value = ".".join(held[:_MOST_REGISTRATIONS])
    set_cookie(response, "registration", value, services().settings.registration_ttl)


def to(endpoint: str, flow: Flow | None = None, **values: Any) -> Response:
    """Go to another page, on the way to the app of ``flow``."""
    carried: dict[str, Any] = {PARAMETER: flow.id} if flow is not None else {}
    return make_response(redirect(url_for(endpoint, **carried, **values), 303))


def welcome(opened: OpenedSession | PendingRegistration, flow: Flow | None = None) -> Response:
    """Go on with what a proof opened: to the app or the account, or to the registration."""
    return signed_in(opened, flow) if isinstance(opened, OpenedSession) else _to_registration(opened, flow)


def signed_in(opened: OpenedSession, flow: Flow | None = None) -> Response:
    """Give the browser its new session; the secret it had before dies (SES-04).

    Who proved again to be who was signed in goes on with the same session; anybody else's ends.
    """
    former = current_session()
    if former is not None and former.user.id == opened.user.id:
        opened = services().sessions.renew(former, opened, Actor.of(this_caller()))
    elif former is not None:
        _end(former)
    response = home() if flow is None else back_to_dispatcher(flow)
    set_cookie(response, "session", opened.secret, services().settings.session_ttl)
    if opened.device_secret is not None:
        known = [opened.device_secret, *_held("device", MOST_DEVICES)][:MOST_DEVICES]
        set_cookie(response, "device", ".".join(known), DEVICE_TTL)
    return response


def elsewhere(flow: Flow | None) -> Response:
    """Where a person goes who has nothing to do on this page."""
    if current_session() is None:
        return to("pages.login", flow)
    return home() if flow is None else back_to_dispatcher(flow)


def sign_in_for(endpoint: str, ttl: timedelta = _ONWARD_TTL) -> Response:
    """Sign in first, and come back to this page of ours."""
    remember_onward(endpoint, ttl)
    return to("pages.login")


def ask_first(session: LiveSession, back: str) -> Response | None:
    """Where a person is asked what is open, if anything is; from there the way leads to the page ``back``.

    Whoever does not agree can still leave, and take what is theirs along (PRIV-01, PRIV-02).
    """
    question = open_question(session.user, services().settings)
    if question is None or request.blueprint in _ALWAYS_OPEN:
        return None
    remember_onward(back)
    return to(f"pages_terms.{question}")


def remember_onward(endpoint: str, ttl: timedelta = _ONWARD_TTL) -> None:
    """Let the next sign-in lead to this page, which needs no values. Only we write it: the cookie is signed."""
    session[_ONWARD] = [endpoint, int((utcnow() + ttl).timestamp())]


def home() -> Response:
    """Where people go whom no app sent: to the page that they signed in for, or to their account."""
    endpoint, until = session.pop(_ONWARD, None) or ("", 0)
    is_good = until > utcnow().timestamp() and endpoint in current_app.view_functions
    return to(endpoint if is_good else "pages_account.account")


def end_browser_session(response: Response) -> Response:
    """End the browser's session on the server, tell the apps that it opened, and forget its cookie (SES-08)."""
    live = current_session()
    if live is not None:
        _end(live)
    clear_cookie(response, "session")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _end(ended: LiveSession) -> None:
    services().sessions.end_session(ended.id, Actor.of(this_caller()))
    tell_apps()


def _to_registration(pending: PendingRegistration, flow: Flow | None) -> Response:
    response = to("pages_register.register", flow)
    if flow is not None:
        services().pending.note_registration(flow.id, pending.id, pending.expires_at)
        mark_browser(response)
    # An address that was proven before is opened by the same secret.
    keep_registrations(response, list(dict.fromkeys([pending.secret or "", *registration_secrets()])))
    keep_browser(response, browser_secret())
    return response


def notice_of_before() -> dict[str, str]:
    """What the page before had to say, for the template: ``notice`` and the icon beside it."""
    flashed: list[tuple[str, str]] = list(get_flashed_messages(with_categories=True))  # type: ignore[arg-type]
    if not flashed:
        return {}
    category, text = flashed[0]
    return {"notice": text, "notice_icon": "wait" if category == "wait" else "done"}


def _held(cookie: str, most: int) -> list[str]:
    """The secrets of a cookie that holds several."""
    return [secret for secret in get_cookie(cookie).split(".")[:most] if 0 < len(secret) <= _MAX_SECRET]
