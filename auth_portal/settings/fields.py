"""The settings: field, default, and a sentence for the person who operates the portal.

The table in docs/settings.md is generated from these sentences.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from auth_portal.marks import _
from auth_portal.settings.budget import SITE_BUDGETS

Locale = Literal["tr", "en", "de", "fr", "es", "ar"]
LOCALES: tuple[str, ...] = get_args(Locale)
"""What pages, letters, text messages and the API speak: a catalogue each."""
GUIDE_LOCALES = ("tr", "en")
"""What the documents of docs/ are written in. In other languages their pages are English."""

_DURATION = re.compile(r"(\d{1,8})\s*([smhd]?)", re.ASCII)
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _duration(value: object) -> object:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(seconds=int(match[1]) * _UNIT[match[2]]) if match else value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


def _seconds(default: int, least: int, most: int, description: str) -> Any:
    return Field(
        timedelta(seconds=default),
        ge=timedelta(seconds=least),
        le=timedelta(seconds=most),
        description=description,
    )


class Fields(BaseModel):
    """The settings as they are given. Durations are seconds, or a number with ``s``, ``m``, ``h`` or ``d``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    env: Literal["development", "production"] = Field(
        "production", description=_("`development` (what `make run` sets) shows codes and catches mail.")
    )
    secret_key: str = Field(
        "",
        repr=False,
        description=_(
            "Key of everything that is signed, derived or encrypted; at least 32 bytes. "
            "Development makes one in `instance/`."
        ),
    )
    secret_key_fallbacks: Words = Field(
        (), repr=False, description=_("Former `SECRET_KEY`s, comma-separated, newest first, that are still honoured.")
    )
    public_url: str = Field(
        "",
        description=_(
            "Where people reach the portal: https, or http on a loopback host. It is the issuer and "
            "the base of every mailed link."
        ),
    )
    database_url: str = Field(
        "", repr=False, description=_("`sqlite:///path` or `postgresql://user:password@host/name`.")
    )
    mail_url: Words = Field(
        (),
        repr=False,
        description=_(
            "Relays, comma-separated, tried in order: `smtp://`, `smtp+starttls://` or `smtps://`, "
            "each with `[user:password@]host[:port]`. Unset in development: the mailbox at `/dev/mailbox`."
        ),
    )
    sms_url: Words = Field(
        (),
        repr=False,
        description=_(
            "SMS gateways, comma-separated, tried in order: `https+webhook://`, `twilio://` or `netgsm://`, "
            "see docs/phone.md. Unset: in development the mailbox at `/dev/mailbox`, in production no sign-in by "
            "phone."
        ),
    )
    default_region: str = Field(
        "TR",
        pattern=r"^[A-Z]{2}$",
        description=_("Country (ISO 3166) of numbers that are typed without a country code."),
    )
    sms_destinations: Words = Field(
        (),
        description=_(
            "Where text messages go: countries (ISO 3166) and beginnings of numbers, comma-separated, for "
            "example `TR,DE,+4366`; `+` is everywhere. Unset: to `DEFAULT_REGION` only; in development everywhere."
        ),
    )
    mail_from: str = Field("", description=_("Sender of every letter: `Name <address>` or an address."))
    signup: Literal["open", "closed"] = Field(
        "open", description=_("`closed`: only known users get a code; strangers get a letter that says so.")
    )
    code_length: int = Field(4, ge=4, le=12, description=_("Digits of a code."))
    code_ttl: Duration = _seconds(600, 1, 600, _("How long a code lives; ten minutes at most."))
    code_attempts: int = Field(5, ge=1, le=10, description=_("Guesses evaluated for one code."))
    resend_after: Duration = _seconds(30, 0, 3_600, _("How soon the same caller may have a code sent again."))
    guess_profile: Literal["lenient", "default", "strict"] = Field(
        "default",
        description=_(
            "How likely a patient attacker may be to guess into one account within a year: 1 in 100, "
            "1 in 1,000, or (`strict`, from 6 digits) 1 in 10,000. See docs/security.md."
        ),
    )
    guess_budgets: Words = Field(
        (),
        description=_(
            "Wrong guesses that an account affords at each code length, instead of the profile's: "
            "`digits:guesses/days`, for example `4:5/365d,6:25/30d,8:70/30d`."
        ),
    )
    guess_target: float | None = Field(
        None,
        gt=0,
        le=1,
        description=_("The yearly chance that the budgets must stay below, instead of the profile's."),
    )
    site_guess_budgets: Words = Field(
        SITE_BUDGETS,
        description=_(
            "Wrong guesses of unknown devices at each length, all accounts together, before everybody's "
            "codes get longer on unknown devices."
        ),
    )
    open_short_codes: int = Field(
        60,
        ge=0,
        description=_(
            "Codes of the shortest length that wait for unknown devices at once, site-wide, before new "
            "ones get longer; `0`, or no limit for each source, is off."
        ),
    )
    sends_per_inbox_per_hour: int = Field(5, ge=0, description=_("Codes to one address an hour; `0` is off."))
    sends_per_inbox_per_day: int = Field(20, ge=0, description=_("Codes to one address a day; `0` is off."))
    sends_per_source_per_hour: int = Field(
        100, ge=0, description=_("Codes asked for by one source network an hour; `0` is off.")
    )
    sends_per_site_per_hour: int = Field(
        10_000,
        ge=0,
        description=_(
            "Codes of all unknown devices together an hour, kept in sixteen parts that addresses share; "
            "`0`, or no limit for each source, is off."
        ),
    )
    sms_per_range_per_hour: int = Field(
        20,
        ge=0,
        description=_(
            "Text messages an hour to the 10,000 numbers that differ in their last four digits; `0` is off."
        ),
    )
    sms_per_site_per_day: int = Field(
        1_000,
        ge=0,
        description=_("Text messages in any 24 hours, a quarter of them at once, whoever asks; `0` is off."),
    )
    access_token_ttl: Duration = _seconds(600, 1, 3_600, _("How long an access token lives."))
    refresh_token_ttl: Duration = _seconds(
        30 * 86_400, 1, 400 * 86_400, _("How long an API sign-in lasts, however often it is refreshed.")
    )
    registration_ttl: Duration = _seconds(
        86_400, 1, 7 * 86_400, _("How long a new person may take to complete the registration.")
    )
    registration_fields: str = Field(
        "",
        description=_("What people are asked for beside their names: a list in JSON, see docs/registration.md."),
    )
    session_ttl: Duration = _seconds(30 * 86_400, 1, 400 * 86_400, _("How long a browser stays signed in."))
    session_idle_ttl: Duration = _seconds(
        7 * 86_400, 1, 400 * 86_400, _("How long a browser stays signed in without being used.")
    )
    refresh_idle_ttl: Duration = _seconds(
        14 * 86_400, 1, 400 * 86_400, _("How long an API sign-in, or an app's access, lasts without being used.")
    )
    sessions_per_user: int = Field(
        100, ge=1, le=1_000, description=_("Sessions that one person may have at once; one more ends the least used.")
    )
    deletion_grace: Duration = _seconds(
        7 * 86_400, 86_400, 30 * 86_400, _("How long somebody who deleted their account may take that back.")
    )
    authorization_code_ttl: Duration = _seconds(
        60, 1, 600, _("How long an app may take to exchange the code of a sign-in for tokens.")
    )
    events_kept: Duration = _seconds(
        365 * 86_400, 90 * 86_400, 365 * 86_400, _("How long the audit log keeps what happened; 90 days at least.")
    )
    trusted_proxies: int = Field(0, ge=0, le=10, description=_("Proxies in front whose `X-Forwarded-*` is believed."))
    allowed_origins: Words = Field((), description=_("Origins that may call the JSON API from a browser."))
    api_servers: Words = Field(
        (),
        description=_(
            "Other portals that the playground at `/docs` offers, comma-separated: `development=https://…`, "
            "`production=https://…`. Each must name this portal's origin in its `ALLOWED_ORIGINS`."
        ),
    )
    geoip_file: str = Field(
        "",
        description=_(
            "A MaxMind DB file (GeoLite2-City, DB-IP City Lite, or a Country one) that says in which place "
            "somebody signed in. Unset: only the network is told."
        ),
    )
    private_client_networks: Words = Field(
        (),
        description=_(
            "Private networks where clients may be told of sign-outs and have their keys read, "
            "comma-separated: `10.20.0.0/16,fd12:3456::/32`."
        ),
    )
    default_locale: Locale = Field("tr", description=_("Language where nobody asked for one."))
    brand_name: str = Field("Auth Portal", min_length=1, max_length=60, description=_("Name on pages and letters."))
    brand_logo: str = Field(
        "", description=_("A picture beside the name, square: a PNG, JPEG, WebP or SVG file of up to 64 KiB.")
    )
    brand_color: str = Field(
        "",
        pattern=r"^(#[0-9A-Fa-f]{6})?$",
        description=_("Colour of buttons and links, `#rrggbb`; made darker or lighter until it can be read."),
    )
    code_in_subject: bool = Field(
        False,
        description=_("Whether the code is in the subject of its letter. Lock screens and lists of letters show it."),
    )
    terms_url: str = Field("", description=_("Terms of use, linked from pages and registration."))
    terms_version: str = Field(
        "",
        max_length=64,
        description=_("Names the terms that are in force. Whoever accepted others is asked again in the browser."),
    )
    privacy_url: str = Field("", description=_("Privacy notice, linked from pages and registration."))
    support_email: str = Field("", description=_("Where people find help."))
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description=_("Least level logged."))
    worker_threads: int = Field(8, ge=1, le=128, description=_("Threads of a worker process."))
