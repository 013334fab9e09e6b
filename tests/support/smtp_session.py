"""Owns one SMTP conversation of the test relay: the commands, and the ways in which it can go wrong.

A session runs in a thread of its own with blocking sockets. Whatever it waits for, `hang_up` ends it at once.
"""

import base64
import binascii
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.support.letters import ReceivedMail

Tls = Literal["none", "starttls", "implicit"]
Fault = Literal[
    "refuse_connection",  # hangs up before the banner
    "slow_banner",  # the banner comes only after SLOWNESS seconds
    "slow_reply",  # so does every reply after it
    "drip",  # a byte of each reply per DRIP seconds
    "reject_4xx",  # at RCPT
    "reject_5xx",  # at RCPT
    "reject_data",  # 5xx after the whole mail was sent
    "close_mid_data",  # hangs up while the mail is being sent
    "close_idle",  # hangs up after each accepted mail, as relays do with idle clients
]
SLOWNESS = 10.0
DRIP = 1.0
_PATH = re.compile(r"(?:FROM|TO):\s*<([^>]*)>", re.IGNORECASE)


class HungUp(Exception):
    """The conversation is over; nothing more is to be said."""


@dataclass(frozen=True)
class Rules:
    """What a session asks its relay for."""

    tls: Tls
    context: ssl.SSLContext | None
    auth: tuple[str, str] | None
    fault: Callable[[], Fault | None]
    deliver: Callable[[ReceivedMail], None]


