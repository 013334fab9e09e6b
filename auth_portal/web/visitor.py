"""The browser in front of a page: its cookies, who it is to the services, and where it goes next."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, make_response, redirect, request, url_for

from auth_portal.signin.callers import Caller
from auth_portal.signin.devices import DEVICE_TTL
from auth_portal.signin.limits import MOST_DEVICES
from auth_portal.signin.registration import PendingRegistration
from auth_portal.signin.sessions import LiveSession, OpenedSession
from auth_portal.web.cookies import clear_cookie, get_cookie, set_cookie
from auth_portal.web.devices import device_of
from auth_portal.web.services import services

_BROWSER_LIFETIME = timedelta(days=1)
_MOST_REGISTRATIONS = 4
_MAX_SECRET = 64


def caller_of(secret: str) -> Caller:
    """The browser that holds this secret, with all by which it is known."""
    device = device_of(request.headers.get("User-Agent", ""))
    return Caller.browser(secret, request.remote_addr, device, _held("device", MOST_DEVICES))


def this_caller() -> Caller:
    """The browser as it is; one that never asked for anything is nobody's caller."""
    return caller_of(get_cookie("browser"))


def keep_browser(response: Response, secret: str) -> None:
    """Let the browser keep the secret that binds its challenges to it (OTP-06)."""
    set_cookie(response, "browser", secret, _BROWSER_LIFETIME)


def current_session() -> LiveSession | None:
    """The live session of this browser."""
    return services().sessions.find_by_secret(get_cookie("session"))


def find_registration(registration_id: str | None) -> PendingRegistration | None:
    """The registration of this browser with this id, or the newest."""
    return services().registrations.find_by_secrets(registration_secrets(), registration_id or None)


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


def to(endpoint: str) -> Response:
    """Go to another page."""
    return make_response(redirect(url_for(endpoint), 303))


def welcome(opened: OpenedSession | PendingRegistration) -> Response:
    """Go on with what a proof opened: to the account, or to the registration."""
    return signed_in(opened) if isinstance(opened, OpenedSession) else _to_registration(opened)


def signed_in(opened: OpenedSession) -> Response:
    """Give the browser its new session; the one it had before dies (SES-04)."""
    former = current_session()
    if former is not None:
        services().sessions.end_session(former.id)
    response = to("pages_account.account")
    set_cookie(response, "session", opened.secret, services().settings.session_ttl)
    if opened.device_secret is not None:
        known = [opened.device_secret, *_held("device", MOST_DEVICES)][:MOST_DEVICES]
        set_cookie(response, "device", ".".join(known), DEVICE_TTL)
    return response


def _to_registration(pending: PendingRegistration) -> Response:
    response = to("pages.register")
    keep_registrations(response, [pending.secret or "", *registration_secrets()])
    return response


def _held(cookie: str, most: int) -> list[str]:
    """The secrets of a cookie that holds several."""
    return [secret for secret in get_cookie(cookie).split(".")[:most] if 0 < len(secret) <= _MAX_SECRET]
