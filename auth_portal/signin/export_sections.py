"""What an export has of each table, and why it has no more (PRIV-01).

Each table is named here: with the columns that are given, or with the reason why none is. Each column that is left
out has its reason, too. Tests hold these lists against the schema and against docs/accounts.md. Hashes, secrets and
what opens or names something of ours are never given: an export is read on other machines than ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import InstrumentedAttribute

from auth_portal.models import (
    AuthorizationCode,
    Challenge,
    Consent,
    DeviceCode,
    Event,
    Identifier,
    IdentifierChange,
    KnownDevice,
    LogoutNotice,
    PairwiseSubject,
    PendingRequest,
    RefreshToken,
    Registration,
    Session,
    User,
)
from auth_portal.signin.addresses import Destination
from auth_portal.signin.belongings import challenges_of, registrations_of, requests_of

_Column = InstrumentedAttribute[Any]
Conditions = Callable[[str, Sequence[Destination]], Sequence[ColumnElement[bool]]]
"""Get a user's id and addresses; each of the conditions finds some of the rows."""


@dataclass(frozen=True, slots=True)
class Section:
    """A member of the export: these columns of the person's rows, in the order of one of them."""

    columns: tuple[_Column, ...]
    order: _Column
    which: Conditions

    @property
    def names(self) -> tuple[str, ...]:
        """The columns as the export calls them."""
        return tuple(_camel(column.key) for column in self.columns)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _by(column: _Column, *more: ColumnElement[bool]) -> Conditions:
    """The rows that have the user's id in this column."""
    return lambda user_id, _destinations: [and_(column == user_id, *more)]


def _of_sessions(user_id: str, _destinations: Sequence[Destination]) -> Sequence[ColumnElement[bool]]:
    return [RefreshToken.session_id.in_(select(Session.id).where(Session.user_id == user_id))]


_TIMES_OF_SESSION = (
    Session.created_at,
    Session.authenticated_at,
    Session.last_seen_at,
    Session.expires_at,
    Session.ended_at,
)
SECTIONS: Mapping[str, Section] = {
    "profile": Section(
        (
            *(User.id, User.first_name, User.last_name, User.locale, User.fields),
            *(User.created_at, User.updated_at, User.suspended_at),
        ),
        User.created_at,
        _by(User.id),
    ),
    "terms": Section((User.terms_version, User.terms_accepted_at), User.created_at, _by(User.id)),
    "deletion": Section((User.erase_at,), User.created_at, _by(User.id)),
    "addresses": Section(
        (Identifier.channel, Identifier.value, Identifier.rank, Identifier.verified_at),
        Identifier.verified_at,
        _by(Identifier.user_id),
    ),
    "addressChanges": Section(
        (
            IdentifierChange.channel,
            IdentifierChange.former,
            IdentifierChange.current,
            IdentifierChange.former_verified_at,
            IdentifierChange.changed_at,
            IdentifierChange.undo_until,
            IdentifierChange.undone_at,
        ),
        IdentifierChange.changed_at,
        _by(IdentifierChange.user_id),
    ),
    "registrations": Section(
        (
            *(Registration.channel, Registration.destination, Registration.draft, Registration.created_at),
            *(Registration.proven_at, Registration.expires_at, Registration.completed_at),
        ),
        Registration.created_at,
        lambda _user_id, destinations: [registrations_of(destinations)],
    ),
    "codes": Section(
        (
            Challenge.channel,
            Challenge.destination,
            Challenge.network,
            Challenge.device,
            Challenge.code_length,
            Challenge.attempts,
            Challenge.foreign_attempts,
            Challenge.send_count,
            Challenge.created_at,
            Challenge.sent_at,
            Challenge.expires_at,
            Challenge.guessed_at,
            Challenge.approved_at,
            Challenge.consumed_at,
        ),
        Challenge.created_at,
        challenges_of,
    ),
    "sessions": Section(
        (Session.id, Session.device, Session.network, Session.channel, *_TIMES_OF_SESSION),
        Session.authenticated_at,
        _by(Session.user_id, Session.parent_id.is_(None)),
    ),
    "grants": Section(
        (
            Session.id,
            Session.client_id,
            Session.parent_id,
            Session.scope,
            Session.parameters,
            Session.is_offline,
            Session.device,
            *_TIMES_OF_SESSION,
        ),
        Session.authenticated_at,
        _by(Session.user_id, Session.parent_id.is_not(None)),
    ),
    "refreshTokens": Section(
        (RefreshToken.session_id, RefreshToken.created_at, RefreshToken.used_at),
        RefreshToken.created_at,
        _of_sessions,
    ),
    "knownBrowsers": Section(
        (KnownDevice.created_at, KnownDevice.expires_at), KnownDevice.created_at, _by(KnownDevice.user_id)
    ),
    "consents": Section(
        (Consent.client_id, Consent.scope, Consent.granted_at), Consent.granted_at, _by(Consent.user_id)
    ),
    "pairwiseSubjects": Section(
        (PairwiseSubject.sector, PairwiseSubject.subject), PairwiseSubject.sector, _by(PairwiseSubject.user_id)
    ),
    "authorizationCodes": Section(
        (
            AuthorizationCode.client_id,
            AuthorizationCode.session_id,
            AuthorizationCode.scope,
            AuthorizationCode.authenticated_at,
            AuthorizationCode.expires_at,
            AuthorizationCode.consumed_at,
        ),
        AuthorizationCode.expires_at,
        _by(AuthorizationCode.user_id),
    ),
    "deviceCodes": Section(
        (
            DeviceCode.client_id,
            DeviceCode.scope,
            DeviceCode.parameters,
            DeviceCode.state,
            DeviceCode.authenticated_at,
            DeviceCode.created_at,
            DeviceCode.expires_at,
        ),
        DeviceCode.created_at,
        _by(DeviceCode.user_id),
    ),
    "appRequests": Section(
        (
            PendingRequest.kind,
            PendingRequest.client_id,
            PendingRequest.created_at,
            PendingRequest.chosen_at,
            PendingRequest.consented_at,
            PendingRequest.finished_at,
            PendingRequest.expires_at,
        ),
        PendingRequest.created_at,
        lambda _user_id, destinations: [requests_of(destinations)],
    ),
    "logoutNotices": Section(
        (
            LogoutNotice.client_id,
            LogoutNotice.session_id,
            LogoutNotice.created_at,
            LogoutNotice.due_at,
            LogoutNotice.tries,
        ),
        LogoutNotice.created_at,
        _by(LogoutNotice.user_id),
    ),
    "events": Section(
        (
            Event.happened_at,
            Event.kind,
            Event.outcome,
            Event.actor,
            Event.session_id,
            Event.client_id,
            Event.network,
            Event.device,
            Event.facts,
        ),
        Event.happened_at,
        _by(Event.user_id),
    ),
}
"""What the export has beside ``format``, ``issuer``, ``exportedAt`` and ``apps``."""

