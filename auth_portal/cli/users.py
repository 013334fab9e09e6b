"""``auth-portal user``: people."""

from __future__ import annotations

from typing import Any

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.errors import InvalidInput
from auth_portal.signin.addresses import parse_email
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
    found = _get(who)
    show([_row(found) | {"terms_version": found.terms_version, "fields": found.fields}], as_json=as_json)


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
