"""The documents by which clients find everything else (Discovery 4, RFC 8414 3), and their pictures."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort

from auth_portal.delivery.colors import stylesheet
from auth_portal.oidc.metadata import metadata
from auth_portal.web.brand import harmless_picture
from auth_portal.web.security import readable_everywhere
from auth_portal.web.services import services

blueprint = Blueprint("discovery", __name__)

_HOUR_S = 3_600


@blueprint.get("/.well-known/openid-configuration")
@blueprint.get("/.well-known/oauth-authorization-server")
@readable_everywhere
def configuration() -> Response:
    """One document at both addresses (OP-46)."""
    response = Response(json.dumps(metadata(services().settings)), content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={_HOUR_S}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/.well-known/oauth-authorization-server/<path:issuer_path>")
@readable_everywhere
def configuration_of_path(issuer_path: str) -> Response:
    """The same where the issuer has a path, which RFC 8414 puts at the end."""
    if urlsplit(services().settings.public_url).path.strip("/") != issuer_path.strip("/"):
        abort(404)
    return configuration()


@blueprint.get("/oauth/clients/<client_id>/theme.css")
def theme(client_id: str) -> Response:
    """A client's colour on the pages of its sign-ins; our policy allows no style within a page."""
    client = services().clients.find(client_id)
    if client is None or client.color is None:
        abort(404)
    response = Response(stylesheet(client.color), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={_HOUR_S}"
    return response


@blueprint.get("/oauth/clients/<client_id>/logo")
def logo(client_id: str) -> Response:
    """The picture of a client."""
    found = services().clients.logo(client_id)
    if found is None:
        abort(404)
    response = harmless_picture(*found)
    response.headers["Cache-Control"] = f"public, max-age={_HOUR_S}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
