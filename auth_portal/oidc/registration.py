"""What may be registered of a client: the rules for an operator's words, and the columns they become.

Knows no request and no database; ``ClientService`` keeps what was checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from auth_portal.oidc.addresses import MAX_NAME, allowed_people, sector_of, web_origin, web_origins, wrong_with
from auth_portal.oidc.client_keys import MAX_ITEMS, public_keys
from auth_portal.oidc.clients import Client
from auth_portal.oidc.offers import AUTH_METHODS, DEVICE_GRANT, GRANT_TYPES, ID_TOKEN_ALGORITHMS, SECRET_METHODS
from auth_portal.oidc.subjects import STANDARD_SCOPES
from auth_portal.oidc.tokens import LONGEST_ACCESS_TOKEN
from auth_portal.settings import LOCALES
from auth_portal.settings.fields import Duration
from auth_portal.settings.pictures import picture_type
from auth_portal.signin.registration import NAME_LENGTH
from auth_portal.signin.texts import is_printable

HAND_OVER_PATH = "/.auth-portal/callback"
"""Where a guarded site is given its session."""
_LONGEST_ACCESS_S = int(LONGEST_ACCESS_TOKEN.total_seconds())
_NO_SECRET = {"secret_hash": None, "former_secret_hash": None, "former_secret_until": None}
_PUBLIC_PATH = re.compile(r"(?!.*(?://|/\.\.?(?:/|$)))/[^?#\\%;*\x00-\x20\x7f-\U0010ffff]{1,254}")


class RegistrationRefused(ValueError):
    """Something may not be registered so. ``faults`` has a sentence for each reason."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Checked:
    """What ``ClientService.create`` and ``update`` take."""

    columns: dict[str, Any]
    origins: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an operator wants of a client, not yet checked. Empty lists are the default of what they list.

    ``jwks``: the bytes of a file, or a JWK set. ``logo``: None leaves it as it is, no bytes take it away. Times to
    live are as in the settings: seconds, or with ``s``, ``m``, ``h``, ``d``. ``has_secret``: of a client that is
    there already. The hand-over address of ``site`` is not among ``redirect_uris``.
    """

    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    auth_method: str | None = None
    has_secret: bool | None = None
    jwks: Any | None = None
    jwks_uri: str | None = None
    grant_types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    api_identifier: str | None = None
    is_trusted: bool = False
    require_pkce: bool = True
    require_pushed: bool = False
    claims_in_id_token: bool = False
    id_token_algorithm: str = "RS256"  # noqa: S105  an algorithm, no password
    is_pairwise: bool = False
    sector: str | None = None
    access_token_ttl: str | int | None = None
    refresh_token_ttl: str | int | None = None
    homepage: str | None = None
    logo: bytes | None = None
    color: str | None = None
    locale: str | None = None
    site: str | None = None
    allow: tuple[str, ...] = ()
    public_paths: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, client: Client, origins: Iterable[str]) -> Registration:
        """The registration that a client has now, to be changed. ``origins`` are those that are kept for it."""
        own = tuple(uri for uri in client.redirect_uris if uri != f"{client.site}{HAND_OVER_PATH}")
        same = {name: getattr(client, name) for name in cls.__dataclass_fields__ if hasattr(client, name)}
        changed = {
            "redirect_uris": own,
            "grant_types": (),
            "has_secret": bool(client.secret_hashes),
            "is_pairwise": client.sector is not None,
            "allow": client.access.allow,
            "public_paths": client.access.public_paths,
            "cors_origins": tuple(origin for origin in origins if origin not in web_origins(own)),
        }
        registration = cls(**{**same, **changed})
        if registration.grants == client.grant_types:
            return registration  # they go on following what else is registered
        return replace(registration, grant_types=client.grant_types)

    @property
    def is_site_only(self) -> bool:
        """Whether it only guards a site: no app of its own speaks the protocol."""
        return bool(self.site) and not self.redirect_uris

    @property
    def method(self) -> str | None:
        """How it authenticates; the hand-over of a guarded site is ours and needs no secret."""
        return "none" if self.is_site_only else self.auth_method

    @property
    def grants(self) -> tuple[str, ...]:
        """Its grant types; unless some were named, all that fit (OP-38)."""
        if self.grant_types:
            return _unique(DEVICE_GRANT if name == "device_code" else name for name in self.grant_types)
        if self.is_site_only:
            return GRANT_TYPES[:1]
        return GRANT_TYPES[0 if self.redirect_uris else 1 : 3 if self.method == "none" else 4]

    def checked(self) -> Checked:
        """The columns and origins. Raises RegistrationRefused with every fault at once."""
        faults = [fault for rule in _RULES for fault in rule(self)]
        if faults:
            raise RegistrationRefused(faults)
        hand_over = [f"{self.site}{HAND_OVER_PATH}"] if self.site else []
        same = ("backchannel_logout_uri", "jwks_uri", "api_identifier", "homepage", "id_token_algorithm", "site")
        more = ("locale", "require_pkce", "require_pushed", "claims_in_id_token")
        columns = {
            **{name: getattr(self, name) for name in (*same, *more)},
            "name": self.name.strip(),
            "redirect_uris": list(_unique([*self.redirect_uris, *hand_over])),
            "post_logout_redirect_uris": list(_unique(self.post_logout_redirect_uris)),
            "auth_method": self.method,
            "jwks": {"keys": public_keys(self.jwks)} if self.jwks else None,
            "grant_types": list(self.grants),
            "scopes": list(_scopes(self.scopes) or STANDARD_SCOPES),
            "resources": list(_unique(self.resources)),
            "is_trusted": self.is_trusted or self.is_site_only,
            "sector": _sector(self),
            "access_token_ttl": _seconds(self.access_token_ttl, 30, _LONGEST_ACCESS_S),
            "refresh_token_ttl": _seconds(self.refresh_token_ttl, 60, 400 * 86_400),
            "color": self.color and self.color.lower(),
            "access": {
                "allow": list(_unique(map(allowed_people, self.allow))),
                "public_paths": list(self.public_paths),
            },
        }
        if self.method not in (None, *SECRET_METHODS):
            columns |= _NO_SECRET
        if self.logo is not None:
            columns |= {"logo": self.logo or None, "logo_type": picture_type(self.logo) if self.logo else None}
        return Checked(columns, list(_unique([*self.cors_origins, *web_origins(self.redirect_uris)])))


def _check_name(wanted: Registration) -> Iterator[str]:
    if not 1 <= len(wanted.name.strip()) <= NAME_LENGTH or not is_printable(wanted.name) or not wanted.name.strip():
        yield f"the name must have 1 to {NAME_LENGTH} printable characters"
    for field in fields(wanted):
        value = getattr(wanted, field.name)
        if isinstance(value, tuple) and len(value) > MAX_ITEMS:
            yield f"more than {MAX_ITEMS} {field.name.replace('_', ' ')}"


def _check_addresses(wanted: Registration) -> Iterator[str]:
    """OP-03. Private schemes are for apps on a device, which can keep no secret (OP-66)."""
    lists = {"redirect URI": wanted.redirect_uris, "post-logout redirect URI": wanted.post_logout_redirect_uris}
    for what, uris in lists.items():
        yield from (f"{what} {uri[:99]!a} {wrong}" for uri in uris for wrong in wrong_with(uri, wanted.method))
    single = {
        "back-channel logout URI": wanted.backchannel_logout_uri,
        "JWKS URI": wanted.jwks_uri,
        "home page": wanted.homepage,
    }
    yield from (f"{what} {uri[:99]!a} {wrong}" for what, uri in single.items() if uri for wrong in wrong_with(uri))


def _check_authentication(wanted: Registration) -> Iterator[str]:
    if wanted.auth_method not in (None, *AUTH_METHODS):
        yield f"the authentication method must be one of {', '.join(AUTH_METHODS)}"
    if wanted.is_site_only and wanted.auth_method not in (None, "none"):
        yield "a client that only guards a site does not authenticate: leave the authentication method out"
    if wanted.has_secret is False and wanted.method in (None, *SECRET_METHODS):
        yield "a client that has no secret cannot get one: create another client"
    if wanted.method == "none" and not wanted.require_pkce:
        yield "only a confidential client may do without PKCE"
    if (wanted.method == "private_key_jwt") != (bool(wanted.jwks) != bool(wanted.jwks_uri)) or (
        wanted.jwks and wanted.jwks_uri
    ):
        yield "private_key_jwt needs either keys or the URI of keys, and no other method has them"
    if wanted.jwks:
        yield from _fault_of(public_keys, wanted.jwks)


def _check_grants(wanted: Registration) -> Iterator[str]:
    """OP-38."""
    grants = wanted.grants
    yield from (
        f"unknown grant {name[:99]!a}; there are {', '.join(GRANT_TYPES)}" for name in set(grants) - set(GRANT_TYPES)
    )
    if "authorization_code" in grants and not (wanted.redirect_uris or wanted.site):
        yield "the grant authorization_code needs a redirect URI"
    if "client_credentials" in grants and wanted.method == "none":
        yield "a public client may not have the grant client_credentials"
    if "refresh_token" in grants and not {"authorization_code", DEVICE_GRANT} & set(grants):
        yield "the grant refresh_token needs authorization_code or device_code"


def _scopes(values: Iterable[str]) -> tuple[str, ...]:
    """The scopes in values that may hold several each, parted by spaces (RFC 6749 section 3.3)."""
    return _unique(word for word in " ".join(values).split(" ") if word)


def _check_scopes(wanted: Registration) -> Iterator[str]:
    words = _scopes(wanted.scopes)
    if len(words) > MAX_ITEMS:
        yield f"more than {MAX_ITEMS} scopes"
    for word in words:
        if word == "account":
            yield "the scope 'account' is the portal's own"
        elif not re.fullmatch(r"[!#-\[\]-~]{1,100}", word):
            yield f"scope {word[:99]!a} has a character that no scope has, or more than 100"
    for name in (*wanted.resources, wanted.api_identifier or "urn:none"):
        if len(name) > MAX_NAME or not re.fullmatch(r"[a-z][a-z0-9+.-]*:(?!.*#)[!-\[\]-~]+", name):
            yield f"{name[:99]!a} is no name of an API: an absolute URI without fragment, {MAX_NAME} characters"


def _check_tokens(wanted: Registration) -> Iterator[str]:
    if wanted.id_token_algorithm not in ID_TOKEN_ALGORITHMS:
        yield f"the algorithm of ID tokens must be one of {', '.join(ID_TOKEN_ALGORITHMS)}"
    yield from _fault_of(_seconds, wanted.access_token_ttl, 30, _LONGEST_ACCESS_S)
    yield from _fault_of(_seconds, wanted.refresh_token_ttl, 60, 400 * 86_400)
    yield from _fault_of(_sector, wanted)


def _check_site(wanted: Registration) -> Iterator[str]:
    for origin in filter(None, (*wanted.cors_origins, wanted.site)):
        if any(wrong_with(origin)) or origin != web_origin(origin):
            yield f"{origin[:99]!a} is no origin: scheme, host and port in lower case, without a default port"
    for pattern in wanted.allow:
        yield from _fault_of(allowed_people, pattern)
    if wanted.public_paths and not wanted.site:
        yield "public paths belong to a site"
    if wanted.site and wanted.require_pushed:
        yield "a site's requests come through the browser: they cannot be required to be pushed"
    for path in wanted.public_paths:
        if not _PUBLIC_PATH.fullmatch(path):
            yield f"public path {path[:99]!a} must begin with / and be a plain path that is not the whole site"


def _check_look(wanted: Registration) -> Iterator[str]:
    if wanted.color and not re.fullmatch(r"#[0-9a-fA-F]{6}", wanted.color):
        yield "the colour must be written as #rrggbb"
    if wanted.locale not in (None, *LOCALES):
        yield f"the language must be one of {', '.join(LOCALES)}"
    if wanted.logo:
        yield from _fault_of(picture_type, wanted.logo)


_RULES = (
    *(_check_name, _check_addresses, _check_authentication, _check_grants),
    *(_check_scopes, _check_tokens, _check_site, _check_look),
)


def _fault_of(parse: Callable[..., object], *values: object) -> list[str]:
    try:
        parse(*values)
    except ValueError as error:
        return [str(error)]
    return []


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _seconds(text: str | int | None, least: int, most: int) -> int | None:
    if text is None:
        return None
    try:
        ttl: timedelta = TypeAdapter(Duration).validate_python(str(text))
    except ValidationError:
        raise ValueError(f"{text!a} is no time: seconds, or a number with s, m, h or d") from None
    if not least <= ttl.total_seconds() <= most:
        raise ValueError(f"a time to live of {text!a} is not between {least} and {most} seconds")
    return int(ttl.total_seconds())


def _sector(wanted: Registration) -> str | None:
    is_pairwise = wanted.is_pairwise or wanted.sector is not None
    return sector_of(wanted.sector, filter(None, [*wanted.redirect_uris, wanted.site])) if is_pairwise else None
