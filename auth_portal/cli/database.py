"""``auth-portal db``: the schema."""

from __future__ import annotations

import click
from alembic.util.exc import CommandError

from auth_portal import schema
from auth_portal.cli.context import load_services


@click.group("db")
def database() -> None:
    """Look after the database's schema."""


@database.command()
def upgrade() -> None:
    """Bring the database to this release. Safe to run again, and on several nodes at once."""
    schema.upgrade(load_services().engine)


@database.command()
def check() -> None:
    """Tell whether models and database agree (exit code 1 where not)."""
    try:
        schema.check(load_services().engine)
    except CommandError as error:
        raise click.ClickException(str(error)) from None


@database.command()
@click.argument("message")
def revise(message: str) -> None:
    """Write a migration from this database to the models (for developers)."""
    schema.revise(load_services().engine, message)
