"""``auth-portal keys``: the keys that sign tokens."""

from __future__ import annotations

from typing import Any

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.db import utcnow
from auth_portal.signin.keys import Key


@click.group()
def keys() -> None:
    """List and rotate the keys that sign tokens."""


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """The published keys, oldest first."""
    show([_row(key) for key in load_services().keys.published()], as_json=as_json)


@keys.command()
@click.option("--now", "at_once", is_flag=True, help="Sign with the new keys at once.")
@click.option("--leaked", is_flag=True, help="Drop all former keys at once: their tokens are refused.")
@json_option
def rotate(at_once: bool, leaked: bool, as_json: bool) -> None:
    """Publish new keys; they sign once every verifier has seen them, without any downtime.

    Seals of the audit log are made with a new key from now on. Also encrypts all keys under the present SECRET_KEY.
    Running portals follow within half a minute.
    """
    services = load_services()
    made = services.keys.rotate(at_once=at_once, drop_former=leaked)
    services.seals.keys.rotate(services.engine)
    show([_row(key) for key in made], as_json=as_json)


def _row(key: Key) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state(utcnow()),
        "created_at": key.created_at,
        "active_from": key.active_from,
        "retires_at": key.retires_at,
    }
