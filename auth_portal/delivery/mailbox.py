"""The mailbox of a development portal: a Maildir that catches letters and texts instead of a relay or gateway.

Files, so that several workers and restarts share it.
"""

from __future__ import annotations

import mailbox
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import localtime, parsedate_to_datetime
from pathlib import Path
from typing import Literal

from auth_portal.delivery.gsm import parts
from auth_portal.delivery.message import Message
from auth_portal.delivery.texts import TextMessage

_CODES = {
    "email": re.compile(r"^(\d{4,12}|\d{4}(?: \d{4}){4})$", re.MULTILINE | re.ASCII),
    "sms": re.compile(r"^@\S+ #(\d+)\Z", re.MULTILINE | re.ASCII),
}
_CHANNEL = "X-Channel"
_NEWEST = 50


@dataclass(frozen=True, slots=True)
class CaughtLetter:
    """One caught letter or text, as the mailbox page shows it. ``code`` is None where it holds none.

    A text has no subject and no HTML; ``parts``: as how many messages it would be paid.
    """

    id: str
    channel: Literal["email", "sms"]
    to: str
    subject: str
    sent_at: datetime
    code: str | None
    text: str
    html: str
    parts: int


class Mailbox:
    """Keeps letters in ``instance/mailbox``; hands nothing to anybody."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(path, create=True)
        self._path = path

    def hand_over(self, message: Message | TextMessage, deadline: float) -> None:  # noqa: ARG002  a file is fast
        """Keep the letter, or the text."""
        self._maildir.add(message.as_bytes() if isinstance(message, Message) else _as_mail(message))

    def letters(self) -> list[CaughtLetter]:
        """The newest letters, the latest first."""
        files = [path for folder in ("new", "cur") for path in (self._path / folder).iterdir()]
        files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [_letter(path) for path in files[:_NEWEST]]

    def find(self, letter_id: str) -> CaughtLetter | None:
        """The letter of this id."""
        return next((letter for letter in self.letters() if letter.id == letter_id), None)


def _as_mail(message: TextMessage) -> bytes:
    """A text in the shape of the letters beside it."""
    mail = EmailMessage(policy=policy.default)
    mail["To"], mail["Date"], mail[_CHANNEL] = message.to, localtime(), "sms"
    mail.set_content(message.text)
    return mail.as_bytes()


def _letter(path: Path) -> CaughtLetter:
    parsed = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    channel: Literal["email", "sms"] = "sms" if parsed[_CHANNEL] == "sms" else "email"
    text = _body(parsed, "plain")
    text = text.removesuffix("\n") if channel == "sms" else text
    code = _CODES[channel].search(text)
    return CaughtLetter(
        id=path.name.partition(":")[0],
        channel=channel,
        to=str(parsed["To"]),
        subject=str(parsed["Subject"] or ""),
        sent_at=parsedate_to_datetime(str(parsed["Date"])),
        code=code[1] if code else None,
        text=text,
        html=_body(parsed, "html"),
        parts=parts(text) if channel == "sms" else 0,
    )


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
