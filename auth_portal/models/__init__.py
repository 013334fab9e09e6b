"""Everything stored, a file per subject. No rules here: ``signin`` decides, this room only says what a row is."""

from auth_portal.models.authorization import AuthorizationCode, DeviceCode, LogoutNotice, PendingRequest
from auth_portal.models.challenge import Challenge
from auth_portal.models.client import Client, ClientOrigin, Consent, PairwiseSubject, SpentAssertion
from auth_portal.models.event import Event, EventSeal, SealKey
from auth_portal.models.known_device import KnownDevice
from auth_portal.models.limit import SendLimit
from auth_portal.models.session import RefreshToken, Session
from auth_portal.models.signing_key import SigningKey
from auth_portal.models.user import ErasedUser, Identifier, IdentifierChange, Registration, User

__all__ = [
    "AuthorizationCode",
    "Challenge",
    "Client",
    "ClientOrigin",
    "Consent",
    "DeviceCode",
    "ErasedUser",
    "Event",
    "EventSeal",
    "Identifier",
    "IdentifierChange",
    "KnownDevice",
    "LogoutNotice",
    "PairwiseSubject",
    "PendingRequest",
    "RefreshToken",
    "Registration",
    "SealKey",
    "SendLimit",
    "Session",
    "SigningKey",
    "SpentAssertion",
    "User",
]
