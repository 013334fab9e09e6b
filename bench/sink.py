"""A small SMTP sink: takes every letter and tells the load generator which code it carries.

It runs in threads of the load generator's process, so the server's CPU figure never contains it. A letter is
only kept when it arrives; finding the code in it is the reader's work.
"""

import base64
import quopri
import re
import socketserver
import threading

_ADDRESS = re.compile(rb"<([^>]*)>")
_CODE_LINE = re.compile(rb"^[ \t]*(\d{4,8})[ \t]*\r?$", re.MULTILINE)
_TEXT_PART = re.compile(rb"^content-type: *text/plain", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^content-transfer-encoding: *(\S+)", re.IGNORECASE | re.MULTILINE)


class LetterError(Exception):
    """No letter with a code reached this address."""


def code_in(letter: bytes) -> str:
    """Return the line of only digits in the letter's text part.

    Cuts the part out by hand: the email package takes longer for one letter than this whole sink.
    """
    start = _TEXT_PART.search(letter)
    headers_from = letter.rfind(b"\n\n", 0, start.start()) if start else -1
    part = letter[max(headers_from, 0) :] if start else letter
    headers, _, body = part.lstrip().partition(b"\n\n")
    body = body.partition(b"\n--")[0]
    encoding = _ENCODING.search(headers)
    match encoding.group(1).lower() if encoding else b"":
        case b"base64":
            body = base64.b64decode(body)
        case b"quoted-printable":
            body = quopri.decodestring(body)
    line = _CODE_LINE.search(body)
    if line is None:
        raise LetterError("a letter without a line of only digits")
    return line.group(1).decode()


class _Conversation(socketserver.StreamRequestHandler):
    """One SMTP connection, kept for as many letters as the client likes."""

    disable_nagle_algorithm = True
    server: "Sink"

    def handle(self) -> None:
        self._say(b"220 sink ready")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                self._say(b"250-sink\r\n250-8BITMIME\r\n250 SIZE 10000000" if verb == b"EHLO" else b"250 sink")
            elif verb == b"RCPT":
                address = _ADDRESS.search(line)
                recipients.append(address.group(1).decode().lower() if address else "")
                self._say(b"250 ok")
            elif verb == b"DATA":
                self._say(b"354 go on")
                self.server.keep(recipients, self._letter())
                recipients = []
                self._say(b"250 taken")
            elif verb == b"QUIT":
                self._say(b"221 bye")
                return
            else:
                recipients = [] if verb in (b"RSET", b"MAIL") else recipients
                self._say(b"250 ok")

    def _say(self, reply: bytes) -> None:
        self.wfile.write(reply + b"\r\n")

    def _letter(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines).replace(b"\r\n", b"\n")


class Sink(socketserver.ThreadingTCPServer):
    """The listening sink; one thread per connection, one kept letter per recipient."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        """Listen on a free loopback port and serve from a background thread."""
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port: int = self.server_address[1]
        self._letters: dict[str, bytes] = {}
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()

    def keep(self, recipients: list[str], letter: bytes) -> None:
        """Remember the newest letter of each recipient that has a code: a welcome or a notice comes at any time."""
        if _CODE_LINE.search(letter):
            self._letters.update(dict.fromkeys(recipients, letter))

    def take_code(self, address: str) -> str:
        """Return the code of the letter that reached the address, and forget the letter."""
        letter = self._letters.pop(address.lower(), None)
        if letter is None:
            raise LetterError(f"no letter reached {address}")
        return code_in(letter)

    def server_close(self) -> None:
        """Stop listening; conversations end with the process."""
        self.shutdown()
        super().server_close()
