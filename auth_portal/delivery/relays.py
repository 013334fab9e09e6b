"""SMTP relays: a kept-open connection for each thread, fail-over, and a bound on the time of it all.

Through Flask-Mail's connection, with what it lacks: time-outs, verified TLS, and reuse after the relay
dropped an idle connection.
"""

from __future__ import annotations

import io
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from typing import Any

import flask_mail

from auth_portal.delivery.handover import HandoverRefused, Patience
from auth_portal.delivery.message import Message, bare_address
from auth_portal.settings import Relay
from auth_portal.timed_http import connect

_IDLE_S = 60.0


class _TimedReader(io.RawIOBase):
    """A socket whose every read gets only what is left until the deadline: a relay that drips is slow too."""

    def __init__(self, sock: socket, remaining: Callable[[], float]) -> None:
        self._sock = sock
        self._remaining = remaining

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._remaining())
        return self._sock.recv_into(buffer)


class _Smtp(smtplib.SMTP):
    """smtplib with one deadline for a whole conversation instead of a time-out for each read."""

    deadline: float

    def __del__(self) -> None:
        """A worker thread that ends leaves its kept connection behind."""
        self.close()

    def remaining(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("relay is too slow")
        return left

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_TimedReader(self.sock, self.remaining))
        return super().getreply()

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.remaining())
        super().send(s)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket:
        sock = connect(host, port, self.remaining)
        sock.settimeout(self.remaining())
        return sock


class _SmtpTls(smtplib.SMTP_SSL, _Smtp):
    """The same over TLS from the first byte: it wraps the socket that comes from behind it."""


class _Connection(flask_mail.Connection):
    """Flask-Mail's connection to one relay, opened with a deadline and verified TLS."""

    host: _Smtp | None

    def __init__(self, relay: Relay, ehlo_name: str, context: ssl.SSLContext | None) -> None:
        super().__init__(_STATE)  # type: ignore[arg-type]
        self._relay = relay
        self._ehlo_name = ehlo_name
        self._context = context
        self.used_at = 0.0

    def open(self, deadline: float) -> None:
        """Connect, secure and log in."""
        relay = self._relay
        timeout = max(0.1, deadline - time.monotonic())
        host: _Smtp
        if relay.tls == "implicit":
            host = _SmtpTls(local_hostname=self._ehlo_name, timeout=timeout, context=self._context)
        else:
            host = _Smtp(local_hostname=self._ehlo_name, timeout=timeout)
        host.deadline = deadline
        self.host = host
        # starttls() verifies the certificate against this name; connect() does not keep it.
        host._host = relay.host  # type: ignore[attr-defined]
        code, _ = host.connect(relay.host, relay.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
        if relay.tls == "starttls":
            host.starttls(context=self._context)
        if relay.username and relay.password:
            host.login(relay.username, relay.password)

    def send(self, message: flask_mail.Message, envelope_from: object = None) -> None:
        """Hand a letter over. Its addresses are bare already: Flask-Mail would parse and encode each again."""
        if self.host is None:
            raise smtplib.SMTPServerDisconnected("not open")
        sender = str(envelope_from or bare_address(str(message.sender)))
        self.host.sendmail(sender, [str(message.recipients[0])], message.as_bytes())

    def close(self) -> None:
        """Drop the connection without a word: the other side is slow, gone or confused."""
        host, self.host = self.host, None
        if host is not None:
            with suppress(OSError):
                host.close()


_STATE = flask_mail._Mail(
    server="", username=None, password=None, port=None, use_tls=False, use_ssl=False, default_sender=None,
    debug=0, max_emails=None, suppress=False, ascii_attachments=False,
)  # fmt: skip


class SmtpRelay:
    """One relay of ``MAIL_URL``. Each thread keeps a connection of its own."""

    def __init__(self, relay: Relay, ehlo_name: str) -> None:
        self._relay = relay
        self._ehlo_name = ehlo_name
        # Only where it is needed: reading the machine's authorities takes 20 ms.
        self._context = None if relay.tls == "none" else ssl.create_default_context()
        self._local = threading.local()
        self._patience = Patience()

    def hand_over(self, message: Message, deadline: float) -> None:
        """Send on the kept connection; if the relay dropped that one meanwhile, once more on a new one."""
        self._patience.spend(lambda until: self._try(message, until), deadline)

    def _try(self, message: Message, deadline: float) -> None:
        try:
            self._send(message, deadline)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            self._connection().close()
            is_slow = time.monotonic() >= deadline
            raise HandoverRefused("too slow" if is_slow else _reason(error), is_slow=is_slow) from None

    def _send(self, message: Message, deadline: float) -> None:
        connection = self._connection()
        if time.monotonic() - connection.used_at > _IDLE_S:
            connection.close()
        if connection.host is not None:
            connection.host.deadline = deadline
            try:
                connection.send(message)
            except (smtplib.SMTPException, OSError) as error:
                if not _said_goodbye(error) or time.monotonic() >= deadline:
                    raise
                connection.close()
            else:
                connection.used_at = time.monotonic()
                return
        connection.open(deadline)
        connection.send(message)
        connection.used_at = time.monotonic()

    def _connection(self) -> _Connection:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._relay, self._ehlo_name, self._context)
        return connection


def _codes(error: Exception) -> set[int]:
    if isinstance(error, smtplib.SMTPResponseException):
        return {error.smtp_code}
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return {code for code, _ in error.recipients.values()}
    return set()


def _said_goodbye(error: Exception) -> bool:
    """Whether the relay only ended the conversation: it hung up, or said 421 (RFC 5321, section 3.8)."""
    return isinstance(error, (smtplib.SMTPServerDisconnected, ConnectionError)) or _codes(error) == {421}


def _reason(error: Exception) -> str:
    """The kind of refusal and its code; the relay's text may hold the address."""
    return " ".join([type(error).__name__, *(str(code) for code in sorted(_codes(error)))])
