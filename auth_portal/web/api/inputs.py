"""What JSON callers may send. Only shapes here; what a value means is decided in ``signin``."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.exceptions import UnsupportedMediaType

from auth_portal.errors import InvalidInput

Text = Annotated[str, Field(max_length=1_024)]
Opaque = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._~-]+$")]
Language = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z0-9_-]*$")]

_REASONS = {
    "missing": "missing",
    "string_type": "wrong_type",
    "bool_type": "wrong_type",
    "string_too_long": "too_long",
    "string_too_short": "missing",
    "string_unicode": "malformed",
    "string_pattern_mismatch": "malformed",
}


class Input(BaseModel):
    """A request body. camelCase on the wire, strict types, unknown members ignored."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="ignore", hide_input_in_errors=True)


class ToEmail(Input):
    """Whom a call is about, by address."""

    email: Text


class ToPhone(Input):
    """Whom a call is about, by number. ``region``: the country of a national number."""

    phone_number: Text
    region: Text | None = None


class SendCode(Input):
    """What may be said beside the destination of a code."""

    client_id: Text | None = None
    locale: Language | None = None


class VerifyCode(Input):
    """What is said beside the destination of a code that came."""

    code: Text
    challenge_id: Opaque | None = None


class SendEmailCode(ToEmail, SendCode):
    """Body of ``send-otp-email``."""


class VerifyEmailCode(ToEmail, VerifyCode):
    """Body of ``login-otp-email``."""


class SendPhoneCode(ToPhone, SendCode):
    """Body of ``send-otp``."""


class VerifyPhoneCode(ToPhone, VerifyCode):
    """Body of ``login-otp``."""


class CompleteRegistration(Input):
    """Body of ``complete-registration``."""

    first_name: Text
    last_name: Text
    accept_terms: bool
    locale: Language | None = None
    fields: dict[str, Any] | None = None


class RefreshTokens(Input):
    """Body of ``refresh-token``."""

    refresh_token: Opaque


class UpdateProfile(Input):
    """Body of ``PATCH me``; what is not given stays as it is."""

    first_name: Text | None = None
    last_name: Text | None = None
    locale: Language | None = None
    fields: dict[str, Any] | None = None


class AcceptTerms(Input):
    """Body of ``me/terms``."""

    accept_terms: bool


class AddOne(Input):
    """What may be said beside an address or number to add."""

    locale: Language | None = None


class Change(Input):
    """What may be said beside a change of addresses or numbers."""

    end_other_sessions: bool = False


class ProveOne(VerifyCode, Change):
    """What is said beside an address or number whose code came."""

    keep_former: bool = False


class AddEmail(ToEmail, AddOne):
    """Body of ``me/email``."""


class AddPhone(ToPhone, AddOne):
    """Body of ``me/phone``."""


class ProveEmail(ToEmail, ProveOne):
    """Body of ``me/email/verify``."""


class ProvePhone(ToPhone, ProveOne):
    """Body of ``me/phone/verify``."""


class OwnEmail(ToEmail, Change):
    """Body of ``me/email/main`` and ``me/email/remove``."""


class OwnPhone(ToPhone, Change):
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
