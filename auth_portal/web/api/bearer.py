"""Who calls the JSON API: the network, the session of the access token, and its person as JSON."""

from __future__ import annotations

from typing import Any

from flask import request

from auth_portal.errors import Unauthenticated
from auth_portal.signin.callers import Caller
from auth_portal.signin.fields import missing_fields
from auth_portal.signin.proven import Proven, of_channel
from auth_portal.signin.recency import check_recent
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import has_accepted
from auth_portal.signin.users import Profile
from auth_portal.web.api.answers import Me, User
from auth_portal.web.api.answers import Proven as ProvenAnswer
from auth_portal.web.devices import device_of
from auth_portal.web.services import services


def this_caller() -> Caller:
    """The API caller of this request."""
    return Caller.api(request.remote_addr, device_of(request.headers.get("User-Agent", "")))


def bearer_token() -> str:
    """The token of the ``Authorization`` header; nowhere else is looked (JWT-14). Raises Unauthenticated."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated(token_given=False)
    return token.strip()


def current_session() -> LiveSession:
    """The live session of the request's access token. Raises Unauthenticated."""
    claims = services().tokens.check_access_token(bearer_token())
    return services().sessions.get_by_id(claims.session_id or "")


def recent_session() -> LiveSession:
    """The same, for sensitive actions (SES-15). Raises Unauthenticated or ReauthenticationRequired."""
    session = current_session()
    check_recent(session)
    return session


def user_answer(user: Profile) -> User:
    """A person as their own apps see them. What is missing or not accepted is only told: their tokens stay good."""
    return User(**_members(user))


def me_answer(user: Profile) -> Me:
    """A person with all addresses and numbers that they have proven, the main ones first (OTP-36)."""
    own = services().identifiers.of_user(user.id)
    return Me(**_members(user), emails=_proven(own, "email"), phone_numbers=_proven(own, "sms"))


def _members(user: Profile) -> dict[str, Any]:
    settings = services().settings
    return {
        "id": user.id,
        "email": user.email,
        "phone_number": user.phone,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "locale": user.locale,
        "created_at": user.created_at,
        "fields": {field.name: (user.fields or {}).get(field.name) for field in settings.own_fields},
        "missing_fields": [field.name for field in missing_fields(settings.own_fields, user.fields)],
        "terms_accepted": has_accepted(user, settings),
    }


def _proven(own: list[Proven], channel: str) -> list[ProvenAnswer]:
    return [
        ProvenAnswer(value=one.destination.value, is_main=one.is_main, verified_at=one.verified_at)
        for one in of_channel(own, channel)
    ]
