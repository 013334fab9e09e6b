"""Every letter and text message of the portal with made-up facts, always the same: to look at, and for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from auth_portal.delivery.letters import Letters
from auth_portal.delivery.message import Message
from auth_portal.delivery.texts import AnyLetter, Texts
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import AddressLetter, NewsKind, NoticeLetter
from auth_portal.signin.otp import AskingApp, CodeLetter

_MAIL, _PHONE = Destination("email", "ada@example.com"), Destination("sms", "+905550100100")
_MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
_CALLER = Caller.browser("made up", "203.0.113.7", "Firefox/Windows")
_APP = AskingApp("Demo Shop", "#ffd400")
_NEWS: dict[NewsKind, tuple[int | None, int | None]] = {
    "main_changed": (0, 1),
    "added": (None, 1),
    "removed": (0, None),
    "restored": (0, 1),
}
"""Which of an account's two addresses is the former one, and which the current."""
_MASKED = {"email": ("a…@example.com", "a…@example.org"), "sms": ("…00", "…42")}
_UNDONE = ("main_changed", "removed")


@dataclass(frozen=True, slots=True)
class Sample:
    """One letter as its reader gets it; a text has no subject and no HTML, and is paid as so many messages."""

    name: str
    channel: Literal["email", "sms"]
    subject: str
    text: str
    html: str
    parts: int


class Samples:
    """Writes the samples of a portal: its names, its colour, its languages."""

    def __init__(self, settings: Settings) -> None:
        self._letters, self._texts = Letters(settings), Texts(settings)
        self._url = settings.public_url

    def letters(self, locale: str) -> list[Sample]:
        """All letters in this language."""
        return [
            _sample(name, getattr(self._letters, kind)(facts)) for name, kind, facts in self._facts(_MAIL, locale)
        ]

    def texts(self, locale: str) -> list[Sample]:
        """All text messages in this language."""
        facts = self._facts(_PHONE, locale)
        return [_sample(name, getattr(self._texts, kind)(about)) for name, kind, about in facts if kind != "welcome"]

    def _facts(self, to: Destination, locale: str) -> Iterator[tuple[str, str, AnyLetter]]:
        """The name of each sample, who writes it (a method of Letters and Texts alike), and what it tells."""
        link, not_me = f"{self._url}/login/link/{'0f' * 32}", f"{self._url}/login/not-me/{'e1' * 32}"
        code = CodeLetter(to, "0471", 600, _MOMENT, _CALLER, locale, link, not_me)
        yield "code", "code", code
        yield "code-without-link", "code", replace(code, link=None)
        yield "code-long", "code", replace(code, code="12345678901234567890")
        yield "code-of-app", "code", replace(code, app=_APP)
        yield "code-adds-address", "code", replace(code, link=None, purpose="add_address")
        yield "no-account", "no_account", replace(code, code="", link=None)
        notice = NoticeLetter(to, _MOMENT, _CALLER, locale)
        yield "welcome", "welcome", notice
        yield "new-sign-in", "new_sign_in", notice
        yield "wrong-codes", "wrong_codes", replace(notice, caller=None)
        yield from self._news(to, locale)
        deleted = LeavingLetter(to, _MOMENT, locale, None, None)
        restore = f"{self._url}/account/restore/{'a5' * 24}"
        yield (
            "account-closed",
            "account_deleted",
            replace(deleted, erase_at=_MOMENT + timedelta(days=7), link=restore),
        )
        yield "account-deleted", "account_deleted", deleted

    def _news(self, to: Destination, locale: str) -> Iterator[tuple[str, str, AnyLetter]]:
        for channel, what in (("email", "address"), ("sms", "number")):
            for kind, places in _NEWS.items():
                former, current = (None if place is None else _MASKED[channel][place] for place in places)
                news = AddressLetter(to, _MOMENT, _CALLER, locale, kind, channel, former, current, None)
                name = f"{what}-{kind.replace('_', '-')}"
                yield name, "address_news", news
                if kind in _UNDONE and channel == to.channel:
                    undo = f"{self._url}/account/undo/{'c3' * 32}"
                    yield f"{name}-with-undo", "address_news", replace(news, undo=undo)


def _sample(name: str, written: Any) -> Sample:
    if isinstance(written, Message):
        return Sample(name, "email", str(written.subject), str(written.body), str(written.html), 0)
    return Sample(name, "sms", "", written.text, "", written.parts)
