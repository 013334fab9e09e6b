"""``auth-portal user``: people."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import IO, Any

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.cli.who import find_user, get_user
from auth_portal.errors import NotFound
from auth_portal.signin.callers import device_words, rough_network
from auth_portal.signin.erasure import erase, erase_due, find_erased
from auth_portal.signin.events import OPERATOR
from auth_portal.signin.open_sessions import OpenSession
from auth_portal.signin.places import Places
from auth_portal.signin.tombstones import close_again, read_tombstones
from auth_portal.signin.users import Profile
from auth_portal.web.envelope import to_json, wire_time


@click.group()
def user() -> None:
    """Look people up; suspend, restore, export and delete them. WHO is a user id or an address."""


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
    """One user; of an erased one only when that was."""
    services = load_services()
    found = find_user(services, who)
    erased_at = find_erased(services.engine, who) if found is None else None
    if found is None and erased_at is None:
        raise click.ClickException("no such user")
    if found is None:
        show([{"id": who, "erased_at": erased_at}], as_json=as_json)
    else:
        proven = ", ".join(one.destination.value for one in services.identifiers.of_user(found.id))
        more = {"proven": proven, "terms_version": found.terms_version, "fields": found.fields}
        show([_row(found) | more], as_json=as_json)


@user.command()
@click.argument("who")
def suspend(who: str) -> None:
    """End a user's sessions and refuse new ones."""
    services = load_services()
    services.users.suspend(get_user(services, who).id)


@user.command()
@click.argument("who")
def restore(who: str) -> None:
    """Let a suspended user sign in again, and take back a deletion that is not over."""
    services = load_services()
    user_id = get_user(services, who).id
    services.users.restore(user_id)
    services.leaving.restore_user(user_id, OPERATOR)


@user.command()
@click.argument("who")
@json_option
def sessions(who: str, as_json: bool) -> None:
    """What a user is signed in with, the last used first."""
    services = load_services()
    found = services.open_sessions.of_user(get_user(services, who).id)
    show([_session_row(one, services.places) for one in found], as_json=as_json)


@user.command("sign-out")
@click.argument("who")
@click.argument("session", required=False)
def sign_out(who: str, session: str | None) -> None:
    """End all that a user is signed in with, or one SESSION, with the apps' access that came of it."""
    services = load_services()
    open_sessions, user_id = services.open_sessions, get_user(services, who).id
    if session is None:
        open_sessions.end_all(user_id, OPERATOR)
        return
    try:
        open_sessions.end(user_id, session, OPERATOR)
    except NotFound:
        raise click.ClickException("no such session") from None


@user.command()
@click.argument("who")
@click.option("--now", "at_once", is_flag=True, help="Erase at once; this cannot be taken back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(who: str, at_once: bool, yes: bool) -> None:
    """Delete a user: signed out everywhere now, erased after DELETION_GRACE. A letter tells the user."""
    services = load_services()
    found = get_user(services, who)
    if not yes:
        _confirm(f"Delete {found.id} ({found.first_name} {found.last_name}){' at once' if at_once else ''}?")
    erase_at = services.leaving.request(found.id, OPERATOR, at_once=at_once)
    # Apps are told first: afterwards nobody knows any more of whom.
    services.backchannel.deliver_due()
    if at_once:
        erase(services.engine, found.id, OPERATOR)
    services.background.wait()
    click.echo(f"{found.id} {'is erased' if at_once else f'will be erased at {wire_time(erase_at)}'}")


@user.command()
@click.argument("who")
def export(who: str) -> None:
    """Print everything that is kept about a user as JSON (docs/accounts.md)."""
    services = load_services()
    click.echo(to_json(services.exports.export(get_user(services, who).id, OPERATOR), indent=2))


@user.command()
@click.option("--apply", "file", type=click.File("rb"), help="Erase again whom this file names.")
def tombstones(file: IO[bytes] | None) -> None:
    """Print hashes of all who were erased or will be, as JSON. After restoring a backup, apply what was printed."""
    services = load_services()
    if file is None:
        rows = [{"subject": key, "at": moment} for key, moment in sorted(read_tombstones(services.engine).items())]
        click.echo(to_json(rows, indent=2))
        return
    closed = close_again(services.engine, _tombstones_in(file), OPERATOR)
    services.backchannel.deliver_due()
    click.echo(f"{closed} closed again, {erase_due(services.engine)} erased")


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


def _tombstones_in(file: IO[bytes]) -> dict[str, datetime]:
    try:
        return {str(row["subject"]): datetime.fromisoformat(row["at"]).astimezone(UTC) for row in json.load(file)}
    except (ValueError, TypeError, KeyError):
        raise click.UsageError("this is not what the command prints") from None


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: give --yes")
    click.confirm(question, abort=True)


def _row(found: Profile) -> dict[str, Any]:
    return {
        "id": found.id,
        "email": found.email,
        "phone": found.phone,
        "first_name": found.first_name,
        "last_name": found.last_name,
        "locale": found.locale,
        "created_at": found.created_at,
        "suspended": found.is_suspended,
        "erase_at": found.erase_at,
    }
