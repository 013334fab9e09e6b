"""What makes settings unsafe or contradictory. Each check gives a sentence for each fault it finds."""

from __future__ import annotations

import ipaddress
import re
from email.utils import parseaddr
from urllib.parse import SplitResult, urlsplit

import maxminddb
from phonenumbers import SUPPORTED_REGIONS

from auth_portal.settings.budget import STRICT_LENGTH, parse_rung, yearly_bound_with_spare
from auth_portal.settings.derived import Settings
from auth_portal.settings.gateway import MalformedGateway, parse_gateway
from auth_portal.settings.pictures import picture_of
from auth_portal.settings.registration_fields import read_fields

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")  # letters mark the places of their facts with two of them
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")
MAIL_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
"""The ways to reach a relay, and the port of each."""


def find_faults(settings: Settings) -> list[str]:
    """Every fault of settings that are each well-formed."""
    checks = (
        _check_secrets,
        _check_public_url,
        _check_database_url,
        _check_mail,
        _check_sms,
        _check_numbers,
        _check_budgets,
        _check_registration,
        _check_web,
        _check_places,
        _check_brand_logo,
    )
    return [fault for check in checks for fault in check(settings)]


def _check_secrets(settings: Settings) -> list[str]:
    faults = []
    if not settings.secret_key:
        faults.append("SECRET_KEY is required")
    elif len(settings.secret_key.encode()) < 32:
        faults.append("SECRET_KEY is shorter than 32 bytes")
    if "," in settings.secret_key:
        faults.append("SECRET_KEY has a comma, which separates keys in SECRET_KEY_FALLBACKS")
    if any(len(key.encode()) < 32 for key in settings.secret_key_fallbacks):
        faults.append("SECRET_KEY_FALLBACKS has a key shorter than 32 bytes")
    return faults


