"""What goes over the wire, as docs/api.md describes it. Times are RFC 3339 in UTC, durations are seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired


class SendEmailCode(TypedDict):
    """Body of ``send-otp-email``."""

    email: str
    clientId: NotRequired[str]
    locale: NotRequired[str]


class VerifyEmailCode(TypedDict):
    """Body of ``login-otp-email``."""

    email: str
    code: str
    challengeId: NotRequired[str]


class SendPhoneCode(TypedDict):
    """Body of ``send-otp``. ``region`` is the country of a national number."""

    phoneNumber: str
    region: NotRequired[str]
    clientId: NotRequired[str]
    locale: NotRequired[str]


class VerifyPhoneCode(TypedDict):
    """Body of ``login-otp``."""

    phoneNumber: str
    region: NotRequired[str]
    code: str
    challengeId: NotRequired[str]


class CompleteRegistration(TypedDict):
    """Body of ``complete-registration``."""

    firstName: str
    lastName: str
    acceptTerms: bool
    locale: NotRequired[str]
    fields: NotRequired[dict[str, Any]]


class RefreshTokens(TypedDict):
    """Body of ``refresh-token``."""

    refreshToken: str


class UpdateProfile(TypedDict):
    """Body of ``PATCH me``; what is not given stays as it is."""

    firstName: NotRequired[str]
    lastName: NotRequired[str]
    locale: NotRequired[str]
    fields: NotRequired[dict[str, Any]]


class AcceptTerms(TypedDict):
    """Body of ``me/terms``."""

    acceptTerms: bool


class AddEmail(TypedDict):
    """Body of ``me/email``."""

    email: str
    locale: NotRequired[str]


class AddPhone(TypedDict):
    """Body of ``me/phone``."""

    phoneNumber: str
    region: NotRequired[str]
    locale: NotRequired[str]


class ProveEmail(TypedDict):
    """Body of ``me/email/verify``."""

    email: str
    code: str
    challengeId: NotRequired[str]
    keepFormer: NotRequired[bool]
    endOtherSessions: NotRequired[bool]


class ProvePhone(TypedDict):
    """Body of ``me/phone/verify``."""

    phoneNumber: str
    region: NotRequired[str]
    code: str
    challengeId: NotRequired[str]
    keepFormer: NotRequired[bool]
    endOtherSessions: NotRequired[bool]


class OwnEmail(TypedDict):
    """Body of ``me/email/main`` and ``me/email/remove``."""

    email: str
    endOtherSessions: NotRequired[bool]


class OwnPhone(TypedDict):
    """Body of ``me/phone/main`` and ``me/phone/remove``: the number as the profile says it."""

    phoneNumber: str
    endOtherSessions: NotRequired[bool]


class EmailCodeSent(TypedDict):
    """A code is on its way to an address. ``code`` is there in development only."""

    email: str
    challengeId: str
    codeLength: int
    expiresAt: str
    resendAt: str
    code: NotRequired[str]


class PhoneCodeSent(TypedDict):
    """A code is on its way to a phone. ``code`` is there in development only."""

    phoneNumber: str
    challengeId: str
    codeLength: int
    expiresAt: str
    resendAt: str
    code: NotRequired[str]


class User(TypedDict):
    """A person."""

    id: str
    email: str | None
    phoneNumber: str | None
    firstName: str
    lastName: str
    locale: str
    createdAt: str
    fields: dict[str, Any]
    missingFields: list[str]
    termsAccepted: bool


class LoggedIn(TypedDict):
    """Somebody is signed in."""

    accessToken: str
    tokenType: Literal["Bearer"]
    expiresIn: int
    refreshToken: str
    refreshExpiresIn: int
    registrationRequired: Literal[False]
    user: User


class RegistrationRequired(TypedDict):
    """The code was right, and its person is new."""

    registrationRequired: Literal[True]
    registrationToken: str
    expiresIn: int
    accessToken: None
    refreshToken: None
    user: None


class Proven(TypedDict):
    """An address or number that its person has proven."""

    value: str
    isMain: bool
    verifiedAt: str


class Me(User):
    """The signed-in person, with everything that they have proven."""

    emails: list[Proven]
    phoneNumbers: list[Proven]


class AccountEvent(TypedDict):
    """Something that happened to the account."""

    id: str
    happenedAt: str
    kind: str
    outcome: str
    actor: str
    sessionId: str | None
    clientId: str | None
    clientName: str | None
    device: str | None
    network: str | None
    place: str | None
    facts: dict[str, Any]


class Activity(TypedDict):
    """A page of events, the newest first; ``next`` is ``before`` of the page behind it."""

    events: list[AccountEvent]
    next: str | None


class OpenSession(TypedDict):
    """Something that the person is signed in with."""

    id: str
    device: str | None
    network: str | None
    place: str | None
    createdAt: str
    lastSeenAt: str
    expiresAt: str
    isCurrent: bool


class SessionList(TypedDict):
    """All of them, the last used first."""

    sessions: list[OpenSession]


class Ended(TypedDict):
    """How many sessions were ended."""

    ended: int


class EraseAt(TypedDict):
    """When the account will be erased."""

    eraseAt: str


class Export(TypedDict):
    """Everything that is kept about the person; docs/accounts.md lists the members."""

    format: int
    issuer: str
    exportedAt: str


class Nothing(TypedDict):
    """An answer that says nothing but that it is done."""


ErrorCode = Literal[
    "account_suspended",
    "addresses_full",
    "already_registered",
    "bad_request",
    "client_unknown",
    "code_invalid",
    "content_too_large",
    "deletion_pending",
    "delivery_failed",
    "insufficient_scope",
    "internal_error",
    "last_address",
    "method_not_allowed",
    "not_found",
    "reauthentication_required",
    "resend_too_soon",
    "service_unavailable",
    "too_many_requests",
    "unauthorized",
    "unsupported_media_type",
    "validation_failed",
]
"""Why a call was refused: the header ``X-Error-Code``."""
