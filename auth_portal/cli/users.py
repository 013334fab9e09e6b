"""``auth-portal user``: people."""

from __future__ import annotations

from typing import Any

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.errors import InvalidInput, NotFound
from auth_portal.signin.addresses import parse_email
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.events import OPERATOR
from auth_portal.signin.open_sessions import OpenSession
from auth_portal.signin.places import Places
from auth_portal.signin.users import Profile


@click.group()
def user() -> None:
    """Look people up, suspend and restore them. WHO is a user id or an address."""


@user.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_users(limit: int, as_json: bool) -> None:
    """The newest users."""
    show([_row(found) for found in load_services().users.newest(limit)], as_json=as_json)


@user.command("show")
@click.argument("who")
@json_option
def show_user(who: str, as_json: bool) -> None:
    """One user."""
    show([_row(_get(who))], as_json=as_json)


@user.command()
@click.argument("who")
def suspend(who: str) -> None:
    """End a user's sessions and refuse new ones."""
    load_services().users.suspend(_get(who).id)


@user.command()
@click.argument("who")
def restore(who: str) -> None:
    """Let a suspended user sign in again."""
    load_services().users.restore(_get(who).id)


@user.command()
@click.argument("who")
@json_option
def sessions(who: str, as_json: bool) -> None:
    """What a user is signed in with, the last used first."""
    services = load_services()
    found = services.open_sessions.of_user(_get(who).id)
    show([_session_row(one, services.places) for one in found], as_json=as_json)


@user.command("sign-out")
@click.argument("who")
@click.argument("session", required=False)
def sign_out(who: str, session: str | None) -> None:
    """End all that a user is signed in with, or one SESSION, with the apps' access that came of it."""
    open_sessions, user_id = load_services().open_sessions, _get(who).id
    if session is None:
        open_sessions.end_all(user_id, OPERATOR)
        return
    try:
        open_sessions.end(user_id, session, OPERATOR)
    except NotFound:
        raise click.ClickException("no such session") from None


def _session_row(found: OpenSession, places: Places) -> dict[str, Any]:
    return {
        "id": found.id,
        "device": device_words(found.device, str),
        "network": rough_network(found.network),
        "place": places.words(found.network, "en"),
        "created_at": found.created_at,
        "last_seen_at": found.last_seen_at,
        "expires_at": found.expires_at,
        "apps": ", ".join(found.apps),
    }


def _get(who: str) -> Profile:
    users = load_services().users
    try:
        found = users.find_by_destination(parse_email(who)) if "@" in who else users.find_by_id(who)
    except InvalidInput:
        found = None
    if found is None:
        raise click.ClickException("no such user")
    return found


def _row(found: Profile) -> dict[str, Any]:
    return {
        "id": found.id,
        "email": found.email,
        "first_name": found.first_name,
        "last_name": found.last_name,
        "locale": found.locale,
        "created_at": found.created_at,
        "suspended": found.is_suspended,
    }
