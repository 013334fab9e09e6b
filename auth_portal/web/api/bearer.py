"""Who calls the JSON API: the network, the session of the access token, and its person as JSON."""

from __future__ import annotations

from flask import request

from auth_portal.errors import Unauthenticated
from auth_portal.signin.callers import Caller
from auth_portal.signin.fields import missing_fields
from auth_portal.signin.proven import Proven, of_channel
from auth_portal.signin.recency import check_recent
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import has_accepted
from auth_portal.signin.users import Profile
from auth_portal.web.devices import device_of
from auth_portal.web.envelope import JsonObject, wire_time
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


def user_json(user: Profile) -> JsonObject:
    """A person as their own apps see them. What is missing or not accepted is only told: their tokens stay good."""
    settings = services().settings
    return {
        "id": user.id,
        "email": user.email,
        "phoneNumber": user.phone,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "locale": user.locale,
        "createdAt": wire_time(user.created_at),
        "fields": {field.name: (user.fields or {}).get(field.name) for field in settings.own_fields},
        "missingFields": [field.name for field in missing_fields(settings.own_fields, user.fields)],
        "termsAccepted": has_accepted(user, settings),
    }


def me_json(user: Profile) -> JsonObject:
    """A person with all addresses and numbers that they have proven, the main ones first (OTP-36)."""
    own = services().identifiers.of_user(user.id)
    lists: JsonObject = {"emails": _proven_json(own, "email"), "phoneNumbers": _proven_json(own, "sms")}
    return user_json(user) | lists


def _proven_json(own: list[Proven], channel: str) -> list[JsonObject]:
    return [
        {"value": one.destination.value, "isMain": one.is_main, "verifiedAt": wire_time(one.verified_at)}
        for one in of_channel(own, channel)
    ]
