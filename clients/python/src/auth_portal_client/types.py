"""What goes over the wire. Made by `make types` of the portal's OpenAPI document: do not edit.

Times are RFC 3339 in UTC, durations are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired


class AcceptTerms(TypedDict):
    acceptTerms: Literal[True]
    """The person accepts the terms in force; nothing but true goes on."""


class AccountEvent(TypedDict):
    id: str
    """Opaque, never used again."""
    happenedAt: str
    """When."""
    kind: str
    """What; see the audit log for all kinds."""
    outcome: str
    """`done`, or `refused` where it was tried only."""
    actor: Literal["person", "operator", "portal"]
    """Who did it."""
    sessionId: str | None
    """The session it happened in, or to."""
    clientId: str | None
    """The app it was for."""
    clientName: str | None
    """The name of that app."""
    device: str | None
    """Browser and system in words; null where nothing is known."""
    network: str | None
    """From where, roughly; null where nothing is known."""
    place: str | None
    """The place of that network, where the portal knows places; else null."""
    facts: dict[str, Any]
    """What more there is to say, by the kind."""


class Activity(TypedDict):
    events: list[AccountEvent]
    """The newest first, 50 at most."""
    next: str | None
    """`before` of the page behind this one; null on the last."""


class AddEmail(TypedDict):
    email: str
    """The address."""
    locale: NotRequired[str | None]
    """The language of the letter or text; without it, that of the answer."""


class AddPhone(TypedDict):
    phoneNumber: str
    """The number in E.164, or as people write it in its country."""
    region: NotRequired[str | None]
    """The country (ISO 3166) of a number without a country code; without it, the portal's own."""
    locale: NotRequired[str | None]
    """The language of the letter or text; without it, that of the answer."""


class CompleteRegistration(TypedDict):
    firstName: str
    """The first name, as the person writes it."""
    lastName: str
    """The last name, as the person writes it."""
    acceptTerms: Literal[True]
    """The person accepts the terms; nothing but true goes on."""
    locale: NotRequired[str | None]
    """The language of the person's letters; without it, that of the answer."""
    fields: NotRequired[FieldsGiven | None]
    """The portal's own registration fields, by their names."""


class EmailCodeSent(TypedDict):
    email: str
    """The address, in the form that is stored and mailed to."""
    challengeId: str
    """Send it back with the code: then the code works from whatever network the caller is on by then."""
    codeLength: int
    """For how many digits to show a field; not always the same."""
    expiresAt: str
    """When the code stops working."""
    resendAt: str
    """When the same caller may ask again."""
    code: NotRequired[str]
    """The code itself: in the development environment, and there only."""


class Ended(TypedDict):
    ended: int
    """How many sessions were ended."""


class EraseAt(TypedDict):
    eraseAt: str
    """When everything will be erased; until then it can be taken back."""


class Export(TypedDict):
    format: int
    """The number of this format; new members may come without a new number."""
    issuer: str
    """The portal's address."""
    exportedAt: str
    """When it was made."""
    profile: ExportedProfile
    terms: ExportedTerms
    deletion: ExportedDeletion
    addresses: list[ExportedAddresses]
    addressChanges: list[ExportedAddressChanges]
    registrations: list[ExportedRegistrations]
    codes: list[ExportedCodes]
    sessions: list[ExportedSessions]
    grants: list[ExportedGrants]
    refreshTokens: list[ExportedRefreshTokens]
    knownBrowsers: list[ExportedKnownBrowsers]
    consents: list[ExportedConsents]
    pairwiseSubjects: list[ExportedPairwiseSubjects]
    authorizationCodes: list[ExportedAuthorizationCodes]
    deviceCodes: list[ExportedDeviceCodes]
    appRequests: list[ExportedAppRequests]
    logoutNotices: list[ExportedLogoutNotices]
    events: list[ExportedEvents]
    apps: dict[str, str]
    """The names of all apps that occur, by their `clientId`."""


class ExportedAddressChanges(TypedDict):
    channel: str
    former: str
    current: str | None
    formerVerifiedAt: str
    changedAt: str
    undoUntil: str
    undoneAt: str | None


class ExportedAddresses(TypedDict):
    channel: str
    value: str
    rank: int
    verifiedAt: str


class ExportedAppRequests(TypedDict):
    kind: str
    clientId: str | None
    createdAt: str
    chosenAt: str | None
    consentedAt: str | None
    finishedAt: str | None
    expiresAt: str


class ExportedAuthorizationCodes(TypedDict):
    clientId: str
    sessionId: str
    scope: str
    authenticatedAt: str
    expiresAt: str
    consumedAt: str | None


class ExportedCodes(TypedDict):
    channel: str
    destination: str
    network: str
    device: str
    codeLength: int
    attempts: int
    foreignAttempts: int
    sendCount: int
    createdAt: str
    sentAt: str
    expiresAt: str
    guessedAt: str | None
    approvedAt: str | None
    consumedAt: str | None


