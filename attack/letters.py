"""The mailboxes: a relay on loopback that keeps what the portal sends, and finds the codes in it."""

from __future__ import annotations

import sys
from collections import defaultdict

from bench.sink import Sink
from tests.support.letters import ReceivedMail, code_in


class Letters(Sink):
    """The benchmark's relay, that keeps each address's letters in their order."""

    def __init__(self) -> None:
        self._boxes: defaultdict[str, list[bytes]] = defaultdict(list)
        super().__init__()

    def keep(self, recipients: list[str], letter: bytes) -> None:
        """Put the letter into each recipient's box."""
        for address in recipients:
            self._boxes[address].append(letter)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a portal that is gone: it ends in the middle of a kept conversation."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def count(self, address: str) -> int:
        """How many letters an address has got."""
        return len(self._boxes[address])

    def codes(self, address: str) -> list[str]:
        """The codes of an address's letters, the newest last. Letters without one are notices."""
        codes = (_code(letter) for letter in self._boxes[address])
        return [code for code in codes if code is not None]

    def newest_code(self, address: str, length: int) -> str:
        """The newest code of this length: the page asks for a code of so many digits, so a person looks for that."""
        for letter in reversed(self._boxes[address]):
            code = _code(letter)
            if code is not None and len(code) == length:
                return code
        raise LookupError(f"no code of {length} digits was sent to {address}")

    def forget(self, address: str) -> None:
        """Empty a box: what a year brings need not be kept."""
        self._boxes.pop(address, None)


def _code(letter: bytes) -> str | None:
    try:
        return code_in(ReceivedMail("", [], letter))
    except AssertionError:
        return None
