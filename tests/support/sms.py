"""Owns a real SMS gateway on loopback: it takes texts as our signed webhook brings them, and keeps what it took.

It is the other side of docs/phone.md: it checks signatures on its own, as the Standard Webhooks specification says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from tests.support.receiver import Asked, Receiver, Reply

Fault = Literal[
    "refuse",  # 422 without a body
    "broken",  # 500
    "hang_up",  # closes the connection instead of an answer
]
_TOLERANCE_S = 300
_LAST_LINE = re.compile(r"@(?P<host>[^\s@#]+) #(?P<code>[^\s@#]+)")


@dataclass(frozen=True)
class ReceivedSms:
    """A text that the gateway took. `id` is the same however often one letter is handed over."""

    id: str
    to: str
    text: str
    kind: str


class SmsSink(Receiver):
    """A gateway that keeps every text; a context manager that starts and stops it.

    `fault` holds from when it is set; `hold` and `release` make it slow. A wrong signature is answered with 401.
    """

    def __init__(self, secret: bytes = b"a secret that both sides know") -> None:
        super().__init__()
        self.fault: Fault | None = None
        self.texts: list[ReceivedSms] = []
        self._secret = secret

    @property
    def setting(self) -> str:
        """The gateway's address as the setting SMS_URL takes it, with its secret."""
        secret = quote(base64.b64encode(self._secret).decode(), safe="")
        return f"http+webhook://:{secret}@127.0.0.1:{self.port}/sms"

    def sent_to(self, number: str) -> list[ReceivedSms]:
        """The texts that this number got so far, oldest first."""
        with self._changed:
            return [text for text in self.texts if text.to == number]

    def code_sent_to(self, number: str) -> str:
        """The code of the newest text to this number; AssertionError where there is none."""
        texts = self.sent_to(number)
        assert texts, f"no text to {number}"
        return code_in(texts[-1])

    def clear(self) -> None:
        """Forget everything, and have no fault."""
        with self._changed:
            self.texts.clear()
            self.asked.clear()
        self.fault = None

    def choose_reply(self, asked: Asked) -> Reply:
        """Take the text, or do what the fault says."""
        if self.fault is not None:
            return {"refuse": Reply(422), "broken": Reply(500), "hang_up": Reply(hangs_up=True)}[self.fault]
        if not is_signed(asked, self._secret):
            return Reply(401)
        said = json.loads(asked.body)
        self.texts.append(ReceivedSms(asked.headers["webhook-id"], said["to"], said["text"], said["kind"]))
        return Reply(204)


def is_signed(asked: Asked, secret: bytes) -> bool:
    """Whether a request is signed with the secret, and was just now (Standard Webhooks, "Verifying signatures")."""
    identity, moment = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
    if not moment.isdecimal() or abs(time.time() - int(moment)) > _TOLERANCE_S:
        return False
    signed = b".".join([identity.encode(), moment.encode(), asked.body])
    right = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    given = [entry.partition(",") for entry in asked.headers.get("webhook-signature", "").split(" ")]
    return any(version == "v1" and hmac.compare_digest(value, right) for version, _, value in given)


def code_in(text: ReceivedSms | str, host: str | None = None) -> str:
    """The code that a phone would fill in at `host`, from the last line; AssertionError where there is none.

    As origin-bound codes are parsed: the last line is `@host #code`, or it is none.
    """
    words = text if isinstance(text, str) else text.text
    found = _LAST_LINE.fullmatch(words.rpartition("\n")[2])
    assert found, f"no code in this text:\n{words}"
    assert host in (None, found["host"]), f"the code is for {found['host']}"
    return found["code"]
