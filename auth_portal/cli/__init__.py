"""The ``auth-portal`` command. Exit code 0: done; 1: refused or failed; 2: wrong usage."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from auth_portal.cli.clients import client
from auth_portal.cli.database import database
from auth_portal.cli.events import events
from auth_portal.cli.keys import keys
from auth_portal.cli.operations import doctor, prune, settings_table
from auth_portal.cli.reference import openapi
from auth_portal.cli.users import user
from auth_portal.db import UNAVAILABLE
from auth_portal.errors import PortalError
from auth_portal.settings import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="auth-portal")
def portal() -> None:
    """Run and look after an auth-portal. Settings come from AUTH_PORTAL_* variables."""


portal.add_command(client)
portal.add_command(database)
portal.add_command(events)
portal.add_command(keys)
portal.add_command(user)
portal.add_command(prune)
portal.add_command(doctor)
portal.add_command(settings_table)
portal.add_command(openapi)


def main() -> None:
    """The console script."""
    try:
        portal()
    except (SettingsError, PortalError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except SQLAlchemyError as error:
        reason = "the database does not answer" if isinstance(error, UNAVAILABLE) else "run: auth-portal db upgrade"
        print(f"{type(error).__name__}: {reason}", file=sys.stderr)
        sys.exit(1)