_IS_OWNER = "says whose row it is, which profile.id does"
_IS_NAME = "names the row, and is half of what a link or a caller is known by"
_IS_HASH = "the hash of a secret"
_OF_APP = "what the app sent or keeps for itself"
OMITTED: Mapping[str, str] = {
    "identifier.user_id": _IS_OWNER,
    "identifier_change.id": _IS_NAME,
    "identifier_change.user_id": _IS_OWNER,
    "registration.id": _IS_NAME,
    "registration.secret_hash": _IS_HASH,
    "challenge.id": _IS_NAME,
    "challenge.account": _IS_OWNER,
    "challenge.device_id": "names the known browser that asked",
    "challenge.caller": "a hash of the browser that asked, or its network, which `network` says roughly",
    "challenge.key_id": "names the key that the code is derived with",
    "challenge.seed": "what the code is derived from",
    "challenge.attempts_allowed": "how many guesses there are, which docs/security.md says",
    "challenge.loose_attempts": "how many of `attempts` came without the handle",
    "challenge.foreign_allowed": "how many guesses there are, which docs/security.md says",
    "session.user_id": _IS_OWNER,
    "session.secret_hash": _IS_HASH,
    "refresh_token.token_hash": _IS_HASH,
    "known_device.id": _IS_NAME,
    "known_device.user_id": _IS_OWNER,
    "known_device.secret_hash": _IS_HASH,
    "consent.user_id": _IS_OWNER,
    "pairwise_subject.user_id": _IS_OWNER,
    "authorization_code.code_hash": _IS_HASH,
    "authorization_code.user_id": _IS_OWNER,
    "authorization_code.grant_id": "names the grant that it opens, which `grants` has once it is there",
    "authorization_code.redirect_uri": _OF_APP,
    "authorization_code.code_challenge": _OF_APP,
    "authorization_code.parameters": _OF_APP,
    "device_code.device_hash": _IS_HASH,
    "device_code.user_code_hash": _IS_HASH,
    "device_code.user_id": _IS_OWNER,
    "device_code.interval_s": "how often the device may ask",
    "device_code.polled_at": "when the device last asked",
    "pending_request.id": _IS_NAME,
    "pending_request.push_hash": _IS_HASH,
    "pending_request.browser_hash": _IS_HASH,
    "pending_request.parameters": _OF_APP,
    "pending_request.challenge_id": _IS_NAME,
    "pending_request.registration_id": _IS_NAME,
    "logout_notice.user_id": _IS_OWNER,
    "event.id": _IS_NAME,
    "event.user_id": _IS_OWNER,
    "event.digest": "part of the seal",
    "event.seal_id": "part of the seal",
    "event.erased_at": "is set where an event tells of nobody any more",
}
"""The columns of exported tables that are left out."""
WITHOUT: Mapping[str, str] = {
    "client": "apps, not people; the names of those that occur are in `apps`",
    "client_origin": "apps, not people",
    "erased_user": "hashes of people who are gone",
    "event_seal": "counts events, whosever they are",
    "seal_key": "keys of the portal",
    "send_limit": "keyed hashes that count sends; the person's own row has the time of the last code, as `codes` do",
    "signing_key": "keys of the portal",
    "spent_assertion": "hashes of what apps sent",
}
"""The tables of which nothing is given."""