def _check_public_url(settings: Settings) -> list[str]:
    if not settings.public_url:
        return ["PUBLIC_URL is required"]
    parts = _split(settings.public_url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return ["PUBLIC_URL is not an http(s) address"]
    if parts.query or parts.fragment or parts.username or parts.password or re.search(r"[\s\\]", parts.geturl()):
        return ["PUBLIC_URL must be scheme, host, port and path only"]
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return ["PUBLIC_URL must be https (http only on a loopback host)"]
    return []


def _check_database_url(settings: Settings) -> list[str]:
    if re.fullmatch(r"sqlite:///(?!:memory:).+", settings.database_url):
        return []
    parts = _split(settings.database_url)
    if parts is not None and parts.scheme in ("postgresql", "postgresql+psycopg", "postgres"):
        return []
    return ["DATABASE_URL must be sqlite:///… (a file) or postgresql://…"]


def _check_mail(settings: Settings) -> list[str]:
    faults = []
    if not settings.mail_url and not settings.is_development:
        faults.append("MAIL_URL is required")
    for position, url in enumerate(settings.mail_url, start=1):
        parts = _split(url)
        if parts is None or parts.scheme not in MAIL_SCHEMES or not parts.hostname:
            faults.append(f"MAIL_URL: relay {position} is not smtp://, smtp+starttls:// or smtps:// with a host")
        elif (parts.username is None) != (parts.password is None):
            faults.append(f"MAIL_URL: relay {position} has a user without a password or the reverse")
    address = parseaddr(settings.mail_from)[1]
    if not settings.mail_from:
        faults.append("MAIL_FROM is required")
    elif not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or has_control(settings.mail_from):
        faults.append("MAIL_FROM is not an address or `Name <address>`")
    elif not address.isascii():
        faults.append("MAIL_FROM: write the address in ASCII (an international domain as xn--…)")
    return faults


def _check_sms(settings: Settings) -> list[str]:
    faults = []
    for position, url in enumerate(settings.sms_url, start=1):
        try:
            parse_gateway(url)
        except MalformedGateway as error:
            faults.append(f"SMS_URL: gateway {position} {error}")
    return faults


def _check_numbers(settings: Settings) -> list[str]:
    faults = []
    if settings.default_region not in SUPPORTED_REGIONS:
        faults.append("DEFAULT_REGION is not a country of ISO 3166 that has phone numbers")
    for place in settings.sms_destinations:
        if place not in SUPPORTED_REGIONS and not re.fullmatch(r"\+([1-9][0-9]{0,14})?", place, re.ASCII):
            faults.append(
                f"SMS_DESTINATIONS: {place!r} is neither a country such as TR nor a beginning such as +4366"
            )
    return faults


def _check_budgets(settings: Settings) -> list[str]:
    """BUD-01: a set of budgets that promises more than it holds does not start."""
    faults = []
    for name in ("guess_budgets", "site_guess_budgets"):
        rungs = [parse_rung(text) for text in getattr(settings, name)]
        lengths = [rung.length for rung in rungs if rung is not None]
        if None in rungs:
            faults.append(f"{name.upper()}: write digits:guesses/days, for example 6:25/30d (4 to 12 digits)")
        elif len(set(lengths)) < len(lengths):
            faults.append(f"{name.upper()} has a length twice")
    unlimited = {rung.length for rung in settings.ladder} - settings.site_rungs.keys()
    if unlimited and not faults:
        faults.append(f"SITE_GUESS_BUDGETS has none for codes of {min(unlimited)} digits")
    bound = yearly_bound_with_spare(settings.ladder)
    if settings.guess_profile == "strict" and any(rung.length < STRICT_LENGTH for rung in settings.ladder):
        faults.append(f"GUESS_BUDGETS: GUESS_PROFILE=strict allows no code shorter than {STRICT_LENGTH} digits")
    elif bound > settings.yearly_target:
        faults.append(
            f"GUESS_BUDGETS: the yearly chance of a guessed code is up to {bound:.2e}, "
            f"more than the target {settings.yearly_target:.0e}"
        )
    return faults


def _check_registration(settings: Settings) -> list[str]:
    wrong = read_fields(settings.registration_fields, settings.default_locale)[1]
    faults = [f"REGISTRATION_FIELDS: {fault}" for fault in wrong]
    if has_control(settings.terms_version):
        faults.append("TERMS_VERSION has a control character")
    return faults


def _check_web(settings: Settings) -> list[str]:
    faults = []
    for origin in settings.allowed_origins:
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            faults.append(f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://app.example")
    faults += [
        f"API_SERVERS: {server!r} is not like development=https://portal.example"
        for server in settings.api_servers
        if not _is_server(server)
    ]
    if settings.public_url in (server.partition("=")[2] for server in settings.api_servers):
        faults.append("API_SERVERS names this portal, which the playground offers as what it is")
    for network in settings.private_client_networks:
        if not _is_network(network):
            faults.append(f"PRIVATE_CLIENT_NETWORKS: {network!r} is not a network such as 10.20.0.0/16")
    for name in ("terms_url", "privacy_url"):
        value = getattr(settings, name)
        if value and not re.fullmatch(r"https?://[^\s\"'<>]+", value):
            faults.append(f"{name.upper()} is not an http(s) address")
    if settings.support_email and not re.fullmatch(r"[^@\s?&]+@[^@\s?&]+", settings.support_email):
        faults.append("SUPPORT_EMAIL is not an address")
    if has_control(settings.brand_name) or _PRIVATE_USE.search(settings.brand_name):
        faults.append("BRAND_NAME has a control or private-use character")
    return faults


def _check_brand_logo(settings: Settings) -> list[str]:
    if not settings.brand_logo:
        return []
    try:
        picture_of(settings.brand_logo)
    except OSError as error:
        return [f"BRAND_LOGO cannot be read: {type(error).__name__}"]
    except ValueError as error:
        return [f"BRAND_LOGO: {error}"]
    return []


def _check_places(settings: Settings) -> list[str]:
    if not settings.geoip_file:
        return []
    try:
        maxminddb.open_database(settings.geoip_file, maxminddb.MODE_FILE).close()
    except OSError as error:
        return [f"GEOIP_FILE cannot be read: {type(error).__name__}"]
    except Exception:  # a broken file may break the reader in any way
        return ["GEOIP_FILE is not a MaxMind DB file"]
    return []


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: ``localhost``, ``*.localhost`` or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_server(text: str) -> bool:
    """Whether it is a kind of server with its origin: https, or http on this machine.

    An IPv6 address is none: pages cannot be allowed to call it (CSP 3, section 2.3.1).
    """
    kind, _sign, url = text.partition("=")
    parts = _split(url)
    if kind not in ("development", "production") or parts is None or url != f"{parts.scheme}://{parts.netloc}":
        return False
    return _ORIGIN.fullmatch(url) is not None and (parts.scheme == "https" or is_loopback(parts.hostname or ""))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def has_control(text: str) -> bool:
    """Whether a text holds a control character, CR, LF and NUL among them."""
    return _CONTROL.search(text) is not None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
