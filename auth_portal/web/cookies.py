"""The portal's cookies: one way to name, set, read and clear them (SES-02)."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from auth_portal.settings import Settings
from auth_portal.web.services import services


def cookie_name(settings: Settings, name: str) -> str:
    """``__Host-`` where the portal is reached over TLS, so that no other host can set it (SES-02)."""
    return f"__Host-{name}" if settings.is_https else f"portal-{name}"


def set_cookie(response: Response, name: str, value: str, lifetime: timedelta) -> None:
    """Set one of our cookies: HttpOnly, Lax, whole site, Secure over TLS."""
    settings = services().settings
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=min(int(lifetime.total_seconds()), 400 * 86_400),
        secure=settings.is_https,
        httponly=True,
        samesite="Lax",
    )


def get_cookie(name: str) -> str:
    """The value of one of our cookies, or an empty text."""
    return request.cookies.get(cookie_name(services().settings, name), "")


def clear_cookie(response: Response, name: str) -> None:
    """Make the browser forget one of our cookies."""
    settings = services().settings
    response.delete_cookie(cookie_name(settings, name), secure=settings.is_https, httponly=True, samesite="Lax")
