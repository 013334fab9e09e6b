"""The facts of text messages, and text messages for gateways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from auth_portal.delivery.texts import TextMessage
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.notices import NoticeLetter
from auth_portal.signin.otp import CodeLetter

NUMBER = "+905551112233"
MOMENT = datetime(2026, 2, 4, 5, 6, 7, tzinfo=UTC)
FIREFOX = Caller.browser("secret", "192.0.2.7", "Firefox/Windows")
NOT_ME = "https://portal.example/login/not-me/0f"


def code_letter(code: str = "0471", locale: str = "en", **facts: Any) -> CodeLetter:
    """What the letter of a code to a number tells."""
    given = {"caller": FIREFOX, "link": "https://portal.example/login/link/0f", "not_me": NOT_ME, **facts}
    return CodeLetter(Destination("sms", NUMBER), code, lives_for_s=600, asked_at=MOMENT, locale=locale, **given)


def notice(locale: str = "en", caller: Caller | None = FIREFOX) -> NoticeLetter:
    """What a notice to a number tells."""
    return NoticeLetter(Destination("sms", NUMBER), MOMENT, caller, locale)


def text_message(text: str = "Your code is 0471.\n\n@portal.example #0471", to: str = NUMBER) -> TextMessage:
    """A text with a code that lives for ten minutes."""
    return TextMessage(to, text, "code", 600)
