"""``auth-portal user``: people."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import IO, Any

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.errors import InvalidInput
from auth_portal.signin.addresses import parse_email
from auth_portal.signin.erasure import erase, erase_due, find_erased
from auth_portal.signin.events import OPERATOR
from auth_portal.signin.tombstones import close_again, read_tombstones
from auth_portal.signin.users import Profile
from auth_portal.web.envelope import to_json, wire_time
from auth_portal.web.services import Services


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
    found = _find(services, who)
    erased_at = find_erased(services.engine, who) if found is None else None
    if found is None and erased_at is None:
        raise click.ClickException("no such user")
    show([_row(found) if found else {"id": who, "erased_at": erased_at}], as_json=as_json)


@user.command()
@click.argument("who")
def suspend(who: str) -> None:
    """End a user's sessions and refuse new ones."""
    services = load_services()
    services.users.suspend(_get(services, who).id)


@user.command()
@click.argument("who")
def restore(who: str) -> None:
    """Let a suspended user sign in again, and take back a deletion that is not over."""
    services = load_services()
    user_id = _get(services, who).id
    services.users.restore(user_id)
    services.leaving.restore_user(user_id, OPERATOR)


@user.command()
@click.argument("who")
@click.option("--now", "at_once", is_flag=True, help="Erase at once; this cannot be taken back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(who: str, at_once: bool, yes: bool) -> None:
    """Delete a user: signed out everywhere now, erased after DELETION_GRACE. A letter tells the user."""
    services = load_services()
    found = _get(services, who)
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
    click.echo(to_json(services.exports.export(_get(services, who).id, OPERATOR), indent=2))


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


def _tombstones_in(file: IO[bytes]) -> dict[str, datetime]:
    try:
        return {str(row["subject"]): datetime.fromisoformat(row["at"]).astimezone(UTC) for row in json.load(file)}
    except (ValueError, TypeError, KeyError):
        raise click.UsageError("this is not what the command prints") from None


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: give --yes")
    click.confirm(question, abort=True)


def _find(services: Services, who: str) -> Profile | None:
    try:
        return services.users.find_by_destination(parse_email(who)) if "@" in who else services.users.find_by_id(who)
    except InvalidInput:
        return None


def _get(services: Services, who: str) -> Profile:
    found = _find(services, who)
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
        "erase_at": found.erase_at,
    }
