"""One normal form of phone numbers: E.164. It is stored, looked up, limited and sent to, as with addresses.

Which numbers exist, and what kind they are, is told by the tables of ``phonenumbers``; where text messages go at all
is the operator's word (OTP-19: whoever earns money with a number abroad would have us call it all day).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from auth_portal.errors import InvalidInput
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination

MAX_LENGTH = 64
"""Characters that are read; a number has 15 digits at most (E.164)."""
_LAST_DIGITS = 4
_PLUS = "+\uff0b"
_SEPARATORS = "()./\u2212\uff08\uff09\uff0e\uff0f"
_SEPARATING = ("Pd", "Zs", "Cf")
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number that exists: E.164, its country (ISO 3166; None for networks of no country) and its kind."""

    value: str
    region: str | None
    kind: int


def parse_phone(text: str, settings: Settings, region: str | None = None, field: str = "phoneNumber") -> Destination:
    """The destination that a number typed by a person names (MAIL-15, OTP-33).

    ``region``: the country whose national numbers are understood, else the portal's. Only numbers that exist, may be
    a mobile's, and belong to where this portal sends to; of internet telephony none in the strict profile. Extensions
    and letters are refused. Raises InvalidInput.
    """
    region = settings.default_region if region is None else region.upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(region="malformed")
    if not text.strip():
        raise InvalidInput(**{field: "missing"})
    if len(text) > MAX_LENGTH:
        raise InvalidInput(**{field: "too_long"})
    number = _normal_form(text, region)
    reason = "not_a_phone" if number is None else _refusal(number, settings)
    if number is None or reason is not None:
        raise InvalidInput(**{field: reason or "not_a_phone"})
    return Destination("sms", number.value)


def is_served(value: str, settings: Settings) -> bool:
    """Whether a number that was proven would be taken today: where texts go may have changed since (OTP-19)."""
    try:
        parse_phone(value, settings)
    except InvalidInput:
        return False
    return True


def range_of(value: str) -> str:
    """The ten thousand numbers that an E.164 number is one of: as many as a carrier hands out together (OTP-19)."""
    return value[:-_LAST_DIGITS]


@lru_cache(maxsize=1_024)
def spell(value: str) -> str:
    """An E.164 number in groups, as people read it; what is none stays as it is."""
    if not value.startswith("+"):
        return value
    international = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(phonenumbers.parse(value), international).replace(" ", "\u00a0")


def country_code(region: str) -> int:
    """What numbers of a country begin with, behind the plus."""
    return phonenumbers.country_code_for_region(region)


def _refusal(number: _Number, settings: Settings) -> str | None:
    """Why nothing is sent to a number that exists."""
    if number.kind == PhoneNumberType.VOIP:
        if settings.guess_profile == "strict":
            return "internet_phone"
    elif number.kind not in _MOBILE:
        return "not_mobile"
    places = settings.sms_destinations or (settings.default_region,)
    is_served = any(
        number.value.startswith(place) if place.startswith("+") else number.region == place for place in places
    )
    return None if is_served else "not_served"


@lru_cache(maxsize=1_024)
def _normal_form(text: str, region: str) -> _Number | None:
    """None for what is no number. Remembered, since a sign-in asks at least twice."""
    plain = _plain(text)
    if plain is None:
        return None
    try:
        parsed = phonenumbers.parse(plain, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    value = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return _Number(value, phonenumbers.region_code_for_number(parsed), phonenumbers.number_type(parsed))


def _plain(text: str) -> str | None:
    """ASCII digits with at most one plus before them; None where anything else means something.

    What address books put around numbers, invisible marks of the reading direction too, means nothing.
    """
    plain = ""
    for character in text.strip():
        if character.isdecimal():
            plain += str(unicodedata.decimal(character))
        elif character in _PLUS and not plain:
            plain = "+"
        elif character not in _SEPARATORS and unicodedata.category(character) not in _SEPARATING:
            return None
    return plain
