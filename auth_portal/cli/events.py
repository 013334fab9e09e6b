"""``auth-portal events``: the audit log."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click

from auth_portal.cli.context import json_option, load_services, show
from auth_portal.cli.who import get_user
from auth_portal.db import utcnow
from auth_portal.signin.event_log import LoggedEvent
from auth_portal.signin.events import EventKind
from auth_portal.signin.seal_report import Noted, Report, verify

_AGO = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_NOTED = re.compile(r"(\d{1,9}):([0-9a-f]{64})", re.ASCII)


class _Moment(click.ParamType[datetime]):
    """A time: ISO 8601, UTC where no zone is given; or how long ago, as in ``72h``."""

    name = "TIME"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> datetime:
        """Raises BadParameter."""
        ago = _AGO.fullmatch(value)
        try:
            if ago is not None:
                return utcnow() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            given = datetime.fromisoformat(value)
            return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither 2026-05-22T16:11Z nor, say, 72h", parameter, context)


class _NotedSeal(click.ParamType[Noted]):
    """A seal as the log has it."""

    name = "SEAL:DIGEST"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Noted:
        """Raises BadParameter."""
        match = _NOTED.fullmatch(value)
        if match is None:
            self.fail("write the seal as the log has it, 47:ab12…", parameter, context)
        return Noted(int(match[1]), match[2])


_since = click.option("--since", type=_Moment(), help="From this time on: 2026-05-22T16:11Z, or 72h ago.")
_until = click.option("--until", type=_Moment(), help="Before this time.")
_kind = click.option("--kind", type=click.Choice(get_args(EventKind)), metavar="KIND", help="Only this kind.")


@click.group()
def events() -> None:
    """The audit log: what happened to accounts, apps and keys; and whether somebody tampered with it."""


@events.command("list")
@click.option("--user", "who", metavar="WHO", help="Of this person: a user id or an address.")
@_kind
@_since
@_until
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def list_events(
    who: str | None,
    kind: EventKind | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """What happened, the newest first."""
    services = load_services()
    # Of an id that nobody has any more there may be events all the same.
    user_id = get_user(services, who).id if who and ("@" in who or who.startswith("+")) else who
    found = services.events.all(since=since, until=until, kind=kind, user_id=user_id, most=limit)
    show([_row(event, as_json=as_json) for event in found], as_json=as_json)


@events.command()
@click.option("--since", type=_Moment(), required=True, help="From this time on: 2026-05-22T16:11Z, or 72h ago.")
@click.option("--until", type=_Moment(), help="Before this time; now.")
@_kind
@json_option
def affected(since: datetime, until: datetime | None, kind: EventKind | None, as_json: bool) -> None:
    """Whom an incident concerns: everybody of whose account something happened between two times (PRIV-10)."""
    found = load_services().events.affected(since, until or utcnow(), kind)
    show([asdict(each) for each in found], as_json=as_json)


@events.command("verify")
@click.option("--expect", "noted", type=_NotedSeal(), help="A seal from the log, which must still be there.")
@click.option("--after", type=click.IntRange(1), metavar="SEAL", help="Leave out this seal and all before it.")
@json_option
def verify_events(noted: Noted | None, after: int | None, as_json: bool) -> None:
    """Hold the log against its seals; says what is wrong first (exit code 1)."""
    services = load_services()
    report = verify(services.engine, services.seals.keys, noted, after=after)
    _print(report, as_json=as_json)
    if report.fault is not None:
        raise SystemExit(1)


@events.command()
def seal() -> None:
    """Seal what is older than a minute. The portal does so by itself every minute."""
    seals = load_services().seals
    count = seals.seal()
    click.echo(f"{count} sealed, {seals.status().waiting} wait")


def _row(event: LoggedEvent, *, as_json: bool) -> dict[str, Any]:
    row = asdict(event)
    if as_json:
        return row
    facts = json.dumps(event.facts, ensure_ascii=False)[:80] if event.facts else None
    names = ("happened_at", "kind", "outcome", "actor", "user_id", "client_id", "network", "device")
    return {name: row[name] for name in names} | {"facts": facts}


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ok": report.fault is None} | asdict(report), indent=2))
        return
    counts = f"{report.events} events in {report.seals} seals, {report.erased} of them of erased people"
    click.echo(f"{counts}; {report.waiting} wait to be sealed")
    if report.late:
        click.echo(f"{report.late} seals have events that were more than an hour old")
    if report.newest:
        click.echo(f"newest  {report.newest}")
    click.echo("ok" if report.fault is None else f"FAULT  {report.fault.kind}: {report.fault.words}")
