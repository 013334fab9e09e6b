"""Owns a real mail relay on loopback: it takes mails over SMTP, keeps them, and fails in the ways relays do.

Faults are set at any time through `MailSink.fault` and hold for what happens from then on. The relay stops
and starts again on the same port; what it has received stays.
"""

import contextlib
import selectors
import shutil
import socket
import tempfile
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.support.certificates import make_certificate
from tests.support.letters import ReceivedMail, code_in, has_code, html_of, is_welcome, text_of
from tests.support.ports import free_port
from tests.support.smtp_session import Fault, Rules, Session, Tls

__all__ = ["Fault", "MailSink", "ReceivedMail", "Tls", "code_in", "html_of", "text_of"]

_SCHEMES: dict[Tls, str] = {"none": "smtp", "starttls": "smtp+starttls", "implicit": "smtps"}


class MailSink:
    """A relay that keeps every mail, welcomes apart; also a context manager that starts and stops it.

    `hostname` is the name in its certificate; its own address is localhost (127.0.0.1 without TLS).
    With `auth` it takes no mail before a client has signed in, and with TLS none over a plain connection.
    """

    def __init__(
        self,
        tls: Tls = "none",
        auth: tuple[str, str] | None = None,
        hostname: str = "localhost",
        port: int | None = None,
    ) -> None:
        self.fault: Fault | None = None
        self.connections = 0  # accepted so far
        self.messages: list[ReceivedMail] = []
        self.welcomes: list[ReceivedMail] = []  # apart: they come whenever they come, after the answer
        self.port = port or free_port()
        self.ca_file: Path | None = None
        self._tls, self._auth = tls, auth
        context = None
        if tls != "none":
            directory = Path(tempfile.mkdtemp(prefix="portal-smtp-"))
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
            context, self.ca_file = (made := make_certificate(hostname, directory)).context, made.ca_file
        self._rules = Rules(tls, context, auth, lambda: self.fault, self._keep)
        self._changed = threading.Condition()  # guards everything below, `messages` and `connections`
        self._sessions: dict[Session, threading.Thread] = {}
        self._listener: threading.Thread | None = None
        self._bell: socket.socket | None = None  # rung to end the listener

    @property
    def url(self) -> str:
        """The relay's address as the setting MAIL_URL takes it, with user and password if it wants them."""
        login = ":".join(quote(part, safe="") for part in self._auth) + "@" if self._auth else ""
        host = "127.0.0.1" if self._tls == "none" else "localhost"
        return f"{_SCHEMES[self._tls]}://{login}{host}:{self.port}"

    def start(self) -> None:
        """Listen; does nothing where it listens already."""
        if self._listener is not None:
            return
        # Closed by the listener's thread, so that a stop can never close it under that thread's feet.
        server = socket.create_server(("127.0.0.1", self.port), backlog=256)
        ear, self._bell = socket.socketpair()
        self._listener = threading.Thread(target=self._listen, args=(server, ear), daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Refuse new connections and drop the open ones, at once whatever they wait for; mails are kept."""
        if self._listener is None or self._bell is None:
            return
        self._bell.close()
        self._listener.join()
        self._listener = self._bell = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Drop every open connection and go on listening, as a relay that is restarted under its clients."""
        with self._changed:
            sessions = dict(self._sessions)
        for session in sessions:
            session.hang_up()
        for thread in sessions.values():
            thread.join(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        with self._changed:
            return len(self._sessions)

    def sent_to(self, recipient: str) -> list[ReceivedMail]:
        """Return the mails this address has received so far, oldest first; compared to the letter."""
        with self._changed:
            return [mail for mail in self.messages if recipient in mail.recipients]

    def code_sent_to(self, recipient: str) -> str:
        """Return the code of the newest mail with one to this address; AssertionError where there is none.

        A notice of what was before may come after it.
        """
        mails = [mail for mail in self.sent_to(recipient) if has_code(mail)]
        assert mails, f"no mail with a code to {recipient}"
        return code_in(mails[-1])

    def clear(self) -> None:
        """Forget the received mails."""
        with self._changed:
            self.messages.clear()
            self.welcomes.clear()

    def wait_for(self, recipient: str, count: int = 1, timeout: float = 20) -> ReceivedMail:
        """Return the `count`-th mail to this address once it is there; else TimeoutError after `timeout`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.sent_to(recipient)) >= count, timeout):
                raise TimeoutError(f"no mail number {count} to {recipient} within {timeout} s: {self.messages}")
            return self.sent_to(recipient)[count - 1]

    def _keep(self, mail: ReceivedMail) -> None:
        with self._changed:
            (self.welcomes if is_welcome(mail) else self.messages).append(mail)
            self._changed.notify_all()

    def _listen(self, server: socket.socket, ear: socket.socket) -> None:
        with server, ear, selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            selector.register(ear, selectors.EVENT_READ)
            while all(key.fileobj is server for key, _ in selector.select()):
                with contextlib.suppress(OSError):  # a client that has gone again
                    self._welcome(server.accept()[0])

    def _welcome(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(connection, self._rules)
        thread = threading.Thread(target=self._converse, args=(session,), daemon=True)
        with self._changed:
            self.connections += 1
            self._sessions[session] = thread
            thread.start()  # before anybody can find it here and join it

    def _converse(self, session: Session) -> None:
        try:
            session.run()
        finally:
            with self._changed:
                self._sessions.pop(session)