class ExportedConsents(TypedDict):
    clientId: str
    scope: str
    grantedAt: str


class ExportedDeletion(TypedDict):
    eraseAt: str | None


class ExportedDeviceCodes(TypedDict):
    clientId: str
    scope: str
    parameters: Any
    state: str
    authenticatedAt: str | None
    createdAt: str
    expiresAt: str


class ExportedEvents(TypedDict):
    happenedAt: str
    kind: str
    outcome: str
    actor: str
    sessionId: str | None
    clientId: str | None
    network: str
    device: str
    facts: Any


class ExportedGrants(TypedDict):
    id: str
    clientId: str
    parentId: str | None
    scope: str | None
    parameters: Any
    isOffline: bool
    device: str
    createdAt: str | None
    authenticatedAt: str
    lastSeenAt: str
    expiresAt: str
    endedAt: str | None


class ExportedKnownBrowsers(TypedDict):
    createdAt: str
    expiresAt: str


class ExportedLogoutNotices(TypedDict):
    clientId: str
    sessionId: str
    createdAt: str
    dueAt: str
    tries: int


class ExportedPairwiseSubjects(TypedDict):
    sector: str
    subject: str


class ExportedProfile(TypedDict):
    id: str
    firstName: str
    lastName: str
    locale: str
    fields: Any
    createdAt: str
    updatedAt: str | None
    suspendedAt: str | None


class ExportedRefreshTokens(TypedDict):
    sessionId: str
    createdAt: str
    usedAt: str | None


class ExportedRegistrations(TypedDict):
    channel: str
    destination: str
    draft: Any
    createdAt: str
    provenAt: str | None
    expiresAt: str
    completedAt: str | None


class ExportedSessions(TypedDict):
    id: str
    device: str
    network: str
    channel: str
    createdAt: str | None
    authenticatedAt: str
    lastSeenAt: str
    expiresAt: str
    endedAt: str | None


class ExportedTerms(TypedDict):
    termsVersion: str
    termsAcceptedAt: str


class LoggedIn(TypedDict):
    accessToken: str
    """A JWT (RFC 9068) for `Authorization: Bearer`; anyone can verify it with the portal's keys."""
    tokenType: Literal["Bearer"]
    """How to send the access token."""
    expiresIn: int
    """Seconds that the access token lives."""
    refreshToken: str
    """Brings the next tokens, once. Keep it secret."""
    refreshExpiresIn: int
    """Seconds until the session ends for good; it ends sooner when nothing uses it."""
    registrationRequired: Literal[False]
    """False: the person is signed in."""
    user: User
    """Who signed in."""


class Me(TypedDict):
    id: str
    """The subject (`sub`): opaque, stable, never reused. Know people by it, not by their address."""
    email: str | None
    """The main address; null for somebody who registered by phone."""
    phoneNumber: str | None
    """The main number in E.164; null without one."""
    firstName: str
    """The first name."""
    lastName: str
    """The last name."""
    locale: str
    """The language of the person's letters."""
    createdAt: str
    """When the person registered."""
    fields: Fields
    """The portal's own registration fields; null where one is not filled in."""
    missingFields: list[str]
    """Own fields that are required and not filled in by now. This only tells: the tokens stay good."""
    termsAccepted: bool
    """False while newer terms wait for an answer. This, too, only tells."""
    emails: list[Proven]
    """All addresses, the main one first; two at most."""
    phoneNumbers: list[Proven]
    """All numbers, the main one first; two at most."""


Nothing = dict[str, Any]


class OpenSession(TypedDict):
    id: str
    """Opaque, never used again."""
    device: str | None
    """Browser and system in words; null where nothing is known."""
    network: str | None
    """Where it was last used, roughly; null where nothing is known."""
    place: str | None
    """The place of that network, where the portal knows places; else null."""
    createdAt: str
    """When the person signed in there."""
    lastSeenAt: str
    """When it was last used."""
    expiresAt: str
    """The latest end."""
    isCurrent: bool
    """Whether it is the session of this call."""


class OwnEmail(TypedDict):
    email: str
    """The address."""
    endOtherSessions: NotRequired[bool]
    """Also sign out everywhere else."""


class OwnPhone(TypedDict):
    phoneNumber: str
    """The number in E.164, or as people write it in its country."""
    region: NotRequired[str | None]
    """The country (ISO 3166) of a number without a country code; without it, the portal's own."""
    endOtherSessions: NotRequired[bool]
    """Also sign out everywhere else."""


class PhoneCodeSent(TypedDict):
    phoneNumber: str
    """The number in E.164."""
    challengeId: str
    """Send it back with the code: then the code works from whatever network the caller is on by then."""
    codeLength: int
    """For how many digits to show a field; not always the same."""
    expiresAt: str
    """When the code stops working."""
    resendAt: str
    """When the same caller may ask again."""
    code: NotRequired[str]
    """The code itself: in the development environment, and there only."""


