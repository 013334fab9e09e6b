"""Who a person is to a client: the subject, and the claims that its scopes release (Core 5.4, 8)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, select

from auth_portal.db import autocommit, upsert
from auth_portal.models import PairwiseSubject
from auth_portal.oidc.clients import Client
from auth_portal.settings import RegistrationField
from auth_portal.signin.users import Profile

STANDARD_SCOPES = ("openid", "profile", "email", "phone", "offline_access")
"""What a client may ask for unless its registration says otherwise."""
SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "profile": ("name", "given_name", "family_name", "locale", "updated_at"),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
}
CLAIMS = ("sub", *(claim for claims in SCOPE_CLAIMS.values() for claim in claims))
"""Every claim about a person that every portal may have."""


class Subjects:
    """Names people to clients."""

    def __init__(self, engine: Engine) -> None:
        self._autocommit = autocommit(engine)

    def subject(self, client: Client, user_id: str) -> str:
        """The person's id, or with a sector a name that only this sector's clients know (Core 8.1)."""
        if client.sector is None:
            return user_id
        values = {"sector": client.sector, "user_id": user_id}
        with self._autocommit.connect() as connection:
            found: str | None = connection.execute(_FIND, values).scalar()
            if found is None:
                insert = upsert(connection.dialect.name)(PairwiseSubject)
                named = insert.values(**values, subject=secrets.token_urlsafe(32)).on_conflict_do_nothing()
                connection.execute(named)
                found = connection.execute(_FIND, values).scalar_one()
        return str(found)


def known_claims(fields: Sequence[RegistrationField]) -> tuple[str, ...]:
    """Every claim about a person that we may have, those of the portal's own fields among them."""
    return (*CLAIMS, *(field.claim for field in fields))


def claims_of(
    user: Profile, scopes: Iterable[str], wanted: Iterable[str] = (), fields: Sequence[RegistrationField] = ()
) -> dict[str, Any]:
    """What is told of a person: the scopes' claims and those asked for by name; what we do not have is left out.

    The portal's own ``fields`` are part of the scope ``profile``.
    """
    scopes = tuple(scopes)
    names = {name for scope in scopes for name in SCOPE_CLAIMS.get(scope, ())} | set(wanted)
    if "profile" in scopes:
        names |= {field.claim for field in fields}
    own = {field.claim: (user.fields or {}).get(field.name) for field in fields}
    known = own | {
        "name": f"{user.first_name} {user.last_name}".strip(),
        "given_name": user.first_name,
        "family_name": user.last_name,
        "locale": user.locale,
        "updated_at": int((user.updated_at or user.created_at).timestamp()),
        "email": user.email,
        # An address or number is kept only once it was proven by a code (OP-41).
        "email_verified": True if user.email else None,
        "phone_number": user.phone,
        "phone_number_verified": True if user.phone else None,
    }
    return {name: value for name, value in known.items() if name in names and value is not None}


_FIND = select(PairwiseSubject.subject).where(
    PairwiseSubject.sector == bindparam("sector"), PairwiseSubject.user_id == bindparam("user_id")
)
