"""What a person types: deriving a code, reading one that was typed, comparing.

A code is a function of the challenge's random id and of a server key that is not in the database. So a copy
of the database gives no code (OTP-24), and a resend can repeat it without its ever being stored.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection

from auth_portal.errors import InvalidInput
from auth_portal.signin.keyring import KeyRing

_DIGITS = str.maketrans({chr(start + digit): str(digit) for start in (0xFF10, 0x0660, 0x06F0) for digit in range(10)})
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212\uff0d]+")
_MAX_TYPED = 64


def derive_code(keyring: KeyRing, key_id: str, seed: str, length: int) -> str | None:
    """The code of a challenge's random seed: ``length`` digits, leading zeros kept; None if its key is gone (OTP-01).

    256 bits modulo 10^length: the largest and smallest probabilities differ by less than one in 2^200.
    """
    mac = keyring.code_digest(key_id, f"code:{length}:{seed}".encode())
    return None if mac is None else str(int.from_bytes(mac) % 10**length).zfill(length)


def parse_code(text: str, lengths: Collection[int], field: str = "code") -> str:
    """The ASCII digits that a person typed (OTP-27): separators dropped, other scripts' digits translated.

    ``lengths``: those that codes have.

    Raises InvalidInput for anything else, which costs no attempt (OTP-28).
    """
    if len(text) <= _MAX_TYPED:
        digits = _SEPARATORS.sub("", text).translate(_DIGITS)
        if len(digits) in lengths and digits.isascii() and digits.isdigit():
            return digits
    raise InvalidInput(**{field: "missing" if not text.strip() else "not_a_code"})


def codes_match(expected: str | None, given: str) -> bool:
    """Compare in constant time (OTP-25)."""
    return expected is not None and hmac.compare_digest(expected, given)
