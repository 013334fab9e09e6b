"""The values of the portal's own registration fields: what each must be, wherever it comes from.

A value is kept as JSON has it: text, whole number, boolean, or a date as ``2026-05-22``. Nothing else of a person is
decided here; which fields there are is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from auth_portal.errors import InvalidInput
from auth_portal.settings import RegistrationField
from auth_portal.signin.texts import is_blank, parse_line

Value = str | int | bool
Values = Mapping[str, Value]
"""The values of a person, by the fields' names; fields without a value are not there."""
GREATEST_NUMBER = 2**53 - 1
"""The whole numbers up to here are the same in every JSON reader (RFC 8259, 6)."""
_TEXTS = ("text", "url")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)


def parse_fields(
    fields: Iterable[RegistrationField], given: Mapping[str, Any], *, is_partial: bool = False
) -> dict[str, Value | None]:
    """The values for these fields, None where one is left empty, which only those may be that are not required.

    ``is_partial``: fields that are not given are not there either. Members that are no field are refused. Raises
    InvalidInput with every fault; a field is named ``fields.company`` in it.
    """
    by_name = {field.name: field for field in fields}
    faults = {} if by_name.keys() >= given.keys() else {"fields": "has_unknown"}
    values: dict[str, Value | None] = {}
    for name, field in by_name.items():
        if is_partial and name not in given:
            continue
        try:
            values[name] = _parse(field, given.get(name))
        except InvalidInput as fault:
            faults |= fault.faults
    if faults:
        raise InvalidInput(**faults)
    return values


def kept_values(former: Values | None, changes: Mapping[str, Value | None]) -> dict[str, Value] | None:
    """What is stored once these changes are made; None where nothing is left."""
    merged = {**(former or {}), **changes}
    return {name: value for name, value in merged.items() if value is not None} or None


def missing_fields(fields: Iterable[RegistrationField], values: Values | None) -> tuple[RegistrationField, ...]:
    """The required fields that a person must still fill in: without a value, or with one that is no longer good."""
    return tuple(
        field for field in fields if field.is_required and not _is_good(field, (values or {}).get(field.name))
    )


def _is_good(field: RegistrationField, value: Any) -> bool:
    try:
        _parse(field, value)
    except InvalidInput:
        return False
    return True


def _parse(field: RegistrationField, value: Any) -> Value | None:
    if value is None or value == "" or (field.type in _TEXTS and isinstance(value, str) and is_blank(value)):
        if field.is_required:
            raise _fault(field, "missing")
        return None
    return _PARSERS[field.type](field, value)


def _parse_text(field: RegistrationField, value: Any) -> str:
    if not isinstance(value, str):
        raise _fault(field, "wrong_type")
    return parse_line(value, f"fields.{field.name}", field.longest)


def _parse_number(field: RegistrationField, value: Any) -> int:
    """JSON has one kind of numbers: 12.0 is 12, and what writes one may write the other (RFC 8259, 6)."""
    is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    if not is_whole or abs(value) > GREATEST_NUMBER:
        raise _fault(field, "not_a_number")
    return int(value)


def _parse_date(field: RegistrationField, value: Any) -> str:
    if isinstance(value, str) and _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value).isoformat()
    raise _fault(field, "not_a_date")


def _parse_boolean(field: RegistrationField, value: Any) -> bool:
    """A required one must be true: it is something to agree to."""
    if not isinstance(value, bool):
        raise _fault(field, "wrong_type")
    if field.is_required and not value:
        raise _fault(field, "not_accepted")
    return value


def _parse_choice(field: RegistrationField, value: Any) -> str:
    if not isinstance(value, str) or value not in field.choices:
        raise _fault(field, "not_a_choice")
    return value


def _parse_url(field: RegistrationField, value: Any) -> str:
    """A web address. People leave ``https://`` out; then it is one if there is a dot in its host."""
    text = _parse_text(field, value)
    is_whole = "://" in text
    text = text if is_whole else f"https://{text}"
    if len(text) > field.longest:
        raise _fault(field, "too_long")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise _fault(field, "not_a_url") from None
    host = parts.hostname or ""
    if not _WEB_ADDRESS.fullmatch(text) or parts.username is not None or not (host if is_whole else "." in host):
        raise _fault(field, "not_a_url")
    return text


def _fault(field: RegistrationField, reason: str) -> InvalidInput:
    return InvalidInput(**{f"fields.{field.name}": reason})


_PARSERS: Mapping[str, Callable[[RegistrationField, Any], Value]] = {
    "text": _parse_text,
    "number": _parse_number,
    "date": _parse_date,
    "boolean": _parse_boolean,
    "choice": _parse_choice,
    "url": _parse_url,
}
