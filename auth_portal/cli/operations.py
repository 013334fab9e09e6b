"""``auth-portal prune``, ``doctor`` and ``settings``."""

from __future__ import annotations

from typing import Any

import click
from babel.support import Translations
from sqlalchemy.exc import SQLAlchemyError

from auth_portal import schema
from auth_portal.cli.context import json_option, load_services, show
from auth_portal.delivery.letters import TRANSLATIONS
from auth_portal.errors import KeysUnreadable
from auth_portal.marks import _
from auth_portal.settings import LOCALES, PREFIX, Settings, parse_gateway, yearly_bound_with_spare
from auth_portal.signin import retention
from auth_portal.signin.seal_chain import ChainBroken
from auth_portal.signin.seals import SEALED_BY, SealStatus
from auth_portal.web.envelope import wire_time

_FIELDS = Settings.model_fields


@click.command()
@click.option("--broken-seals", is_flag=True, help="Also what of the audit log does not hold any more.")
@json_option
def prune(broken_seals: bool, as_json: bool) -> None:
    """Delete what is past its time. The portal does so by itself every hour."""
    services = load_services()
    try:
        removed = retention.prune(services.engine, services.seals, even_broken=broken_seals)
    except ChainBroken as broken:
        raise click.ClickException(
            f"{broken}: nothing was deleted of the audit log. Look into it first (auth-portal events verify); "
            "--broken-seals deletes it all the same."
        ) from None
    show([{"kind": kind, "removed": count} for kind, count in removed.items()], as_json=as_json)


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check settings, database, schema, signing keys and audit seals of this installation."""
    services = load_services()
    bound, target = yearly_bound_with_spare(services.settings.ladder), services.settings.yearly_target
    rows = [
        {"check": "settings", "ok": True, "detail": services.settings.env},
        {"check": "sms", "ok": True, "detail": _sms(services.settings)},
        {
            "check": "guess budget",
            "ok": bound <= target,
            "detail": f"at most {bound:.2e} a year, target {target:.0e}; "
            f"all accounts together {services.settings.site_takeovers:.2g} expected",
        },
    ]
    try:
        with services.engine.connect() as connection:
            current = schema.is_current(connection)
        rows.append({"check": "database", "ok": True, "detail": services.engine.dialect.name})
        rows.append(
            {
                "check": "schema",
                "ok": current,
                "detail": "current" if current else "run: auth-portal db upgrade",
            }
        )
        signing = services.keys.published() if current else []
        rows.append({"check": "signing keys", "ok": bool(signing), "detail": f"{len(signing)} published"})
        if current:
            rows.append(_seals(services.seals.status()))
    except KeysUnreadable as error:
        rows.append({"check": "signing keys", "ok": False, "detail": str(error)})
    except SQLAlchemyError as error:
        rows.append({"check": "database", "ok": False, "detail": type(error).__name__})
    show(rows, as_json=as_json)
    if not all(row["ok"] for row in rows):
        raise SystemExit(1)


def _seals(status: SealStatus) -> dict[str, Any]:
    newest = f"newest {status.newest_id} of {wire_time(status.sealed_at)}" if status.sealed_at else "none yet"
    late = f", {status.overdue} for more than {SEALED_BY.seconds // 60} minutes: does the portal run?"
    detail = f"{newest}; {status.waiting} events wait{late if status.overdue else ''}"
    if status.ahead_until:
        detail += f"; sealed by a clock far ahead: nothing later is pruned until {wire_time(status.ahead_until)}"
    return {"check": "audit seals", "ok": not status.overdue, "detail": detail}


@click.command("settings")
@click.option("--locale", type=click.Choice(LOCALES), default="en", help="The language of the descriptions.")
@json_option
def settings_table(locale: str, as_json: bool) -> None:
    """Print the table of all settings as Markdown (docs/settings.md and its twins are made of it)."""
    say = Translations.load(TRANSLATIONS, [locale]).gettext
    fields = {PREFIX + name.upper(): (field.default, say(field.description or "")) for name, field in _FIELDS.items()}
    if as_json:
        rows = [{"setting": name, "description": description} for name, (_value, description) in fields.items()]
        show(rows, as_json=True)
        return
    heads = (say(_("setting")), say(_("default")), say(_("what it does")))
    click.echo(f"| {' | '.join(heads)} |\n|---|---|---|")
    for name, (value, description) in fields.items():
        click.echo(f"| `{name}` | {_default(value)} | {description} |")


def _sms(settings: Settings) -> str:
    """Where text messages go."""
    kinds = [parse_gateway(url).kind for url in settings.sms_url]
    return ", then ".join(kinds) or ("the development mailbox" if settings.has_sms else "off: no sign-in by phone")


def _default(value: object) -> str:
    if hasattr(value, "total_seconds"):
        return f"{int(value.total_seconds())} s"
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if value not in ("", None) else ""
