"""The signed-in person by JSON: reading and changing the profile, and what happened to the account."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from flask_babel import get_locale, gettext

from auth_portal.errors import InvalidInput, parse_all
from auth_portal.marks import _
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.event_log import POSITION_PATTERN, LoggedEvent, Position
from auth_portal.signin.events import Actor
from auth_portal.signin.fields import parse_fields
from auth_portal.signin.registration import parse_name
from auth_portal.signin.sessions import LiveSession
from auth_portal.signin.standing import check_accepted
from auth_portal.signin.users import parse_locale
from auth_portal.web.api import answers, inputs
from auth_portal.web.api.bearer import current_session, me_answer, this_caller
from auth_portal.web.envelope import envelope
from auth_portal.web.operation import Query, operation
from auth_portal.web.services import services

blueprint = Blueprint("api_account", __name__, url_prefix="/api/v1/auth")

_OWN_FACTS = ("channel", "count", "fields", "reason", "scopes", "version")
"""What of an event's facts its person is told. Whatever else is noted one day is not theirs by itself."""
_BEFORE = Query("before", POSITION_PATTERN, _("`next` of the page before this one."))


@blueprint.get("/me")
@operation({200: answers.Me}, proof="access")
def get_me() -> Response:
    """The profile of the signed-in person, with all addresses and numbers."""
    return envelope(200, me_answer(current_session().user))


@blueprint.patch("/me")
@operation({200: answers.Me}, body=inputs.UpdateProfile, proof="access")
def update_me() -> Response:
    """Change names, language or fields of the signed-in person."""
    session = current_session()
    body = inputs.parse_body(inputs.UpdateProfile)
    own_fields = services().settings.own_fields
    parsers: dict[str, tuple[object, Callable[[Any], Any]]] = {
        "first_name": (body.first_name, lambda name: parse_name(name, "firstName")),
        "last_name": (body.last_name, lambda name: parse_name(name, "lastName")),
        "locale": (body.locale, lambda locale: parse_locale(locale, "locale")),
        "fields": (body.fields, lambda values: parse_fields(own_fields, values, is_partial=True)),
    }
    given = {name: partial(parse, value) for name, (value, parse) in parsers.items() if value is not None}
    services().users.update_profile(session.user.id, Actor.of(this_caller()), **parse_all(**given))
    return _current(session)


@blueprint.post("/me/terms")
@operation({200: answers.Me}, body=inputs.AcceptTerms, proof="access")
def accept_terms() -> Response:
    """Note that the signed-in person accepts the terms that are in force."""
    session = current_session()
    body = inputs.parse_body(inputs.AcceptTerms)
    check_accepted(body.accept_terms, "acceptTerms")
    services().users.accept_terms(session.user.id, services().settings.terms_version, Actor.of(this_caller()))
    return _current(session)


def _current(session: LiveSession) -> Response:
    """The person as the database has them by now."""
    return envelope(200, me_answer(services().sessions.get_by_id(session.id).user))


@blueprint.get("/me/activity")
@operation({200: answers.Activity}, proof="access", refusals=(InvalidInput,), query=(_BEFORE,))
def list_activity() -> Response:
    """A page of what happened to the person's account, the newest first; ``next`` is ``before`` of the one behind."""
    session = current_session()
    before = request.args.get("before")
    page = services().events.of_user(session.user.id, Position.parse(before) if before is not None else None)
    older = str(page.older) if page.older is not None else None
    return envelope(200, answers.Activity(events=[_event(event) for event in page.events], next=older))


def _event(event: LoggedEvent) -> answers.AccountEvent:
    facts = event.facts or {}
    return answers.AccountEvent(
        id=event.id,
        happened_at=event.happened_at,
        kind=event.kind,
        outcome=event.outcome,
        actor=event.actor,
        session_id=event.session_id,
        client_id=event.client_id,
        client_name=event.client_name,
        device=device_words(event.device, gettext),
        network=rough_network(event.network),
        place=services().places.words(event.network, str(get_locale())),
        facts={name: facts[name] for name in _OWN_FACTS if name in facts},
    )
