"""The portal's own looks: its logo and its colour (BRAND_LOGO, BRAND_COLOR)."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Flask, Response, abort, url_for

from auth_portal.delivery.colors import stylesheet
from auth_portal.settings import Settings
from auth_portal.settings.pictures import picture_of
from auth_portal.web.services import services

blueprint = Blueprint("brand", __name__)

_LOGO_CSP = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_YEAR_S = 365 * 86_400


def init_brand(app: Flask, settings: Settings) -> None:
    """Offer templates the addresses of logo and colours, which change with them; None where the portal has none."""
    app.register_blueprint(blueprint)
    logo = hashlib.sha256(picture_of(settings.brand_logo)[0]).hexdigest()[:10] if settings.brand_logo else None
    color = settings.brand_color.lower().removeprefix("#")
    app.jinja_env.globals |= {
        "brand_name": settings.brand_name,
        "brand_logo_url": (lambda: url_for("brand.logo", v=logo)) if logo else None,
        "brand_theme_url": (lambda: url_for("brand.theme", v=color)) if color else None,
    }


@blueprint.get("/brand/logo")
def logo() -> Response:
    """The logo. It may be an SVG, so nothing in it may run or load."""
    if not services().settings.brand_logo:
        abort(404)
    content, kind = picture_of(services().settings.brand_logo)
    response = Response(content, content_type=kind)
    response.headers["Content-Security-Policy"] = _LOGO_CSP
    # Letters and the pages of apps show it too.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return _kept(response)


@blueprint.get("/brand/theme.css")
def theme() -> Response:
    """The colour on our pages, as far from it as reading needs (WEB-18); our policy allows no style within a page."""
    if not services().settings.brand_color:
        abort(404)
    return _kept(Response(stylesheet(services().settings.brand_color), content_type="text/css; charset=utf-8"))


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    return response
