"""SMS gateways over HTTP: our own signed webhook, Twilio, Netgsm.

A gateway is asked once for a text and never again: it may have taken it although its answer was lost. The next one is
asked all the same, see docs/phone.md (MAIL-16).
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import re
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from urllib3.connection import HTTPConnection, HTTPSConnection

from auth_portal.delivery.handover import Handover, HandoverRefused, Patience
from auth_portal.delivery.texts import TextMessage
from auth_portal.settings import Gateway
from auth_portal.timed_http import FAILURES, TIMEOUTS, Left, TimedResponse, connect, reason_of

MAX_ANSWER = 64 * 1024
"""Most bytes of an answer that are read."""
_IDLE_S = 30.0
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_LONGEST_VALIDITY_S = 36_000
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.IGNORECASE)
"""The id of a messaging service; names of senders may begin like one."""
_TURKISH = "+90"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        """The members of a JSON object; none where it is no such thing."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class _Dialled(HTTPConnection):
    """A connection that is there in time, however many addresses the host has."""

    left: Left

    def _new_conn(self) -> socket.socket:
        sock = connect(self.host, self.port, self.left)
        sock.settimeout(self.left())
        return sock


class _DialledTls(_Dialled, HTTPSConnection):
    """The same over TLS."""


class _Line:
    """A kept connection, of one thread."""

    def __init__(self, connection: _Dialled) -> None:
        self.connection = connection
        self.used_at = 0.0
        # A worker thread that ends leaves its connection behind.
        weakref.finalize(self, connection.close)

    def open(self, left: Left) -> None:
        """Connect, unless it is connected and the server has not ended that meanwhile."""
        connection = self.connection
        if not connection.is_connected or time.monotonic() - self.used_at > _IDLE_S:
            connection.close()
            connection.left = left
            connection.connect()

    def ask(self, path: str, headers: dict[str, str], body: bytes, left: Left) -> _Answer:
        """Post, and read the answer as far as it may go."""
        connection = self.connection
        connection.response_class = partial(TimedResponse, left=left)  # type: ignore[assignment]
        connection.timeout = left()
        connection.request("POST", path, body, {"User-Agent": "auth-portal", **headers}, preload_content=False)
        with closing(connection.getresponse()) as response:
            if response.status < 200:
                # The real answer would follow; on a kept connection the next text's would be taken for it.
                raise http.client.HTTPException
            answer = _Answer(response.status, response.read(MAX_ANSWER + 1, decode_content=False))
        self.used_at = time.monotonic()
        return answer


class _Http:
    """Posts to one server: TLS verified, no redirect followed, no proxy, bounded in time and size (OPS-13)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tls = ssl.create_default_context() if gateway.is_https else None
        self._local = threading.local()

    def post(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> _Answer:
        """The answer to one request, which is sent once. Raises HandoverRefused."""
        line, left = self._line(), partial(_left, deadline)
        is_asked = False
        try:
            line.open(left)
            is_asked = True
            answer = line.ask(path, headers, body, left)
        except FAILURES as error:
            reason, is_slow = reason_of(error), isinstance(error, TIMEOUTS)
        else:
            if len(answer.body) <= MAX_ANSWER:
                return answer
            reason, is_slow = "the answer is too long", False
        line.connection.close()
        # Not from within: the libraries' errors quote names and addresses.
        raise HandoverRefused(reason, is_slow=is_slow, may_have_left=is_asked)

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        if line is None:
            host, port = self._gateway.host, self._gateway.port
            if self._gateway.is_https:
                line = _Line(_DialledTls(host, port, ssl_context=self._tls))
            else:
                line = _Line(_Dialled(host, port))
            self._local.line = line
        return line


class _HttpGateway:
    """One gateway of ``SMS_URL``: what each kind asks, and which answers accept."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._http = _Http(gateway)
        self._patience = Patience()

    def hand_over(self, message: TextMessage, deadline: float) -> None:
        """Ask the gateway to take the text. Raises HandoverRefused."""
        self._patience.spend(lambda until: self._try(message, until), deadline)

    def _try(self, message: TextMessage, deadline: float) -> None:
        raise NotImplementedError

    @property
    def _credentials(self) -> dict[str, str]:
        pair = self._gateway.account.encode() + b":" + self._gateway.secret
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class Webhook(_HttpGateway):
    """A program of the operator's own, told as the Standard Webhooks specification says. Any 2xx accepts.

    ``webhook-id`` is the text's own: a receiver that was told of it before knows so.
    """

    def _try(self, message: TextMessage, deadline: float) -> None:
        said: dict[str, object] = {"to": message.to, "text": message.text, "kind": message.kind}
        if message.lives_for_s is not None:
            said["expiresIn"] = message.lives_for_s
        body = json.dumps(said, ensure_ascii=False).encode()
        headers = {"Content-Type": _JSON, **signed(self._gateway.secret, message.id, int(time.time()), body)}
        answer = self._http.post(self._gateway.path, headers, body, deadline)
        if not 200 <= answer.status < 300:
            raise HandoverRefused(f"status {answer.status}")


