"""Flask-Mail's message, made fit for codes: ``multipart/alternative`` at the top, no DNS look-up, little work."""

from __future__ import annotations

import secrets
import time
from binascii import b2a_qp
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr, make_msgid, parseaddr
from functools import lru_cache

import flask_mail

from auth_portal.settings import has_control


class UnsafeHeader(ValueError):
    """A header value holds CR, LF, NUL or another control character (MAIL-06)."""


class Message(flask_mail.Message):
    """One letter to one address.

    Does not call Flask-Mail's constructor: that asks the resolver for our own host name for each message,
    which costs milliseconds at best and seconds when DNS is away.
    """

    def __init__(
        self, *, sender: str, recipient: str, subject: str, text: str, html: str, headers: dict[str, str]
    ) -> None:
        for value in (sender, recipient, subject, *headers.values()):
            if has_control(value):
                raise UnsafeHeader
        self.sender = sender
        self.recipients = [recipient]
        self.subject = subject
        self.body = text
        self.alts = {"html": html}
        self.date = time.time()
        self.msgId = make_msgid(domain=bare_address(sender).rpartition("@")[2])
        self.extra_headers = headers
        self.reply_to = self.charset = None
        self.cc, self.bcc, self.attachments = [], [], []
        self.mail_options, self.rcpt_options = [], []

    def as_bytes(self) -> bytes:
        """The message as relays take it: ASCII, CRLF, short lines.

        Put together here: the library's generator, which may have to fold and guess anything, takes ten times
        as long, an eighth of a whole sign-in. A test holds the result against its parser.
        """
        boundary = secrets.token_hex(16)
        headers = {
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/alternative; boundary="{boundary}"',
            "Subject": encode_text(self.subject),
            "From": encode_sender(str(self.sender)),
            "To": str(self.recipients[0]),
            "Date": format_datetime(datetime.fromtimestamp(self.date or 0, UTC)),
            "Message-ID": self.msgId,
            **(self.extra_headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        parts = (_part(boundary, "plain", self.body or ""), _part(boundary, "html", self.html or ""))
        return b"".join([head.encode("ascii"), b"\r\n", *parts, f"--{boundary}--\r\n".encode()])


@lru_cache(maxsize=64)
def encode_text(text: str) -> str:
    """A header's text as RFC 2047 has it, folded; ASCII that does not look like that stays as it is (MAIL-06)."""
    return text if text.isascii() and "=?" not in text else Header(text, "utf-8").encode(linesep="\r\n")


@lru_cache(maxsize=64)
def encode_sender(sender: str) -> str:
    """``Name <address>`` with the name encoded where it must be."""
    return formataddr(parseaddr(sender))


@lru_cache(maxsize=64)
def bare_address(sender: str) -> str:
    """The address of ``Name <address>``."""
    return parseaddr(sender)[1]


def _part(boundary: str, kind: str, text: str) -> bytes:
    """A UTF-8 part as quoted-printable: seven bits and short lines, which every relay takes."""
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    body = "\r\n".join(text.splitlines())
    return head.encode() + b2a_qp(body.encode(), istext=True) + b"\r\n"
