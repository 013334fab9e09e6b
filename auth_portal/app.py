"""``create_app``: the services, behind their doors."""

from __future__ import annotations

import structlog
from flask import Flask

from auth_portal.db import configure_engine, db, engine_options
from auth_portal.settings import ROOT, Settings, load_settings, unknown_names
from auth_portal.signin.keyring import KeyRing
from auth_portal.web import operations
from auth_portal.web.api import account as api_account
from auth_portal.web.api import addresses as api_addresses
from auth_portal.web.api import auth
from auth_portal.web.api import leaving as api_leaving
from auth_portal.web.api import sessions as api_sessions
from auth_portal.web.assets import init_assets
from auth_portal.web.brand import init_brand
from auth_portal.web.i18n import init_i18n
from auth_portal.web.logging import configure_logging, init_logging
from auth_portal.web.metrics import init_metrics
from auth_portal.web.oauth import authorize, device, discovery, endpoints, forward_auth, logout
from auth_portal.web.own_fields import own_labels
from auth_portal.web.pages import (
    account,
    activity,
    addresses,
    confirm,
    leaving,
    letters,
    links,
    mailbox,
    profile,
    register,
    sessions,
    signin,
    terms,
)
from auth_portal.web.reference import views as reference_views
from auth_portal.web.reference.reference import init_reference
from auth_portal.web.refusing import init_errors
from auth_portal.web.security import csrf, init_security, open_to_other_sites
from auth_portal.web.services import Services
from auth_portal.wiring import build_services

PROTOCOL_DOORS = (
    authorize.blueprint,
    endpoints.blueprint,
    logout.blueprint,
    discovery.blueprint,
    forward_auth.blueprint,
)
"""What clients, other sites and proxies may post to: no form of ours, so no CSRF token."""


API_DOORS = tuple(door.blueprint for door in (auth, api_account, api_sessions, api_addresses, api_leaving))
"""The JSON API: proves itself by a token, so its calls carry no CSRF token."""
PAGES = tuple(
    page.blueprint
    for page in (
        signin,
        register,
        links,
        account,
        profile,
        confirm,
        sessions,
        addresses,
        activity,
        leaving,
        terms,
        device,
    )
)


def create_app(settings: Settings | None = None) -> Flask:
    """The portal as a WSGI application. Raises SettingsError where it may not run."""
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    if unknown := unknown_names():
        structlog.get_logger("settings").warning("unknown_settings", names=unknown)
    app = Flask("auth_portal", static_folder=ROOT / "static", template_folder=ROOT / "templates")
    # A path written in two ways must not be two paths to whatever stands in front of us.
    app.url_map.merge_slashes = False
    _configure(app, settings)
    db.init_app(app)
    with app.app_context():
        configure_engine(db.engine)
        app.extensions["auth_portal"] = build_services(db.engine, settings)
    init_logging(app)
    init_metrics(app)
    init_security(app, settings)
    init_i18n(app)
    # After it, so that its headers are there before: what is done to answers runs from the last to the first.
    init_assets(app)
    init_errors(app)
    _register_doors(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    keyring = KeyRing(settings.secret_keys)
    current, *former = (key.hex() for key in keyring.keys("forms"))
    url, options = engine_options(settings.database_url, settings.worker_threads)
    app.config.update(
        SECRET_KEY=current,
        SECRET_KEY_FALLBACKS=former,
        SQLALCHEMY_DATABASE_URI=url,
        # Parameters are addresses and hashes: they must not reach a log through an exception's text.
        SQLALCHEMY_ENGINE_OPTIONS={**options, "hide_parameters": True},
        BABEL_DEFAULT_LOCALE=settings.default_locale,
    )


def _register_doors(app: Flask) -> None:
    services: Services = app.extensions["auth_portal"]
    settings = services.settings
    for door in API_DOORS:
        csrf.exempt(door)
    for door in PROTOCOL_DOORS:
        open_to_other_sites(app, door)
    others = (authorize.pages, logout.pages, operations.blueprint, reference_views.blueprint)
    for blueprint in (*API_DOORS, *PROTOCOL_DOORS, *PAGES, *others):
        app.register_blueprint(blueprint)
    init_brand(app, settings)
    init_reference(app, settings)
    if services.mailbox is not None:
        app.register_blueprint(mailbox.blueprint)
    if settings.is_development:
        app.register_blueprint(letters.blueprint)
    app.jinja_env.globals |= {
        "terms_url": settings.terms_url or None,
        "privacy_url": settings.privacy_url or None,
        "support_email": settings.support_email or None,
        "is_development": settings.is_development,
        "own_labels": own_labels,
        "mailbox_url": "/dev/mailbox" if services.mailbox is not None else None,
    }
