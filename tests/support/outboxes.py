"""Owns the way to what was sent, by whatever channel: letters at the relay, texts at the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zlib import crc32

from tests.support.sms import SmsSink
from tests.support.smtp import MailSink


class Outbox(Protocol):
    """Where codes are read: a `MailSink`, an `SmsSink`, or both."""

    def sent_to(self, destination: str, /) -> Sequence[Any]:
        """What was sent there so far, oldest first."""

    def code_sent_to(self, destination: str, /) -> str:
        """The code of the newest of these; AssertionError where there is none."""

    def clear(self) -> None:
        """Forget what was sent."""


@dataclass(frozen=True)
class Outboxes:
    """A relay and a gateway as one: whatever begins with a plus is a number."""

    mail: MailSink
    sms: SmsSink

    def sent_to(self, destination: str) -> Sequence[Any]:
        """The letters or texts to this address or number so far, oldest first."""
        return self._of(destination).sent_to(destination)

    def code_sent_to(self, destination: str) -> str:
        """The code of the newest letter or text; AssertionError where there is none."""
        return self._of(destination).code_sent_to(destination)

    def clear(self) -> None:
        """Forget the letters and the texts."""
        self.mail.clear()
        self.sms.clear()

    def _of(self, destination: str) -> MailSink | SmsSink:
        return self.sms if is_number(destination) else self.mail


def is_number(destination: str) -> bool:
    """Whether a destination is a phone number, as tests write them: E.164."""
    return destination.startswith("+")


def number_of(name: str) -> str:
    """The mobile number of whoever is called so in a test; each name has its own."""
    return f"+90555{crc32(name.encode()) % 10**7:07}"
