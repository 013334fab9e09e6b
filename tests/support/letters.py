"""Owns reading received mails: the code, the plain text and the HTML of a letter, as its reader sees them."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property

_CODE_LINE = re.compile(r"^[ \t]*([0-9]{4,8}|[0-9]{4}(?: [0-9]{4})+(?: [0-9]{1,3})?)[ \t]*$", re.MULTILINE)

_WELCOME_LINE = re.compile(rb"^https?://[^/\s]+/account\r?$", re.MULTILINE)


class ReceivedMail:
    """A mail as the relay took it: the addresses of the envelope and the untouched bytes."""

    def __init__(self, envelope_from: str, recipients: list[str], raw: bytes) -> None:
        self.envelope_from = envelope_from
        self.recipients = recipients
        self.raw = raw

    @cached_property
    def parsed(self) -> EmailMessage:
        """The message, parsed with the modern policy."""
        return message_from_bytes(self.raw, EmailMessage, policy=policy.default)

    def __repr__(self) -> str:
        return f"<mail to {', '.join(self.recipients)}: {self.parsed['subject']}>"


def text_of(message: ReceivedMail | EmailMessage) -> str:
    """Return the decoded text/plain part with plain line feeds; AssertionError where there is none."""
    return _part(message, "plain")


def html_of(message: ReceivedMail | EmailMessage) -> str:
    """Return the decoded text/html part with plain line feeds; AssertionError where there is none."""
    return _part(message, "html")


def has_code(message: ReceivedMail | EmailMessage) -> bool:
    """Whether this is a letter with a code."""
    return _CODE_LINE.search(text_of(message)) is not None


def is_welcome(message: ReceivedMail) -> bool:
    """Whether this letter welcomes somebody who has just registered: no other leads to the account itself."""
    return _WELCOME_LINE.search(message.raw) is not None


def code_in(message: ReceivedMail | EmailMessage) -> str:
    """Return the code, a long one without its gaps: the only line of the text/plain part with nothing else.

    AssertionError where there are several, or none.
    """
    text = text_of(message)
    found = _CODE_LINE.findall(text)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} lines with a code in this letter:\n{text}")
    return str(found[0]).replace(" ", "")


def _part(message: ReceivedMail | EmailMessage, subtype: str) -> str:
    parsed = message.parsed if isinstance(message, ReceivedMail) else message
    for part in parsed.walk():
        if part.get_content_type() == f"text/{subtype}" and not part.is_attachment():
            return str(part.get_content()).replace("\r\n", "\n")
    raise AssertionError(f"no text/{subtype} part in this letter:\n{parsed}")
