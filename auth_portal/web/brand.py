"""The portal's own looks: its logo and its colour (BRAND_LOGO, BRAND_COLOR)."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, url_for

from auth_portal.delivery.colors import stylesheet
from auth_portal.settings import Settings
from auth_portal.settings.pictures import picture_of
from auth_portal.web.assets import keep, version_of
from auth_portal.web.services import services

blueprint = Blueprint("brand", __name__)


def init_brand(app: Flask, settings: Settings) -> None:
    """Offer templates the addresses of logo and colours, which change with them; None where the portal has none."""
    app.register_blueprint(blueprint)
    logo = version_of(picture_of(settings.brand_logo)[0]) if settings.brand_logo else None
    theme = version_of(stylesheet(settings.brand_color).encode()) if settings.brand_color else None
    app.jinja_env.globals |= {
        "brand_name": settings.brand_name,
        "brand_logo_url": (lambda: url_for("brand.logo", v=logo)) if logo else None,
        "brand_theme_url": (lambda: url_for("brand.theme", v=theme)) if theme else None,
    }


@blueprint.get("/brand/logo")
def logo() -> Response:
    """The logo."""
    if not services().settings.brand_logo:
        abort(404)
    content, kind = picture_of(services().settings.brand_logo)
    response = harmless_picture(content, kind)
    keep(response, version_of(content))
    return response


@blueprint.get("/brand/theme.css")
def theme() -> Response:
    """The colour on our pages, as far from it as reading needs (WEB-18); our policy allows no style within a page."""
    if not services().settings.brand_color:
        abort(404)
    content = stylesheet(services().settings.brand_color).encode()
    response = Response(content, content_type="text/css; charset=utf-8")
    keep(response, version_of(content))
    return response


def harmless_picture(content: bytes, kind: str) -> Response:
    """A logo. It may be an SVG, so nothing in it may run or load (WEB-02)."""
    response = Response(content, content_type=kind)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response
