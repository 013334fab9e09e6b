"""The services that the doors use, wired by ``app.py``; kept with the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app
from sqlalchemy import Engine

from auth_portal.background import Background
from auth_portal.delivery.mailbox import Mailbox
from auth_portal.oidc.backchannel import BackChannel
from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.codes import AuthorizationCodes
from auth_portal.oidc.consents import Consents
from auth_portal.oidc.devices import DeviceCodes
from auth_portal.oidc.forward_auth import ForwardAuth
from auth_portal.oidc.logout import LogoutReader
from auth_portal.oidc.pending import PendingRequests
from auth_portal.oidc.requests import RequestReader
from auth_portal.oidc.server import OidcServer
from auth_portal.oidc.subjects import Subjects
from auth_portal.settings import Settings
from auth_portal.signin.changes import UndoService
from auth_portal.signin.event_log import EventService
from auth_portal.signin.export import ExportService
from auth_portal.signin.identifiers import IdentifierService
from auth_portal.signin.keys import SigningKeys
from auth_portal.signin.leaving import LeavingService
from auth_portal.signin.limits import SendLimits
from auth_portal.signin.links import LinkService
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


@dataclass(frozen=True, slots=True)
class Services:
    """One of each, and three threads: for letters nobody waits for; for counting, sealing, pruning; for news to apps.

    ``mailbox`` is there only where a development portal catches its mail or its text messages.
    """

    settings: Settings
    engine: Engine
    keys: SigningKeys
    tokens: TokenIssuer
    sessions: SessionService
    open_sessions: OpenSessions
    places: Places
    registrations: RegistrationService
    users: UserService
    events: EventService
    seals: EventSeals
    limits: SendLimits
    site_ledger: SiteLedger
    proofs: ProofOfWork
    otp: OtpService
    links: LinkService
    identifiers: IdentifierService
    undos: UndoService
    exports: ExportService
    leaving: LeavingService
    clients: ClientService
    subjects: Subjects
    requests: RequestReader
    pending: PendingRequests
    consents: Consents
    authorization_codes: AuthorizationCodes
    device_codes: DeviceCodes
    protocol: OidcServer
    logouts: LogoutReader
    forward_auth: ForwardAuth
    backchannel: BackChannel
    background: Background
    upkeep: Background
    outbox: Background
    mailbox: Mailbox | None


def services() -> Services:
    """The services of the running application."""
    return cast(Services, current_app.extensions["auth_portal"])