class Session:
    """One connection, from the banner to its end."""

    def __init__(self, connection: socket.socket, rules: Rules) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        self._rules = rules
        self._ended = threading.Event()
        self._wrapping = threading.Lock()  # held while one socket takes the connection over from another
        self._secure = False
        self._known = rules.auth is None
        self._sender: str | None = None
        self._recipients: list[str] = []

    def run(self) -> None:
        """Talk until either side has enough; never raises for what a client or a fault does."""
        try:
            if self._rules.fault() == "refuse_connection":
                return
            if self._rules.tls == "implicit":
                self._encrypt()
            if self._rules.fault() == "slow_banner":
                self._pause(SLOWNESS)
            self._reply("220 relay.test ESMTP", banner=True)
            while True:
                self._obey(self._line().decode("utf-8", "replace").strip())
        except (HungUp, OSError):  # ssl.SSLError is an OSError
            pass
        finally:
            self._file.close()
            self._socket.close()

    def hang_up(self) -> None:
        """End the conversation from another thread, whatever it is waiting for."""
        self._ended.set()
        with self._wrapping, contextlib.suppress(OSError):
            # The plain one: shutdown() of an encrypted socket takes away what its thread is working with.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        handler = _HANDLERS.get(verb.upper())
        if handler is None:
            self._reply("500 5.5.2 Command not known")
        else:
            handler(self, argument.strip())

    def _ehlo(self, _argument: str) -> None:
        self._reset()
        words = ["relay.test", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 10485760"]
        if self._wants_tls():
            words.append("STARTTLS")
        elif self._rules.auth is not None:
            words.append("AUTH PLAIN LOGIN")
        self._reply(*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}")

    def _helo(self, _argument: str) -> None:
        self._reset()
        self._reply("250 relay.test")

    def _starttls(self, _argument: str) -> None:
        if not self._wants_tls():
            self._reply("503 5.5.1 Not now")
            return
        self._reply("220 2.0.0 Go ahead")
        self._encrypt()
        self._reset()

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if self._rules.auth is None or self._wants_tls():
            self._reply("503 5.5.1 Not now")
        elif mechanism.upper() == "PLAIN":
            answer = initial or self._ask("")
            parts = _decoded(answer).split("\0")
            self._admit((parts[1], parts[2]) if len(parts) == 3 else None)
        elif mechanism.upper() == "LOGIN":
            user = initial or self._ask("Username:")
            self._admit((_decoded(user), _decoded(self._ask("Password:"))))
        else:
            self._reply("504 5.5.4 Mechanism not known")

    def _ask(self, prompt: str) -> str:
        self._reply("334 " + base64.b64encode(prompt.encode()).decode())
        return self._line().decode("ascii", "replace").strip()

    def _admit(self, given: tuple[str, str] | None) -> None:
        self._known = given == self._rules.auth
        self._reply("235 2.7.0 Welcome" if self._known else "535 5.7.8 User or password is wrong")

    def _mail(self, argument: str) -> None:
        path = _PATH.match(argument)
        if self._wants_tls():
            self._reply("530 5.7.0 Must issue a STARTTLS command first")
        elif not self._known:
            self._reply("530 5.7.0 Authentication required")
        elif path is None or self._sender is not None:
            self._reply("503 5.5.1 Bad sequence" if path else "501 5.5.4 Syntax: MAIL FROM:<address>")
        else:
            self._sender = path[1]
            self._reply("250 2.1.0 OK")

    def _rcpt(self, argument: str) -> None:
        path, fault = _PATH.match(argument), self._rules.fault()
        if path is None or self._sender is None:
            self._reply("503 5.5.1 Bad sequence" if path else "501 5.5.4 Syntax: RCPT TO:<address>")
        elif fault == "reject_4xx":
            self._reply("451 4.3.0 Try again later")
        elif fault == "reject_5xx":
            self._reply("550 5.1.1 No such mailbox")
        else:
            self._recipients.append(path[1])
            self._reply("250 2.1.5 OK")

    def _data(self, _argument: str) -> None:
        if self._sender is None or not self._recipients:
            self._reply("503 5.5.1 Bad sequence")
            return
        self._reply("354 End with a dot on a line")
        lines = []
        while (line := self._line()) != b".\r\n":
            if self._rules.fault() == "close_mid_data":
                raise HungUp
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = ReceivedMail(self._sender, self._recipients, b"".join(lines))
        self._reset()
        if self._rules.fault() == "reject_data":
            self._reply("554 5.6.0 Mail refused")
            return
        self._rules.deliver(mail)
        self._reply("250 2.0.0 OK")
        if self._rules.fault() == "close_idle":
            raise HungUp

    def _rset(self, _argument: str) -> None:
        self._reset()
        self._reply("250 2.0.0 OK")

    def _noop(self, _argument: str) -> None:
        self._reply("250 2.0.0 OK")

    def _quit(self, _argument: str) -> None:
        self._reply("221 2.0.0 Bye")
        raise HungUp

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    def _wants_tls(self) -> bool:
        return self._rules.tls == "starttls" and not self._secure

    def _encrypt(self) -> None:
        assert self._rules.context is not None
        self._file.close()  # and with it whatever a client has said too early
        with self._wrapping:
            self._socket.getpeername()  # wrap_socket() would leak its socket of a dead connection
            # The handshake is a step of its own, so that hang_up() finds the socket that took over.
            self._socket = self._rules.context.wrap_socket(
                self._socket, server_side=True, do_handshake_on_connect=False
            )
        self._socket.do_handshake()
        self._file = self._socket.makefile("rb")
        self._secure = True

    def _line(self) -> bytes:
        line = self._file.readline(1 << 20)
        if not line.endswith(b"\n"):
            raise HungUp
        return line

    def _reply(self, *lines: str, banner: bool = False) -> None:
        data, fault = "".join(f"{line}\r\n" for line in lines).encode(), self._rules.fault()
        if fault == "slow_reply" and not banner:
            self._pause(SLOWNESS)
        if fault == "drip":
            for byte in data:
                self._pause(DRIP)
                self._socket.sendall(bytes([byte]))
        else:
            self._socket.sendall(data)

    def _pause(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise HungUp


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


_HANDLERS: dict[str, Callable[[Session, str], None]] = {
    "EHLO": Session._ehlo,
    "HELO": Session._helo,
    "STARTTLS": Session._starttls,
    "AUTH": Session._auth,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "RSET": Session._rset,
    "NOOP": Session._noop,
    "QUIT": Session._quit,
}