class Twilio(_HttpGateway):
    """Twilio's Messages resource. 201 accepts, unless the message is said to have failed."""

    def _try(self, message: TextMessage, deadline: float) -> None:
        sender = self._gateway.sender
        fields = {"To": message.to, "Body": message.text}
        fields["MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From"] = sender
        if message.lives_for_s is not None:
            # What waits for longer in their queue is dropped: no code arrives that is over.
            fields["ValidityPeriod"] = str(min(max(message.lives_for_s, 1), _LONGEST_VALIDITY_S))
        path = f"/2010-04-01/Accounts/{quote(self._gateway.account, safe='')}/Messages.json"
        headers = {"Content-Type": _FORM, **self._credentials}
        answer = self._http.post(path, headers, urlencode(fields).encode(), deadline)
        said = answer.said
        if answer.status != 201:
            raise HandoverRefused(_reason(answer, said.get("code")))
        if not said.get("sid") or said.get("status") in ("failed", "undelivered", "canceled"):
            raise HandoverRefused(_reason(answer, said.get("error_code")))


class Netgsm(_HttpGateway):
    """Netgsm's REST v2. 200 with the code 00 accepts; so do 01 and 02, which only correct a date.

    It documents ten digits of a Turkish number and nothing else: other numbers are the next gateway's.
    """

    def _try(self, message: TextMessage, deadline: float) -> None:
        number = message.to.removeprefix(_TURKISH)
        if number == message.to or len(number) != 10:
            raise HandoverRefused("takes Turkish numbers only")
        said = {
            "msgheader": self._gateway.sender,
            "messages": [{"msg": message.text, "no": number}],
            "iysfilter": "0",  # tells of something; advertises nothing
        }
        headers = {"Content-Type": _JSON, **self._credentials}
        answer = self._http.post("/sms/rest/v2/send", headers, json.dumps(said).encode(), deadline)
        code = answer.said.get("code")
        if answer.status != 200 or code not in ("00", "01", "02"):
            raise HandoverRefused(_reason(answer, code))


_KINDS: dict[str, Callable[[Gateway], Handover[TextMessage]]] = {
    "webhook": Webhook,
    "twilio": Twilio,
    "netgsm": Netgsm,
}


def open_gateway(gateway: Gateway) -> Handover[TextMessage]:
    """The gateway of a kind. Connects with the first text."""
    return _KINDS[gateway.kind](gateway)


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of the Standard Webhooks specification; without a key nothing is signed."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if key:
        mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(mac).decode()}"
    return headers


def _left(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _reason(answer: _Answer, code: object) -> str:
    """Status and the provider's code; its own words may name the number."""
    is_code = isinstance(code, int | str) and re.fullmatch(r"[0-9]{1,6}", str(code))
    return f"status {answer.status}, code {code}" if is_code else f"status {answer.status}"
