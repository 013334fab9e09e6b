"""``create_app``: the only place where the portal is wired together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from flask import Flask

from auth_portal.background import Background
from auth_portal.db import configure_engine, db, engine_options
from auth_portal.delivery.deliverer import Channel, LetterDeliverer, MailChannel, SmsChannel
from auth_portal.delivery.gateways import open_gateway
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.mailbox import Mailbox
from auth_portal.delivery.relays import SmtpRelay
from auth_portal.delivery.texts import Texts
from auth_portal.oidc.backchannel import BackChannel
from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.codes import AuthorizationCodes
from auth_portal.oidc.consents import Consents
from auth_portal.oidc.devices import DeviceCodes
from auth_portal.oidc.fetch import Fetcher
from auth_portal.oidc.forward_auth import ForwardAuth
from auth_portal.oidc.grants import GrantServices
from auth_portal.oidc.inspection import Tokens
from auth_portal.oidc.logout import LogoutReader
from auth_portal.oidc.pending import PendingRequests
from auth_portal.oidc.protocol import AssertionAuth
from auth_portal.oidc.requests import RequestReader
from auth_portal.oidc.server import OidcServer
from auth_portal.oidc.subjects import Subjects, known_claims
from auth_portal.oidc.tokens import LONGEST_ACCESS_TOKEN, ClientTokens
from auth_portal.settings import ROOT, Settings, load_settings, parse_gateway, parse_relay, unknown_names
from auth_portal.signin.changes import UndoService
from auth_portal.signin.entry import EntryService
from auth_portal.signin.event_log import EventService
from auth_portal.signin.export import ExportService
from auth_portal.signin.guesses import GuessService
from auth_portal.signin.identifiers import IdentifierService
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.keys import SigningKeys
from auth_portal.signin.leaving import LeavingService
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.links import LinkService
from auth_portal.signin.notices import NoticeService
from auth_portal.signin.open_sessions import OpenSessions
from auth_portal.signin.otp import OtpService
from auth_portal.signin.places import Places
from auth_portal.signin.proof_of_work import ProofOfWork
from auth_portal.signin.registration import RegistrationService
from auth_portal.signin.seals import EventSeals
from auth_portal.signin.sessions import SessionService
from auth_portal.signin.site_ledger import SiteLedger
from auth_portal.signin.tokens import TokenIssuer
from auth_portal.signin.users import UserService
from auth_portal.web import operations
from auth_portal.web.api import account as api_account
from auth_portal.web.api import addresses as api_addresses
from auth_portal.web.api import auth
from auth_portal.web.api import leaving as api_leaving
from auth_portal.web.api import sessions as api_sessions
from auth_portal.web.assets import init_assets
from auth_portal.web.errors import init_errors
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
    links,
    mailbox,
    profile,
    register,
    sessions,
    signin,
    terms,
)
from auth_portal.web.security import csrf, init_security, open_to_other_sites
from auth_portal.web.services import Services

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
    app.extensions["auth_portal"] = _build_services(app, settings)
    init_logging(app)
    init_metrics(app)
    init_security(app, settings)
    init_assets(app)
    init_i18n(app)
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


def _build_services(app: Flask, settings: Settings) -> Services:
    with app.app_context():
        engine = db.engine
    configure_engine(engine)
    keyring = KeyRing(settings.secret_keys)
    longest_token = max(settings.access_token_ttl, settings.registration_ttl, LONGEST_ACCESS_TOKEN)
    keys = SigningKeys(engine, keyring, longest_token, settings.session_ttl)
    sessions = SessionService(engine, settings, keyring)
    registrations = RegistrationService(engine, settings, keyring, sessions)
    limits = SendLimits(settings, keyring)
    proofs = ProofOfWork(keyring)
    background = Background()
    caught = Mailbox(ROOT / "instance" / "mailbox") if settings.has_mailbox else None
    places = Places(settings.geoip_file)
    deliverer = LetterDeliverer(*_channels(settings, caught, places))
    notices = NoticeService(engine, settings, keyring, limits, deliverer, background.later)
    # Apart from letters: while a relay is slow, the ledger is read all the same.
    upkeep = Background()
    site = SiteLedger(engine, settings, upkeep.later)
    entry = EntryService(engine, settings, keyring, sessions, registrations, notices)
    guesses = GuessService(engine, settings, keyring, notices)
    tokens = TokenIssuer(settings, keys)
    users = UserService(engine)
    open_sessions = OpenSessions(engine, settings)
    otp = OtpService(engine, settings, keyring, limits, site, proofs, guesses, entry, deliverer, background.later)
    clients = ClientService(engine)
    subjects = Subjects(engine)
    fetcher = Fetcher(settings)
    codes = AuthorizationCodes(engine, settings)
    devices = DeviceCodes(engine, limits)
    protocol = OidcServer(
        clients=clients,
        assertions=AssertionAuth(engine, settings.public_url, fetcher),
        services=GrantServices(codes, devices, sessions, users, ClientTokens(settings, tokens, subjects)),
        tokens=Tokens(engine, tokens, sessions),
    )
    return Services(
        settings=settings,
        engine=engine,
        keys=keys,
        tokens=tokens,
        sessions=sessions,
        open_sessions=open_sessions,
        places=places,
        registrations=registrations,
        users=users,
        events=EventService(engine),
        seals=EventSeals(engine, keyring, settings.events_kept),
        limits=limits,
        site_ledger=site,
        proofs=proofs,
        otp=otp,
        links=LinkService(engine, keyring, entry),
        identifiers=IdentifierService(engine, settings, keyring, limits, otp, guesses, notices),
        undos=UndoService(engine, keyring, users, open_sessions, notices),
        exports=ExportService(engine, settings),
        leaving=LeavingService(engine, settings, keyring, deliverer, background.later),
        clients=clients,
        subjects=subjects,
        requests=RequestReader(clients, tokens, known_claims(settings.own_fields)),
        pending=PendingRequests(engine, settings),
        consents=Consents(engine),
        authorization_codes=codes,
        device_codes=devices,
        protocol=protocol,
        logouts=LogoutReader(clients, tokens),
        forward_auth=ForwardAuth(settings, keyring, clients, sessions, subjects, codes),
        backchannel=BackChannel(engine, clients, subjects, tokens, fetcher),
        background=background,
        upkeep=upkeep,
        outbox=Background(),
        mailbox=caught,
    )


def _channels(settings: Settings, caught: Mailbox | None, places: Places) -> Iterator[Channel[Any]]:
    """The ways out for letters. What has none of its own in development goes to the mailbox."""
    if settings.mail_url:
        relays = [SmtpRelay(parse_relay(url), settings.public_host) for url in settings.mail_url]
        yield MailChannel(Letters(settings, places), relays)
    elif caught is not None:
        yield MailChannel(Letters(settings, places), [caught])
    if settings.sms_url:
        yield SmsChannel(Texts(settings), [open_gateway(parse_gateway(url)) for url in settings.sms_url])
    elif caught is not None:
        yield SmsChannel(Texts(settings), [caught])


def _register_doors(app: Flask) -> None:
    services: Services = app.extensions["auth_portal"]
    settings = services.settings
    for door in API_DOORS:
        csrf.exempt(door)
    for door in PROTOCOL_DOORS:
        open_to_other_sites(app, door)
    for blueprint in (*API_DOORS, *PROTOCOL_DOORS, *PAGES, authorize.pages, logout.pages, operations.blueprint):
        app.register_blueprint(blueprint)
    if services.mailbox is not None:
        app.register_blueprint(mailbox.blueprint)
    app.jinja_env.globals |= {
        "brand_name": settings.brand_name,
        "terms_url": settings.terms_url or None,
        "privacy_url": settings.privacy_url or None,
        "support_email": settings.support_email or None,
        "is_development": settings.is_development,
        "own_labels": own_labels,
        "mailbox_url": "/dev/mailbox" if services.mailbox is not None else None,
    }
