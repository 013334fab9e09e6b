"""The tokens in the links of letters: an id of ours and a keyed digest of it, 128 bits that are stored nowhere.

Each purpose has a word of its own, so that no link does what another one was made for (OTP-37).
"""

from __future__ import annotations

import hmac
import re
from typing import Literal

from auth_portal.signin.keyring import KeyRing

Purpose = Literal["link", "not-me", "undo"]
_TOKEN = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})")


def make_token(keyring: KeyRing, purpose: Purpose, subject: str) -> str:
    """The token for a subject: 32 hexadecimal digits, as our ids are."""
    return subject + _mac(keyring.links[0], purpose, subject)


def read_token(keyring: KeyRing, purpose: Purpose, token: str) -> str | None:
    """The subject of a token that was made for this purpose, under any key that is honoured; None for others."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    subject, given = match.groups()
    is_good = any(hmac.compare_digest(given, _mac(key, purpose, subject)) for key in keyring.links)
    return subject if is_good else None


def _mac(key: bytes, purpose: Purpose, subject: str) -> str:
    return hmac.digest(key, f"{purpose}:{subject}".encode(), "sha256").hex()[:32]
