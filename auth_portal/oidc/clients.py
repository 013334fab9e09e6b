"""Clients: the registered apps as protocol and pages see them; ``registration`` decides what may be registered."""

from __future__ import annotations

import fnmatch
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy import Engine, bindparam, delete, exists, insert, select, update

from auth_portal.db import AnyRow, autocommit, utcnow
from auth_portal.models import Client as ClientRow
from auth_portal.models import ClientOrigin, Session
from auth_portal.oidc.addresses import differ_by_port, origin_of
from auth_portal.oidc.offers import SECRET_METHODS
from auth_portal.signin.endings import end_sessions
from auth_portal.signin.events import OPERATOR, differing, record
from auth_portal.signin.keyring import digest

SECRET_OVERLAP = timedelta(days=7)
"""How long the former secret stays good after a rotation (OP-34)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use an app: addresses or ``*@domain``, nobody named is everybody; and what forward-auth leaves open."""

    allow: tuple[str, ...] = ()
    public_paths: tuple[str, ...] = ()

    def admits(self, email: str | None) -> bool:
        """Whether a person with this address may use the app. Addresses are compared without case."""
        if not self.allow:
            return True
        return email is not None and any(fnmatch.fnmatchcase(email.lower(), rule.lower()) for rule in self.allow)

    def is_public(self, path: str) -> bool:
        """Whether forward-auth lets everybody have this path of the site. ``path`` is normalised."""
        return any(path == rule or path.startswith(rule.rstrip("/") + "/") for rule in self.public_paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(ClientMixin):  # type: ignore[misc]
    """One registered app. Times to live are seconds; None is the portal's."""

    id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    auth_method: str | None = None
    secret_hashes: tuple[str, ...] = field(default=(), repr=False)
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
    sector: str | None = None
    access_token_ttl: int | None = None
    refresh_token_ttl: int | None = None
    homepage: str | None = None
    has_logo: bool = False
    color: str | None = None
    locale: str | None = None
    site: str | None = None
    access: Access = Access()
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_public(self) -> bool:
        """Whether it can keep no secret (RFC 6749, 2.1)."""
        return self.auth_method == "none"

    @property
    def origins(self) -> list[str]:
        """Scheme, host and port of everything where its pages are; a scheme alone for native apps (D7)."""
        addresses = [*self.redirect_uris, *self.post_logout_redirect_uris, self.homepage, self.site]
        return list(dict.fromkeys(origin_of(address) for address in addresses if address))

    @property
    def host(self) -> str:
        """Where people are sent back to, in a word."""
        return next((origin.partition("://")[2] or origin for origin in self.origins), "")

    def get_client_id(self) -> str:
        """Its ``client_id``."""
        return self.id

    def get_default_redirect_uri(self) -> None:
        """None: a request must say where to return (Core 3.1.2.1)."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """What of the wanted scopes it may have; the others are ignored (OP-13)."""
        return " ".join(word for word in dict.fromkeys((scope or "").split()) if word in self.scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly one of those registered; a public client's loopback address may have any port (OP-01, OP-66)."""
        if redirect_uri in self.redirect_uris:
            return True
        return self.is_public and any(differ_by_port(known, redirect_uri) for known in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is one of its secrets; compared in constant time (OP-34)."""
        given = digest(client_secret)
        return any(hmac.compare_digest(given, known) for known in self.secret_hashes)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  Authlib asks so
        """Whether it authenticates so. A secret may come by Basic or in the body unless one of them was fixed."""
        if self.auth_method is None:
            return method in SECRET_METHODS
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        """Only ``code`` (OP-04)."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it registered this grant (OP-38)."""
        return grant_type in self.grant_types


def _may_exist(name: str, most: int) -> bool:
    """Whether anything could have this name; a database refuses to be asked for NUL and half characters."""
    return 0 < len(name) <= most and name.isascii() and name.isprintable()


class ClientService:
    """Finds and keeps clients. Each call asks the database: a change works at once in every process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._autocommit = autocommit(engine)

    def find(self, client_id: str) -> Client | None:
        """The client with this id."""
        return self._one(_BY_ID, {"client_id": client_id}) if _may_exist(client_id, 64) else None

    def find_by_site(self, origin: str) -> Client | None:
        """The client whose site forward-auth guards."""
        return self._one(_BY_SITE, {"site": origin}) if _may_exist(origin, 255) else None

    def all(self) -> list[Client]:
        """Every client, by name."""
        with self._autocommit.connect() as connection:
            return [_client(row) for row in connection.execute(_ALL)]

    def origins(self, client_id: str) -> list[str]:
        """The origins of a client's own pages."""
        with self._autocommit.connect() as connection:
            return list(connection.execute(_ORIGINS, {"client_id": client_id}).scalars())

    def may_call(self, origin: str) -> bool:
        """Whether pages of this origin belong to a client (OP-26)."""
        if not _may_exist(origin, 255):
            return False
        with self._autocommit.connect() as connection:
            return bool(connection.execute(_HAS_ORIGIN, {"origin": origin}).scalar())

    def logo(self, client_id: str) -> tuple[bytes, str] | None:
        """The picture of a client and its media type."""
        if not _may_exist(client_id, 64):
            return None
        with self._autocommit.connect() as connection:
            row = connection.execute(_LOGO, {"client_id": client_id}).first()
        return (row.logo, row.logo_type) if row and row.logo else None

    def create(self, columns: dict[str, Any], origins: Sequence[str]) -> tuple[str, str | None]:
        """Keep a new client; its id, and its secret where it has one, which is shown this once."""
        client_id = secrets.token_hex(16)
        secret = secrets.token_hex(32) if columns["auth_method"] in (None, *SECRET_METHODS) else None
        now = utcnow()
        row = {
            **columns,
            "id": client_id,
            "secret_hash": digest(secret) if secret else None,
            "created_at": now,
            "updated_at": now,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(ClientRow), row)
            _keep_origins(connection, client_id, origins)
            record(connection, "client_created", OPERATOR, None, client_id=client_id)
        return client_id, secret

    def update(self, client_id: str, columns: dict[str, Any], origins: Sequence[str]) -> bool:
        """Change a client; false where there is none."""
        is_this = ClientRow.id == client_id
        former = select(*(getattr(ClientRow, name) for name in columns)).where(is_this).with_for_update()
        with self._engine.begin() as connection:
            row = connection.execute(former).first()
            if row is None:
                return False
            names = sorted(differing(row, columns))
            if {*connection.execute(_ORIGINS, {"client_id": client_id}).scalars()} != {*origins}:
                names.append("origins")
            connection.execute(update(ClientRow).where(is_this).values(**columns, updated_at=utcnow()))
            connection.execute(delete(ClientOrigin).where(ClientOrigin.client_id == client_id))
            _keep_origins(connection, client_id, origins)
            record(connection, "client_changed", OPERATOR, None, client_id=client_id, facts={"fields": names})
        return True

    def rotate_secret(self, client_id: str, *, at_once: bool = False) -> str | None:
        """A new secret; the present one stays good for SECRET_OVERLAP unless it leaked. None without a secret."""
        secret = secrets.token_hex(32)
        now = utcnow()
        with self._engine.begin() as connection:
            rotated = connection.execute(
                update(ClientRow)
                .where(ClientRow.id == client_id, ClientRow.secret_hash.is_not(None))
                .values(
                    former_secret_hash=None if at_once else ClientRow.secret_hash,
                    former_secret_until=None if at_once else now + SECRET_OVERLAP,
                    secret_hash=digest(secret),
                    updated_at=now,
                )
            )
            if rotated.rowcount:
                facts = {"at_once": at_once}
                record(connection, "secret_rotated", OPERATOR, None, client_id=client_id, facts=facts)
        return secret if rotated.rowcount else None

    def delete(self, client_id: str) -> bool:
        """Forget a client with all that people allowed it; false where there is none."""
        with self._engine.begin() as connection:
            end_sessions(connection, Session.client_id == client_id, utcnow())
            if connection.execute(delete(ClientRow).where(ClientRow.id == client_id)).rowcount == 0:
                return False
            record(connection, "client_deleted", OPERATOR, None, client_id=client_id)
        return True

    def _one(self, statement: Any, values: dict[str, Any]) -> Client | None:
        with self._autocommit.connect() as connection:
            row = connection.execute(statement, values).first()
        return _client(row) if row else None


def _keep_origins(connection: Any, client_id: str, origins: Sequence[str]) -> None:
    rows = [{"client_id": client_id, "origin": origin} for origin in dict.fromkeys(origins)]
    if rows:
        connection.execute(insert(ClientOrigin), rows)


def _client(row: AnyRow) -> Client:
    secret_hashes = [row.secret_hash] if row.secret_hash else []
    if row.former_secret_hash and row.former_secret_until > utcnow():
        secret_hashes.append(row.former_secret_hash)
    return Client(
        id=row.id,
        name=row.name,
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        backchannel_logout_uri=row.backchannel_logout_uri,
        auth_method=row.auth_method,
        secret_hashes=tuple(secret_hashes),
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        grant_types=tuple(row.grant_types),
        scopes=tuple(row.scopes),
        resources=tuple(row.resources),
        api_identifier=row.api_identifier,
        is_trusted=row.is_trusted,
        require_pkce=row.require_pkce,
        require_pushed=row.require_pushed,
        claims_in_id_token=row.claims_in_id_token,
        id_token_algorithm=row.id_token_algorithm,
        sector=row.sector,
        access_token_ttl=row.access_token_ttl,
        refresh_token_ttl=row.refresh_token_ttl,
        homepage=row.homepage,
        has_logo=row.logo_type is not None,
        color=row.color,
        locale=row.locale,
        site=row.site,
        access=Access(tuple(row.access.get("allow", ())), tuple(row.access.get("public_paths", ()))),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


_COLUMNS = [column for column in ClientRow.__table__.columns if column.key != "logo"]
_BY_ID = select(*_COLUMNS).where(ClientRow.id == bindparam("client_id"))
_BY_SITE = select(*_COLUMNS).where(ClientRow.site == bindparam("site"))
_ALL = select(*_COLUMNS).order_by(ClientRow.name, ClientRow.id)
_LOGO = select(ClientRow.logo, ClientRow.logo_type).where(ClientRow.id == bindparam("client_id"))
_ORIGINS = select(ClientOrigin.origin).where(ClientOrigin.client_id == bindparam("client_id"))
_HAS_ORIGIN = select(exists().where(ClientOrigin.origin == bindparam("origin")))
