"""What JSON callers may send. Only shapes here; what a value means is decided in ``signin``."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn, TypeVar

from flask import request
from pydantic import ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from auth_portal.errors import InvalidInput
from auth_portal.marks import _
from auth_portal.settings import LOCALES
from auth_portal.web.operation import ChangedFields, GivenFields, Wire

Text = Annotated[str, Field(max_length=1_024)]
Opaque = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._~-]+$")]
Language = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z0-9_-]*$")]


def _said(description: str, *examples: object, default: Any = ..., **narrower: Any) -> Any:
    """A member with words for people, an example, and what of its rules the type does not show."""
    return Field(
        default, description=description, examples=list(examples) or None, json_schema_extra=narrower or None
    )


_LETTER_LANGUAGE = _said(
    _("The language of the letter or text; without it, that of the answer."), LOCALES[0], default=None
)
_NAME_RULE = {"minLength": 1, "maxLength": 100}

_REASONS = {
    "missing": "missing",
    "string_type": "wrong_type",
    "bool_type": "wrong_type",
    "string_too_long": "too_long",
    "string_too_short": "missing",
    "string_unicode": "malformed",
    "string_pattern_mismatch": "malformed",
}


class Input(Wire):
    """A request body. Strict types, unknown members ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class ToEmail(Input):
    """Whom a call is about, by address."""

    email: Text = _said(_("The address."), "ada@example.com", format="email", maxLength=254)


class ToPhone(Input):
    """Whom a call is about, by number. ``region``: the country of a national number."""

    phone_number: Text = _said(
        _("The number in E.164, or as people write it in its country."), "+905551112233", format="phone", maxLength=64
    )
    region: Text | None = _said(
        _("The country (ISO 3166) of a number without a country code; without it, the portal's own."),
        "TR",
        default=None,
        format="region",
        pattern="^[A-Za-z]{2}$",
        maxLength=2,
    )


class SendCode(Input):
    """What may be said beside the destination of a code."""

    client_id: Text | None = _said(
        _("A registered app, in whose name the letter then speaks."), default=None, format="client-id"
    )
    locale: Language | None = _LETTER_LANGUAGE


class VerifyCode(Input):
    """What is said beside the destination of a code that came."""

    code: Text = _said(
        _("The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are understood."),
        "1234",
        maxLength=64,
        format="code",
    )
    challenge_id: Opaque | None = _said(
        _("What the call that sent the code answered. Without it the code is looked for by the caller's network."),
        "2f590c2a7be14d0c9d0f6d4a3a1e5b77",
        default=None,
    )


class SendEmailCode(SendCode, ToEmail):
    """Body of ``send-otp-email``."""


class VerifyEmailCode(VerifyCode, ToEmail):
    """Body of ``login-otp-email``."""


class SendPhoneCode(SendCode, ToPhone):
    """Body of ``send-otp``."""


class VerifyPhoneCode(VerifyCode, ToPhone):
    """Body of ``login-otp``."""


class CompleteRegistration(Input):
    """Body of ``complete-registration``."""

    first_name: Text = _said(_("The first name, as the person writes it."), "Ada", format="name", **_NAME_RULE)
    last_name: Text = _said(_("The last name, as the person writes it."), "Lovelace", format="name", **_NAME_RULE)
    accept_terms: bool = _said(_("The person accepts the terms; nothing but true goes on."), True, const=True)
    locale: Language | None = _said(
        _("The language of the person's letters; without it, that of the answer."), LOCALES[0], default=None
    )
    fields: GivenFields | None = _said(_("The portal's own registration fields, by their names."), default=None)


class RefreshTokens(Input):
    """Body of ``refresh-token``."""

    refresh_token: Opaque = _said(_("The newest one that the portal gave."), "0IkzNq3v8y5tXw2c")


class UpdateProfile(Input):
    """Body of ``PATCH me``; what is not given stays as it is."""

    first_name: Text | None = _said(_("The first name."), "Ada", default=None, format="name", **_NAME_RULE)
    last_name: Text | None = _said(_("The last name."), "Lovelace", default=None, format="name", **_NAME_RULE)
    locale: Language | None = _said(
        _("The language of the person's letters."), LOCALES[0], default=None, enum=[*LOCALES, None]
    )
    fields: ChangedFields | None = _said(
        _("The portal's own registration fields, by their names; null empties one."), default=None
    )


class AcceptTerms(Input):
    """Body of ``me/terms``."""

    accept_terms: bool = _said(
        _("The person accepts the terms in force; nothing but true goes on."), True, const=True
    )


class AddOne(Input):
    """What may be said beside an address or number to add."""

    locale: Language | None = _LETTER_LANGUAGE


class Change(Input):
    """What may be said beside a change of addresses or numbers."""

    end_other_sessions: bool = _said(_("Also sign out everywhere else."), False, default=False)


class ProveOne(VerifyCode, Change):
    """What is said beside an address or number whose code came."""

    keep_former: bool = _said(_("Add it beside the main one, instead of in its place."), False, default=False)


class AddEmail(AddOne, ToEmail):
    """Body of ``me/email``."""


class AddPhone(AddOne, ToPhone):
    """Body of ``me/phone``."""


class ProveEmail(ProveOne, ToEmail):
    """Body of ``me/email/verify``."""


class ProvePhone(ProveOne, ToPhone):
    """Body of ``me/phone/verify``."""


class OwnEmail(Change, ToEmail):
    """Body of ``me/email/main`` and ``me/email/remove``."""


class OwnPhone(Change, ToPhone):
    """Body of ``me/phone/main`` and ``me/phone/remove``."""


AnyInput = TypeVar("AnyInput", bound=Input)


def parse_body(model: type[AnyInput]) -> AnyInput:
    """The request's JSON body as a ``model`` (API-06).

    Raises InvalidInput, or UnsupportedMediaType for anything that is not declared as JSON: so a form of
    another site cannot call us without a preflight (API-07).
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        return model.model_validate(_read_json(request.get_data(cache=False)))
    except ValidationError as error:
        faults = {".".join(map(str, fault["loc"])) or "body": fault["type"] for fault in error.errors()}
        raise InvalidInput(**{field: _REASONS.get(kind, "wrong_type") for field, kind in faults.items()}) from None


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidInput(body="not_json") from None
    if not isinstance(value, dict):
        raise InvalidInput(body="wrong_type")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of a body with a name twice may take different ones: refuse it."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
