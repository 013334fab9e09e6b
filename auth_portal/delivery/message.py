"""Flask-Mail's message, made fit for codes: ``multipart/alternative`` at the top and no DNS look-up."""

from __future__ import annotations

import time
from binascii import b2a_qp
from datetime import UTC, datetime
from email import policy
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr, make_msgid, parseaddr

import flask_mail

from auth_portal.settings import has_control

_WIRE = policy.compat32.clone(linesep="\r\n")
"""CRLF as relays want it. The modern policy would parse each header again, for half of a letter's cost; what it
guards against, ``Message`` refuses."""


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
        self.msgId = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
        self.extra_headers = headers
        self.reply_to = self.charset = None
        self.cc, self.bcc, self.attachments = [], [], []
        self.mail_options, self.rcpt_options = [], []

    def _message(self) -> MIMEBase:
        message = MIMEMultipart("alternative")
        message["Subject"] = flask_mail.sanitize_subject(self.subject)
        message["From"] = formataddr(parseaddr(str(self.sender)))
        message["To"] = str(self.recipients[0])
        message["Date"] = format_datetime(datetime.fromtimestamp(self.date or time.time(), UTC))
        message["Message-ID"] = self.msgId
        for name, value in (self.extra_headers or {}).items():
            message[name] = value
        message.attach(_text_part("plain", self.body or ""))
        message.attach(_text_part("html", self.html or ""))
        message.policy = _WIRE
        return message


def _text_part(kind: str, text: str) -> MIMEBase:
    """A UTF-8 part as quoted-printable: seven bits and short lines, which every relay takes."""
    part = MIMENonMultipart("text", kind, charset="utf-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(b2a_qp(text.encode(), istext=True).decode("ascii"))
    return part
