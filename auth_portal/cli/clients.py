"""``auth-portal client``: the apps that people sign in to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import IntegrityError

from auth_portal.cli.context import Command, json_option, load_services, show
from auth_portal.oidc.clients import Client
from auth_portal.oidc.offers import AUTH_METHODS, ID_TOKEN_ALGORITHMS, SECRET_METHODS
from auth_portal.oidc.registration import Checked, Registration, RegistrationRefused
from auth_portal.settings import LOCALES
from auth_portal.settings.pictures import FILE_SIZE
from auth_portal.web.envelope import wire_time
from auth_portal.web.services import Services


def _read(_context: click.Context, _parameter: click.Parameter, path: str | None) -> bytes | None:
    """The bytes of a file, one more than may be at most; none for an empty word."""
    if not path:
        return None if path is None else b""
    try:
        with Path(path).open("rb") as file:
            return file.read(FILE_SIZE + 1)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {type(error).__name__}") from None


def _many(flag: str, field: str, metavar: str, explanation: str) -> Callable[[Command], Command]:
    return click.option(flag, field, multiple=True, metavar=metavar, help=f"{explanation} Repeatable.")


_OPTIONS = [
    _many("--redirect-uri", "redirect_uris", "URI", "Where people return to after signing in."),
    _many(
        "--post-logout-redirect-uri", "post_logout_redirect_uris", "URI", "Where they return to after signing out."
    ),
    click.option("--backchannel-logout-uri", metavar="URI", help="Told when a person's session ends."),
    click.option("--public", "is_public", is_flag=True, help="An app that can keep no secret: --auth-method none."),
    click.option(
        "--auth-method",
        type=click.Choice([*AUTH_METHODS, ""]),
        metavar="|".join(AUTH_METHODS),
        help="How it authenticates; without it a secret, by basic or post.",
    ),
    click.option("--jwks", callback=_read, metavar="FILE", help="Its public keys, for private_key_jwt."),
    click.option("--jwks-uri", metavar="URI", help="Where its public keys are, for private_key_jwt."),
    click.option("--pkce/--no-pkce", "require_pkce", default=None, help="Whether PKCE is required; it is."),
    click.option("--require-par/--no-require-par", "require_pushed", default=None, help="Only pushed requests."),
    click.option(
        "--claims-in-id-token/--no-claims-in-id-token",
        default=None,
        help="Name and address in the ID token, for an app that does not ask userinfo.",
    ),
    click.option("--trusted/--no-trusted", "is_trusted", default=None, help="People are not asked for consent."),
    _many("--grant", "grant_types", "NAME", "Grant types; without it all that fit."),
    _many("--scope", "scopes", "SCOPES", "Scopes it may ask for; without it the standard ones."),
    _many("--resource", "resources", "URI", "APIs that its tokens may be for (RFC 8707)."),
    click.option("--api-identifier", metavar="URI", help="It is this API, and may introspect tokens for it."),
    click.option(
        "--id-token-alg", "id_token_algorithm", type=click.Choice(ID_TOKEN_ALGORITHMS), help="Of ID tokens; RS256."
    ),
    click.option(
        "--pairwise/--no-pairwise", "is_pairwise", default=None, help="People have other ids at other apps."
    ),
    click.option("--sector", metavar="HOST", help="What pairwise ids belong to, unless all redirects have one host."),
    click.option("--access-token-ttl", metavar="TIME", help="30 s to 1 h; seconds, or with s, m, h, d."),
    click.option("--refresh-token-ttl", metavar="TIME", help="1 min to 400 d."),
    click.option("--homepage", metavar="URI", help="The app's own page."),
    click.option("--logo", callback=_read, metavar="FILE", help="PNG, JPEG, WebP or SVG, up to 64 KiB."),
    click.option("--color", metavar="#RRGGBB", help="The app's colour."),
    click.option("--locale", metavar="LANGUAGE", help=f"The language of its sign-ins: {', '.join(LOCALES)}."),
    click.option("--site", metavar="ORIGIN", help="A site that forward-auth guards."),
    _many("--allow", "allow", "PATTERN", "Who may use it: an address or *@domain; without it everybody."),
    _many("--public-path", "public_paths", "PATH", "What forward-auth leaves open of the site, and all below it."),
    _many("--cors-origin", "cors_origins", "ORIGIN", "Where its pages are, beside its redirect URIs."),
]


def _registration_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def client() -> None:
    """Register apps and look after them. A change works at once in a running portal."""


@client.command()
@click.option("--name", required=True, help="What people see.")
@_registration_options
@json_option
def create(as_json: bool, **values: Any) -> None:
    """Register an app. Prints its client_id, and its client_secret this once."""
    services = load_services()
    with _refusals():
        checked = _checked(services, Registration(**_given(values)))
        client_id, secret = services.clients.create(checked.columns, checked.origins)
    _print_one(services, client_id, secret=secret, as_json=as_json)


@client.command()
@click.argument("client_id")
@click.option("--name", help="What people see.")
@_registration_options
@json_option
def update(client_id: str, as_json: bool, **values: Any) -> None:
    """Change an app: only what is given. A list is replaced; an empty value ("") takes away what was there."""
    given = _given(values)
    services = load_services()
    former = _get(services, client_id)
    if given.get("jwks") or given.get("jwks_uri"):
        given = {"jwks": None, "jwks_uri": None} | given
    if given.get("is_pairwise") is False:
        given["sector"] = None
    with _refusals():
        wanted = replace(Registration.of(former, services.clients.origins(client_id)), **given)
        checked = _checked(services, wanted)
        services.clients.update(client_id, checked.columns, checked.origins)
    _print_one(services, client_id, as_json=as_json)


def _checked(services: Services, wanted: Registration) -> Checked:
    """What may be kept. No app may speak, or ask, for the portal itself: its tokens would pass for the portal's."""
    issuer = services.settings.public_url
    if issuer in (*wanted.resources, wanted.api_identifier):
        raise RegistrationRefused(["the portal itself is no API of an app"])
    return wanted.checked()


