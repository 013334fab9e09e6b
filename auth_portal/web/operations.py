"""What machines ask the portal: is it up, is it ready, which keys sign, whom to tell of a hole."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, jsonify

from auth_portal import schema
from auth_portal.db import UNAVAILABLE, utcnow
from auth_portal.settings import LOCALES
from auth_portal.signin.keys import JWKS_MAX_AGE
from auth_portal.web.security import readable_everywhere
from auth_portal.web.services import services

blueprint = Blueprint("operations", __name__)

_SECURITY_TXT_LIFETIME = timedelta(days=180)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. Asks nothing else of anybody."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers and has the schema of this release."""
    try:
        with services().engine.connect() as connection:
            is_current = schema.is_current(connection)
    except UNAVAILABLE:
        return jsonify(status="database unavailable"), 503
    return (jsonify(status="ok"), 200) if is_current else (jsonify(status="database not migrated"), 503)


@blueprint.get("/.well-known/jwks.json")
@readable_everywhere
def jwks() -> Response:
    """The public keys that verify our tokens (RFC 7517)."""
    response = jsonify(services().tokens.jwks())
    response.headers["Cache-Control"] = f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/.well-known/security.txt")
def security_txt() -> Response:
    """Whom to tell of a security hole (RFC 9116)."""
    settings = services().settings
    contact = f"mailto:{settings.support_email}" if settings.support_email else settings.public_url
    expires = (utcnow() + _SECURITY_TXT_LIFETIME).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: {contact}",
        f"Expires: {expires}",
        f"Preferred-Languages: {', '.join(LOCALES)}",
        f"Canonical: {settings.public_url}/.well-known/security.txt",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