class ProveEmail(TypedDict):
    email: str
    """The address."""
    endOtherSessions: NotRequired[bool]
    """Also sign out everywhere else."""
    code: str
    """The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are
    understood."""
    challengeId: NotRequired[str | None]
    """What the call that sent the code answered. Without it the code is looked for by the caller's
    network."""
    keepFormer: NotRequired[bool]
    """Add it beside the main one, instead of in its place."""


class ProvePhone(TypedDict):
    phoneNumber: str
    """The number in E.164, or as people write it in its country."""
    region: NotRequired[str | None]
    """The country (ISO 3166) of a number without a country code; without it, the portal's own."""
    endOtherSessions: NotRequired[bool]
    """Also sign out everywhere else."""
    code: str
    """The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are
    understood."""
    challengeId: NotRequired[str | None]
    """What the call that sent the code answered. Without it the code is looked for by the caller's
    network."""
    keepFormer: NotRequired[bool]
    """Add it beside the main one, instead of in its place."""


class Proven(TypedDict):
    value: str
    """The address or number."""
    isMain: bool
    """Whether it is the main one of its kind."""
    verifiedAt: str
    """When a code proved it."""


class RefreshTokens(TypedDict):
    refreshToken: str
    """The newest one that the portal gave."""


class RegistrationRequired(TypedDict):
    registrationRequired: Literal[True]
    """True: go on with complete-registration."""
    registrationToken: str
    """A JWT that opens complete-registration, once, and nothing else."""
    expiresIn: int
    """Seconds that the registration may take."""
    accessToken: None
    """Null: nobody is signed in yet."""
    refreshToken: None
    """Null: nobody is signed in yet."""
    user: None
    """Null: nobody is signed in yet."""


class SendEmailCode(TypedDict):
    email: str
    """The address."""
    clientId: NotRequired[str | None]
    """A registered app, in whose name the letter then speaks."""
    locale: NotRequired[str | None]
    """The language of the letter or text; without it, that of the answer."""


class SendPhoneCode(TypedDict):
    phoneNumber: str
    """The number in E.164, or as people write it in its country."""
    region: NotRequired[str | None]
    """The country (ISO 3166) of a number without a country code; without it, the portal's own."""
    clientId: NotRequired[str | None]
    """A registered app, in whose name the letter then speaks."""
    locale: NotRequired[str | None]
    """The language of the letter or text; without it, that of the answer."""


class SessionList(TypedDict):
    sessions: list[OpenSession]
    """The last used first."""


class UpdateProfile(TypedDict):
    firstName: NotRequired[str | None]
    """The first name."""
    lastName: NotRequired[str | None]
    """The last name."""
    locale: NotRequired[Literal["tr", "en", "de", "fr", "es", "ar"] | None]
    """The language of the person's letters."""
    fields: NotRequired[FieldsChanged | None]
    """The portal's own registration fields, by their names; null empties one."""


class User(TypedDict):
    id: str
    """The subject (`sub`): opaque, stable, never reused. Know people by it, not by their address."""
    email: str | None
    """The main address; null for somebody who registered by phone."""
    phoneNumber: str | None
    """The main number in E.164; null without one."""
    firstName: str
    """The first name."""
    lastName: str
    """The last name."""
    locale: str
    """The language of the person's letters."""
    createdAt: str
    """When the person registered."""
    fields: Fields
    """The portal's own registration fields; null where one is not filled in."""
    missingFields: list[str]
    """Own fields that are required and not filled in by now. This only tells: the tokens stay good."""
    termsAccepted: bool
    """False while newer terms wait for an answer. This, too, only tells."""


class VerifyEmailCode(TypedDict):
    email: str
    """The address."""
    code: str
    """The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are
    understood."""
    challengeId: NotRequired[str | None]
    """What the call that sent the code answered. Without it the code is looked for by the caller's
    network."""


class VerifyPhoneCode(TypedDict):
    phoneNumber: str
    """The number in E.164, or as people write it in its country."""
    region: NotRequired[str | None]
    """The country (ISO 3166) of a number without a country code; without it, the portal's own."""
    code: str
    """The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are
    understood."""
    challengeId: NotRequired[str | None]
    """What the call that sent the code answered. Without it the code is looked for by the caller's
    network."""


Fields = dict[str, Any]


FieldsGiven = dict[str, Any]


FieldsChanged = dict[str, Any]


class Failure(TypedDict):
    """The envelope of a refusal."""

    isSuccess: Literal[False]
    statusCode: int
    """Equals the HTTP status."""
    data: None
    errors: list[str]
    """The first says what it is, further ones what is wrong with which field."""
    timestamp: str


Problem = TypedDict(
    "Problem",
    {
        "type": "str",
        "title": "str",
        "status": "int",
        "detail": "str",
        "instance": "str",
        "code": "str",
        "errors": "NotRequired[list[dict[str, Any]]]",
        "violated-policies": "NotRequired[list[str]]",
    },
)


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
"""The values of the header X-Error-Code."""
