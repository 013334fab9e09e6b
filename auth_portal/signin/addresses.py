"""One normalisation of email addresses, for storage, look-up, limits and delivery alike.

The normal form is what we store *and* what we mail. So whatever a look-alike folds to, the letter goes to
the address that owns the account, never to the one that was typed (rivals.md, section 3, row 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from auth_portal.errors import InvalidInput

MAX_LENGTH = 254
"""Octets of an address (RFC 5321, section 4.5.3.1.3: a path of 256 with its angle brackets)."""

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a code goes: a normalised ``value`` on a ``channel`` (``email``)."""

    channel: str
    value: str


def parse_email(text: str, field: str = "email") -> Destination:
    """The destination that an address typed by a person names (MAIL-08, MAIL-09).

    The domain becomes lower-case ASCII (IDNA 2008), the local part is lower-cased in ASCII only; dots and
    plus-tags stay, since they may be other people. Local parts outside ASCII are refused: relays without
    SMTPUTF8 cannot reach them, and folding them is how accounts were taken over. Raises InvalidInput.
    """
    text = text.strip()
    if not text:
        raise InvalidInput(**{field: "missing"})
    if len(text) > MAX_LENGTH:
        raise InvalidInput(**{field: "too_long"})
    value = _normal_form(text)
    if value is None:
        raise InvalidInput(**{field: "not_an_address"})
    return Destination("email", value)


@lru_cache(maxsize=1_024)
def _normal_form(text: str) -> str | None:
    """The normal form, None for what is no address. Remembered, since a sign-in asks at least twice."""
    try:
        parsed = validate_email(
            text, check_deliverability=False, allow_smtputf8=False, test_environment=True, strict=True
        )
    except (EmailNotValidError, UnicodeError):
        return None
    value = f"{parsed.local_part.translate(_ASCII_LOWER)}@{parsed.ascii_domain}"
    return value if parsed.ascii_domain and value.isascii() and len(value) <= MAX_LENGTH else None


def inbox_of(destination: Destination) -> str:
    """The mailbox that an address most likely ends in, for limits only: tags are dropped, Gmail's dots too.

    Never used to find a user or to share a code: on some servers ``a+b`` and ``a`` are different people.
    """
    if destination.channel != "email":
        return destination.value
    local, _at, domain = destination.value.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def masked(value: str) -> str:
    """An address or number as told to somebody who may not be its owner: enough for who knows it to recognise it."""
    local, at, domain = value.rpartition("@")
    if at:
        host, _dot, top = domain.rpartition(".")
        return f"{local[:1]}***@{host[:1]}***.{top}"
    return f"{value[:3]}***{value[-2:]}"
