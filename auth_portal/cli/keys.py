"""``auth-portal keys``: the keys that sign tokens."""

from __future__ import annotations

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.db import utcnow


@click.group()
def keys() -> None:
    """List and rotate the keys that sign tokens."""


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """The published keys, oldest first."""
    now = utcnow()
    rows = [
        {
            "kid": key.kid,
            "state": key.state(now),
            "created_at": key.created_at,
            "active_from": key.active_from,
            "retires_at": key.retires_at,
        }
        for key in load_services().keys.published()
    ]
    show(rows, as_json=as_json)


@keys.command()
@click.option("--now", "at_once", is_flag=True, help="Sign with the new key at once (after a leak).")
def rotate(at_once: bool) -> None:
    """Publish a new key; it signs once every verifier has seen it, without any downtime.

    Also encrypts all keys under the present SECRET_KEY. Running portals follow within half a minute.
    """
    key = load_services().keys.rotate(at_once=at_once)
    click.echo(f"{key.kid} signs from {key.active_from:%Y-%m-%d %H:%M:%S} UTC")
