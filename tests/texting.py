"""The facts of text messages, and gateways that servers of a test play."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from auth_portal.delivery.gateways import open_gateway
from auth_portal.delivery.handover import Handover, HandoverRefused
from auth_portal.delivery.texts import TextMessage
from auth_portal.settings import parse_gateway
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.notices import NoticeLetter
from auth_portal.signin.otp import CodeLetter
from tests.support.receiver import Receiver, Reply

Start = Callable[..., Receiver]
NUMBER = "+905551112233"
MOMENT = datetime(2026, 2, 4, 5, 6, 7, tzinfo=UTC)
FIREFOX = Caller.browser("secret", "192.0.2.7", "Firefox/Windows")
NOT_ME = "https://portal.example/login/not-me/0f"

KEY = b"a key of the tests, 24 bytes or more"
SID = "AC" + "0f" * 16
SECRETS = ("pass%word", "hunter2", NUMBER, NUMBER[1:], "5551112233", "0471", SID, base64.b64encode(KEY).decode())


@dataclass(frozen=True)
class Provider:
    """How a gateway is written in SMS_URL, and the answers it documents."""

    setting: str  # with {at}: host and port
    accepts: list[Reply]
    refuses: dict[str, Reply] = field(default_factory=dict)  # by the reason that is said


def as_json(http_status: int, /, **said: Any) -> Reply:
    """An answer in JSON."""
    return Reply(http_status, {"Content-Type": "application/json"}, json.dumps(said).encode())


def twilio_error(status: int, code: int) -> Reply:
    """Twilio's own words name the number that they are about."""
    return as_json(status, code=code, message=f"The 'To' number {NUMBER} is not valid", more_info="…", status=status)


PROVIDERS = {
    "webhook": Provider(
        f"http+webhook://:{quote(base64.b64encode(KEY).decode(), safe='')}@{{at}}/sms?via=hunter2",
        [Reply(200), Reply(202, body=b"queued"), Reply(204), as_json(201, id=1)],
        {"status 400": Reply(400), "status 401": Reply(401), "status 503": Reply(503)},
    ),
    "twilio": Provider(
        f"twilio://{SID}:pass%25word@{{at}}/+15550001111",
        [
            as_json(201, sid="SM" + "1" * 32, status="queued", error_code=None),
            as_json(201, sid="SM1", status="accepted"),
        ],
        {
            "status 400, code 21211": twilio_error(400, 21211),
            "status 401, code 20003": twilio_error(401, 20003),
            "status 429, code 20429": twilio_error(429, 20429),
            "status 201, code 30008": as_json(201, sid="SM1", status="failed", error_code=30008),
            "status 200": as_json(200, sid="SM1", status="queued"),
            "status 201": as_json(201, status="queued"),
        },
    ),
    "netgsm": Provider(
        "netgsm://8501112233:pass%25word@{at}/BASLIGIM",
        [as_json(200, code="00", jobid="17377215342605050417149344", description="queued"), as_json(200, code="02")],
        {
            "status 406, code 30": as_json(406, code="30", jobid=None, description=f"{NUMBER} hunter2"),
            "status 406, code 40": as_json(406, code="40"),
            "status 200, code 85": as_json(200, code="85", description="…"),
            "status 406": as_json(406, code=f"{NUMBER} is bad"),
            "status 500": as_json(500, code=None),
            "status 200": as_json(200, code=["00"]),
        },
    ),
}


def code_letter(code: str = "0471", locale: str = "en", **facts: Any) -> CodeLetter:
    """What the letter of a code to a number tells."""
    given = {"caller": FIREFOX, "link": "https://portal.example/login/link/0f", "not_me": NOT_ME, **facts}
    return CodeLetter(Destination("sms", NUMBER), code, lives_for_s=600, asked_at=MOMENT, locale=locale, **given)


def notice(locale: str = "en", caller: Caller | None = FIREFOX) -> NoticeLetter:
    """What a notice to a number tells."""
    return NoticeLetter(Destination("sms", NUMBER), MOMENT, caller, locale)


def text_message(text: str = "Your code is 0471.\n\n@portal.example #0471", to: str = NUMBER) -> TextMessage:
    """A text with a code that lives for ten minutes."""
    return TextMessage(to, text, "code", 600)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts providers' servers: ``start(Reply(204))``."""
    with ExitStack() as stack:
        yield lambda *replies, **options: stack.enter_context(Receiver(*replies, **options))


def gateway(kind: str, at: str) -> Handover[TextMessage]:
    """The gateway of a kind at ``host:port``, wired as the portal does."""
    return open_gateway(parse_gateway(PROVIDERS[kind].setting.format(at=at)))


def here(kind: str, server: Receiver) -> Handover[TextMessage]:
    """The gateway of a kind that a server of this test plays."""
    return gateway(kind, f"127.0.0.1:{server.port}")


def send(to: Handover[TextMessage], message: TextMessage | None = None, budget_s: float = 10) -> None:
    """Hand one text over."""
    to.hand_over(message or text_message(), time.monotonic() + budget_s)


def refusal(to: Handover[TextMessage], message: TextMessage | None = None, budget_s: float = 10) -> str:
    """Why a text was not accepted; it must not have been, and nothing of it, of us or of anybody is told (OPS-03)."""
    with pytest.raises(HandoverRefused) as caught:
        send(to, message, budget_s)
    assert not [secret for secret in SECRETS if secret in repr(caught.value)]
    assert caught.value.__context__ is None
    return str(caught.value)