@client.command("rotate-secret")
@click.argument("client_id")
@click.option("--now", "at_once", is_flag=True, help="The former secret leaked: it is refused at once.")
@json_option
def rotate_secret(client_id: str, at_once: bool, as_json: bool) -> None:
    """Give an app a new secret, printed this once. The former one is good for 7 more days."""
    services = load_services()
    _get(services, client_id)
    secret = services.clients.rotate_secret(client_id, at_once=at_once)
    if secret is None:
        raise click.ClickException("this client has no secret")
    _print({"client_id": client_id, "client_secret": secret}, as_json=as_json)


@client.command()
@click.argument("client_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(client_id: str, yes: bool) -> None:
    """Forget an app. What people allowed it ends at once, and its tokens with it."""
    services = load_services()
    found = _get(services, client_id)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: give --yes")
    if not yes:
        click.confirm(f"Delete {found.name} ({client_id})?", abort=True, err=True)
    services.clients.delete(client_id)


@client.command("list")
@json_option
def list_clients(as_json: bool) -> None:
    """All apps, by name."""
    found = load_services().clients.all()
    if as_json:
        click.echo(json.dumps([_metadata(each) for each in found], ensure_ascii=False, indent=2))
        return
    columns = ("client_id", "client_name", "token_endpoint_auth_method", "created_at")
    rows = [(each, _metadata(each)) for each in found]
    show([{name: row[name] for name in columns} | {"host": each.host} for each, row in rows], as_json=False)


@client.command("show")
@click.argument("client_id")
@json_option
def show_client(client_id: str, as_json: bool) -> None:
    """One app, without its secret, which nobody can read any more."""
    _print_one(load_services(), client_id, as_json=as_json)


def _get(services: Services, client_id: str) -> Client:
    found = services.clients.find(client_id)
    if found is None:
        raise click.ClickException("no such client")
    return found


@contextmanager
def _refusals() -> Iterator[None]:
    """Say everything that is wrong with a registration, and end with 1."""
    try:
        yield
    except RegistrationRefused as refused:
        raise click.ClickException(
            "this cannot be registered:" + "".join(f"\n  - {it}" for it in refused.faults)
        ) from None
    except IntegrityError as error:
        what = "API identifier" if "api_identifier" in str(error.orig) else "site"
        raise click.ClickException(f"this cannot be registered:\n  - another client has this {what}") from None


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What was given on the command line, by the fields of a Registration; an empty word is nothing."""
    given = {name: value for name, value in values.items() if value is not None and value != ()}
    if given.pop("is_public"):
        if given.get("auth_method", "none") != "none":
            raise click.UsageError("--public is --auth-method none: give one of them")
        given["auth_method"] = "none"
    for name, value in given.items():
        if isinstance(value, tuple):
            given[name] = tuple(word for word in value if word)
        elif value in ("", b"") and name not in ("name", "logo"):
            given[name] = None
    return given


def _metadata(found: Client) -> dict[str, Any]:
    """A client in the words of RFC 7591, and ours for what it has none for. No secret."""
    times = {"created_at": found.created_at, "updated_at": found.updated_at}
    return {
        "client_id": found.id,
        "client_name": found.name,
        "redirect_uris": list(found.redirect_uris),
        "post_logout_redirect_uris": list(found.post_logout_redirect_uris),
        "backchannel_logout_uri": found.backchannel_logout_uri,
        "token_endpoint_auth_method": found.auth_method or SECRET_METHODS[0],
        "token_endpoint_auth_methods": [found.auth_method] if found.auth_method else list(SECRET_METHODS),
        "jwks": found.jwks,
        "jwks_uri": found.jwks_uri,
        "grant_types": list(found.grant_types),
        "response_types": ["code"] if found.check_response_type("code") else [],
        "scope": " ".join(found.scopes),
        "resources": list(found.resources),
        "api_identifier": found.api_identifier,
        "trusted": found.is_trusted,
        "require_pkce": found.require_pkce,
        "require_pushed_authorization_requests": found.require_pushed,
        "id_token_signed_response_alg": found.id_token_algorithm,
        "claims_in_id_token": found.claims_in_id_token,
        "subject_type": "public" if found.sector is None else "pairwise",
        "sector": found.sector,
        "access_token_ttl": found.access_token_ttl,
        "refresh_token_ttl": found.refresh_token_ttl,
        "client_uri": found.homepage,
        "has_logo": found.has_logo,
        "color": found.color,
        "locale": found.locale,
        "site": found.site,
        "allow": list(found.access.allow),
        "public_paths": list(found.access.public_paths),
        **{name: wire_time(value) if isinstance(value, datetime) else None for name, value in times.items()},
    }


def _print_one(services: Services, client_id: str, *, as_json: bool, secret: str | None = None) -> None:
    first = {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    origins = {"cors_origins": services.clients.origins(client_id)}
    _print(first | _metadata(_get(services, client_id)) | origins, as_json=as_json)


def _print(values: dict[str, Any], *, as_json: bool) -> None:
    """One thing: a JSON object, or a line for each of its values that there is."""
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    for name, value in values.items():
        if value not in (None, [], ""):
            text = (
                " ".join(value)
                if isinstance(value, list)
                else json.dumps(value)
                if isinstance(value, dict)
                else value
            )
            click.echo(f"{name}  {text}")
