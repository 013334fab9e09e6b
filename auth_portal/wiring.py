"""Builds the services: each once, from what it needs. ``app`` puts them behind doors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from auth_portal.background import Background
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
from auth_portal.settings import ROOT, Settings, parse_gateway, parse_relay
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
from auth_portal.web.services import Services


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on. ``upkeep`` is apart from letters: a slow relay does not hold it up."""

    engine: Engine
    settings: Settings
    keyring: KeyRing
    limits: SendLimits
    places: Places
    mailbox: Mailbox | None
    deliverer: LetterDeliverer
    background: Background
    upkeep: Background


def build_services(engine: Engine, settings: Settings) -> Services:
    """One of each."""
    keyring = KeyRing(settings.secret_keys)
    places = Places(settings.geoip_file)
    caught = Mailbox(ROOT / "instance" / "mailbox") if settings.has_mailbox else None
    ground = _Ground(
        engine=engine,
        settings=settings,
        keyring=keyring,
        limits=SendLimits(settings, keyring),
        places=places,
        mailbox=caught,
        deliverer=LetterDeliverer(*_channels(settings, caught, places)),
        background=Background(),
        upkeep=Background(),
    )
    people = _people(ground)
    return Services(
        settings=settings,
        engine=engine,
        limits=ground.limits,
        places=places,
        mailbox=caught,
        background=ground.background,
        upkeep=ground.upkeep,
        outbox=Background(),
        **people,
        **_apps(ground, people["sessions"], people["users"], people["tokens"]),
    )


def _people(ground: _Ground) -> dict[str, Any]:
    """What signs people in, and what they do with their accounts."""
    engine, settings, keyring, limits = ground.engine, ground.settings, ground.keyring, ground.limits
    deliverer, later = ground.deliverer, ground.background.later
    longest_token = max(settings.access_token_ttl, settings.registration_ttl, LONGEST_ACCESS_TOKEN)
    keys = SigningKeys(engine, keyring, longest_token, settings.session_ttl)
    sessions = SessionService(engine, settings, keyring)
    notices = NoticeService(engine, settings, keyring, limits, deliverer, later)
    registrations = RegistrationService(engine, settings, keyring, sessions, notices)
    entry = EntryService(engine, settings, keyring, sessions, registrations, notices)
    guesses = GuessService(engine, settings, keyring, notices)
    site, proofs = SiteLedger(engine, settings, ground.upkeep.later), ProofOfWork(keyring)
    otp = OtpService(engine, settings, keyring, limits, site, proofs, guesses, entry, deliverer, later)
    users, open_sessions = UserService(engine), OpenSessions(engine, settings)
    return {
        "keys": keys,
        "tokens": TokenIssuer(settings, keys),
        "sessions": sessions,
        "open_sessions": open_sessions,
        "registrations": registrations,
        "users": users,
        "events": EventService(engine),
        "seals": EventSeals(engine, keyring, settings.events_kept),
        "site_ledger": site,
        "proofs": proofs,
        "otp": otp,
        "links": LinkService(engine, keyring, entry),
        "identifiers": IdentifierService(engine, settings, keyring, limits, otp, guesses, notices),
        "undos": UndoService(engine, keyring, users, open_sessions, notices),
        "exports": ExportService(engine, settings),
        "leaving": LeavingService(engine, settings, keyring, limits, deliverer, later),
    }


def _apps(ground: _Ground, sessions: SessionService, users: UserService, tokens: TokenIssuer) -> dict[str, Any]:
    """What signs people in for other apps."""
    engine, settings = ground.engine, ground.settings
    clients, subjects, fetcher = ClientService(engine), Subjects(engine), Fetcher(settings)
    codes, devices = AuthorizationCodes(engine, settings), DeviceCodes(engine, ground.limits)
    return {
        "clients": clients,
        "subjects": subjects,
        "requests": RequestReader(clients, tokens, known_claims(settings.own_fields)),
        "pending": PendingRequests(engine, settings),
        "consents": Consents(engine),
        "authorization_codes": codes,
        "device_codes": devices,
        "protocol": OidcServer(
            clients=clients,
            assertions=AssertionAuth(engine, settings.public_url, fetcher),
            services=GrantServices(codes, devices, sessions, users, ClientTokens(settings, tokens, subjects)),
            tokens=Tokens(engine, tokens, sessions),
        ),
        "logouts": LogoutReader(clients, tokens),
        "forward_auth": ForwardAuth(settings, ground.keyring, clients, sessions, subjects, codes),
        "backchannel": BackChannel(engine, clients, subjects, tokens, fetcher),
    }


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
