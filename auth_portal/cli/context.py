"""What every command needs: the wired services, and printing data as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from auth_portal.app import create_app
from auth_portal.web.envelope import wire_time
from auth_portal.web.services import Services

Command = TypeVar("Command", bound=Callable[..., Any])


def load_services() -> Services:
    """The services of an application with this environment's settings. Raises SettingsError."""
    services: Services = create_app().extensions["auth_portal"]
    return services


def json_option(command: Command) -> Command:
    """``--json`` for a command that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as JSON, or as a table with the columns of the first."""
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    if as_json:
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    if not plain:
        click.echo("none", err=True)
        return
    cells = [
        list(plain[0]),
        *[["" if value is None else str(value) for value in row.values()] for row in plain],
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _plain(value: Any) -> Any:
    return wire_time(value) if isinstance(value, datetime) else value
