"""The mailbox of a development portal: a Maildir that catches letters instead of a relay.

Files, so that several workers and restarts share it.
"""

from __future__ import annotations

import mailbox
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from auth_portal.delivery.message import Message

_CODE = re.compile(r"^(\d{4,12})$", re.MULTILINE | re.ASCII)
_NEWEST = 50


@dataclass(frozen=True, slots=True)
class CaughtLetter:
    """One caught letter, as the mailbox page shows it. ``code`` is None where it holds none."""

    id: str
    to: str
    subject: str
    sent_at: datetime
    code: str | None
    text: str
    html: str


class Mailbox:
    """Keeps letters in ``instance/mailbox``; hands nothing to anybody."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(path, create=True)
        self._path = path

    def hand_over(self, message: Message, deadline: float) -> None:  # noqa: ARG002  a file is fast enough
        """Keep the letter."""
        self._maildir.add(message.as_bytes())

    def letters(self) -> list[CaughtLetter]:
        """The newest letters, the latest first."""
        files = [path for folder in ("new", "cur") for path in (self._path / folder).iterdir()]
        files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [_letter(path) for path in files[:_NEWEST]]

    def find(self, letter_id: str) -> CaughtLetter | None:
        """The letter of this id."""
        return next((letter for letter in self.letters() if letter.id == letter_id), None)


def _letter(path: Path) -> CaughtLetter:
    parsed = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    text = _body(parsed, "plain")
    code = _CODE.search(text)
    return CaughtLetter(
        id=path.name.partition(":")[0],
        to=str(parsed["To"]),
        subject=str(parsed["Subject"]),
        sent_at=parsedate_to_datetime(str(parsed["Date"])),
        code=code[1] if code else None,
        text=text,
        html=_body(parsed, "html"),
    )


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
