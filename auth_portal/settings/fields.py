"""The settings: field, default, and a sentence for the person who operates the portal.

The table in docs/settings.md is generated from these sentences.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from auth_portal.settings.budget import (
    LONG_CODE_LENGTH,
    PROFILES,
    SITE_BUDGETS,
    Rung,
    ladder,
    parse_rung,
    yearly_bound,
)
from auth_portal.settings.registration_fields import RegistrationField, read_fields

LOCALES = ("tr", "en")

_DURATION = re.compile(r"(\d{1,8})\s*([smhd]?)", re.ASCII)
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _duration(value: object) -> object:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(seconds=int(match[1]) * _UNIT[match[2]]) if match else value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _seconds(default: int, least: int, most: int, description: str) -> Any:
    return Field(
        timedelta(seconds=default),
        ge=timedelta(seconds=least),
        le=timedelta(seconds=most),
        description=description,
    )


class Settings(BaseModel):
    """The portal's settings. Durations are seconds, or a number with ``s``, ``m``, ``h`` or ``d``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    env: Literal["development", "production"] = Field(
        "production", description="`development` (what `make run` sets) shows codes and catches mail."
    )
    secret_key: str = Field(
        "",
        repr=False,
        description="Key of everything that is signed, derived or encrypted; at least 32 bytes. "
        "Development makes one in `instance/`.",
    )
    secret_key_fallbacks: Words = Field(
        (), repr=False, description="Former `SECRET_KEY`s, comma-separated, newest first, that are still honoured."
    )
    public_url: str = Field(
        "",
        description="Where people reach the portal: https, or http on a loopback host. It is the issuer and "
        "the base of every mailed link.",
    )
    database_url: str = Field(
        "", repr=False, description="`sqlite:///path` or `postgresql://user:password@host/name`."
    )
    mail_url: Words = Field(
        (),
        repr=False,
        description="Relays, comma-separated, tried in order: `smtp://`, `smtp+starttls://` or `smtps://`, "
        "each with `[user:password@]host[:port]`. Unset in development: the mailbox at `/dev/mailbox`.",
    )
    sms_url: Words = Field(
        (),
        repr=False,
        description="SMS gateways, comma-separated, tried in order: `https+webhook://`, `twilio://` or `netgsm://`, "
        "see docs/phone.md. Unset: in development the mailbox at `/dev/mailbox`, in production no sign-in by phone.",
    )
    default_region: str = Field(
        "TR",
        pattern=r"^[A-Z]{2}$",
        description="Country (ISO 3166) of numbers that are typed without a country code.",
    )
    sms_destinations: Words = Field(
        (),
        description="Where text messages go: countries (ISO 3166) and beginnings of numbers, comma-separated, for "
        "example `TR,DE,+4366`; `+` is everywhere. Unset: to `DEFAULT_REGION` only; in development everywhere.",
    )
    mail_from: str = Field("", description="Sender of every letter: `Name <address>` or an address.")
    signup: Literal["open", "closed"] = Field(
        "open", description="`closed`: only known users get a code; strangers get a letter that says so."
    )
    code_length: int = Field(4, ge=4, le=12, description="Digits of a code.")
    code_ttl: Duration = _seconds(600, 1, 600, "How long a code lives; ten minutes at most.")
    code_attempts: int = Field(5, ge=1, le=10, description="Guesses evaluated for one code.")
    resend_after: Duration = _seconds(30, 0, 3_600, "How soon the same caller may have a code sent again.")
    guess_profile: Literal["lenient", "default", "strict"] = Field(
        "default",
        description="How likely a patient attacker may be to guess into one account within a year: 1 in 100, "
        "1 in 1,000, or (`strict`, from 6 digits) 1 in 10,000. See docs/security.md.",
    )
    guess_budgets: Words = Field(
        (),
        description="Wrong guesses that an account affords at each code length, instead of the profile's: "
        "`digits:guesses/days`, for example `4:5/365d,6:25/30d,8:70/30d`.",
    )
    guess_target: float | None = Field(
        None, gt=0, le=1, description="The yearly chance that the budgets must stay below, instead of the profile's."
    )
    site_guess_budgets: Words = Field(
        SITE_BUDGETS,
        description="Wrong guesses of unknown devices at each length, all accounts together, before everybody's "
        "codes get longer on unknown devices.",
    )
    open_short_codes: int = Field(
        60,
        ge=0,
        description="Codes of the shortest length that wait for unknown devices at once, site-wide, before new "
        "ones get longer; `0`, or no limit for each source, is off.",
    )
    sends_per_inbox_per_hour: int = Field(5, ge=0, description="Codes to one address an hour; `0` is off.")
    sends_per_inbox_per_day: int = Field(20, ge=0, description="Codes to one address a day; `0` is off.")
    sends_per_source_per_hour: int = Field(
        100, ge=0, description="Codes asked for by one source network an hour; `0` is off."
    )
    sends_per_site_per_hour: int = Field(
        10_000,
        ge=0,
        description="Codes of all unknown devices together an hour, kept in sixteen parts that addresses share; "
        "`0`, or no limit for each source, is off.",
    )
    sms_per_range_per_hour: int = Field(
        20,
        ge=0,
        description="Text messages an hour to the 10,000 numbers that differ in their last four digits; `0` is off.",
    )
    sms_per_site_per_day: int = Field(
        1_000, ge=0, description="Text messages in any 24 hours, a quarter of them at once, whoever asks; `0` is off."
    )
    access_token_ttl: Duration = _seconds(600, 1, 3_600, "How long an access token lives.")
    refresh_token_ttl: Duration = _seconds(
        30 * 86_400, 1, 400 * 86_400, "How long an API sign-in lasts, however often it is refreshed."
    )
    registration_ttl: Duration = _seconds(
        86_400, 1, 7 * 86_400, "How long a new person may take to complete the registration."
    )
    registration_fields: str = Field(
        "",
        description="What people are asked for beside their names: a list in JSON, see docs/registration.md.",
    )
    session_ttl: Duration = _seconds(30 * 86_400, 1, 400 * 86_400, "How long a browser stays signed in.")
    session_idle_ttl: Duration = _seconds(
        7 * 86_400, 1, 400 * 86_400, "How long a browser stays signed in without being used."
    )
    refresh_idle_ttl: Duration = _seconds(
        14 * 86_400, 1, 400 * 86_400, "How long an API sign-in, or an app's access, lasts without being used."
    )
    sessions_per_user: int = Field(
        100, ge=1, le=1_000, description="Sessions that one person may have at once; one more ends the least used."
    )
    deletion_grace: Duration = _seconds(
        7 * 86_400, 86_400, 30 * 86_400, "How long somebody who deleted their account may take that back."
    )
    authorization_code_ttl: Duration = _seconds(
        60, 1, 600, "How long an app may take to exchange the code of a sign-in for tokens."
    )
    events_kept: Duration = _seconds(
        365 * 86_400, 90 * 86_400, 365 * 86_400, "How long the audit log keeps what happened; 90 days at least."
    )
    trusted_proxies: int = Field(0, ge=0, le=10, description="Proxies in front whose `X-Forwarded-*` is believed.")
    allowed_origins: Words = Field((), description="Origins that may call the JSON API from a browser.")
    api_servers: Words = Field(
        (),
        description="Other portals that the playground at `/docs` offers, comma-separated: `development=https://…`, "
        "`production=https://…`. Each must name this portal's origin in its `ALLOWED_ORIGINS`.",
    )
    geoip_file: str = Field(
        "",
        description="A MaxMind DB file (GeoLite2-City, DB-IP City Lite, or a Country one) that says in which place "
        "somebody signed in. Unset: only the network is told.",
    )
    private_client_networks: Words = Field(
        (),
        description="Private networks where clients may be told of sign-outs and have their keys read, "
        "comma-separated: `10.20.0.0/16,fd12:3456::/32`.",
    )
    default_locale: Literal["tr", "en"] = Field("tr", description="Language where nobody asked for one.")
    brand_name: str = Field("Auth Portal", min_length=1, max_length=60, description="Name on pages and letters.")
    terms_url: str = Field("", description="Terms of use, linked from pages and registration.")
    terms_version: str = Field(
        "",
        max_length=64,
        description="Names the terms that are in force. Whoever accepted others is asked again in the browser.",
    )
    privacy_url: str = Field("", description="Privacy notice, linked from pages and registration.")
    support_email: str = Field("", description="Where people find help.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    worker_threads: int = Field(8, ge=1, le=128, description="Threads of a worker process.")

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """The lengths of codes for unknown devices, shortest first, each with its budget."""
        own = [rung for rung in map(parse_rung, self.guess_budgets) if rung is not None]
        return ladder(own or PROFILES[self.guess_profile].rungs, self.code_length)

    @property
    def code_lengths(self) -> frozenset[int]:
        """Every length that a code may have."""
        return frozenset({LONG_CODE_LENGTH, *(rung.length for rung in self.ladder)})

    @property
    def site_rungs(self) -> dict[int, Rung]:
        """The budget of all accounts together, for each length of the ladder that has one, the shortest first.

        A length between two of them has the budget of the lower one.
        """
        rungs = [rung for rung in map(parse_rung, self.site_guess_budgets) if rung is not None]
        found = {}
        for length in (own.length for own in self.ladder):
            lower = [rung for rung in rungs if rung.length <= length]
            if lower:
                found[length] = max(lower, key=lambda rung: rung.length)
        return found

    @property
    def site_takeovers(self) -> float:
        """How many accounts of all are expected to fall to guesses in a year, at most; bursts come on top (9.7)."""
        return yearly_bound(replace(rung, length=length) for length, rung in self.site_rungs.items())

    def most_waiting(self, rung: Rung) -> int:
        """Codes of a length that may wait at once, so that a burst cannot outrun the site's ledger; 0 is no limit.

        At the shortest length ``open_short_codes``; at others all their guesses are a fifth of the budget.
        """
        if not self.sends_per_source_per_hour or not self.open_short_codes:
            return 0
        return max(self.open_short_codes, rung.budget // (5 * self.code_attempts))

    @property
    def own_fields(self) -> tuple[RegistrationField, ...]:
        """The fields of ``REGISTRATION_FIELDS``, in their order."""
        return read_fields(self.registration_fields, LOCALES)[0]

    @property
    def yearly_target(self) -> float:
        """The yearly chance of a takeover by guessing that was declared affordable."""
        return self.guess_target or PROFILES[self.guess_profile].target

    @property
    def is_development(self) -> bool:
        """Whether codes may be shown and mail may be caught."""
        return self.env == "development"

    @property
    def has_mailbox(self) -> bool:
        """Whether letters or texts stay here because nobody takes them out."""
        return self.is_development and not (self.mail_url and self.sms_url)

    @property
    def has_sms(self) -> bool:
        """Whether codes can go to phones."""
        return bool(self.sms_url) or self.is_development

    @property
    def is_https(self) -> bool:
        """Whether people reach the portal over TLS: cookies are then Secure and ``__Host-``."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host of ``PUBLIC_URL``, without a port."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of ``PUBLIC_URL``, as browsers write it in ``Origin``."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """The networks of ``PRIVATE_CLIENT_NETWORKS``."""
        return tuple(map(ipaddress.ip_network, self.private_client_networks))

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The current secret first, then those that are only still honoured."""
        return (self.secret_key, *self.secret_key_fallbacks)
