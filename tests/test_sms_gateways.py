"""Gateways against local servers that speak as the providers document: what is asked, what accepts, what is told."""

from __future__ import annotations

import base64
import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from auth_portal.delivery.gateways import MAX_ANSWER, open_gateway, signed
from auth_portal.delivery.handover import Handover, HandoverRefused
from auth_portal.delivery.texts import TextMessage
from auth_portal.settings import parse_gateway
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.receiver import Receiver, Reply
from tests.support.sms import SmsSink, is_signed
from tests.texting import NUMBER, text_message

KEY = b"a key of the tests, 24 bytes or more"
SID = "AC" + "0f" * 16
SECRETS = ("pass%word", "hunter2", NUMBER, NUMBER[1:], "5551112233", "0471", SID, base64.b64encode(KEY).decode())
TOO_LONG = b'"' + b"a" * (MAX_ANSWER - 1) + b'"'


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
MALFORMED = [
    b"",
    b"no json",
    b"[]",
    b'"00"',
    b"null",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"code": {"00": 1}, "sid": null}',
]
EACH = pytest.mark.parametrize("kind", PROVIDERS)
ANSWERS = pytest.mark.parametrize(("kind", "reply"), [(kind, p.accepts[0]) for kind, p in PROVIDERS.items()])
Start = Callable[..., Receiver]


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
    shown = f"{caught.value!r} {caught.value.__context__!r} {caught.value.__cause__!r}"
    assert not [secret for secret in SECRETS if secret in shown]
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(("kind", "reply"), [(kind, reply) for kind, p in PROVIDERS.items() for reply in p.accepts])
def test_what_a_provider_documents_as_accepted_is(kind: str, reply: Reply, start: Start) -> None:
    server = start(reply)
    send(here(kind, server))
    assert [asked.method for asked in server.asked] == ["POST"]


@pytest.mark.parametrize(
    ("kind", "reason", "reply"), [(kind, *refused) for kind, p in PROVIDERS.items() for refused in p.refuses.items()]
)
def test_what_a_provider_refuses_is_told_by_its_code_and_not_asked_again(
    kind: str, reason: str, reply: Reply, start: Start
) -> None:
    """MAIL-16."""
    server = start(reply)
    assert refusal(here(kind, server)) == reason
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize(("kind", "status"), [("twilio", 201), ("netgsm", 200)])
def test_an_answer_that_is_malformed_accepts_nothing(kind: str, status: int, body: bytes, start: Start) -> None:
    server = start(Reply(status, body=body))
    assert refusal(here(kind, server)) == f"status {status}"
    assert len(server.asked) == 1


@EACH
@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 " + b"a" * 70_000])
def test_an_answer_that_is_no_http_accepts_nothing(kind: str, raw: bytes, start: Start) -> None:
    server = start(Reply(raw=raw))
    assert refusal(here(kind, server)) in ("the answer is broken", "the connection broke")
    assert len(server.asked) == 1


@EACH
def test_a_gateway_that_hangs_up_is_not_asked_again(kind: str, start: Start) -> None:
    """MAIL-16: it may have taken the text. The same on a connection that was kept."""
    server = start(PROVIDERS[kind].accepts[0], Reply(hangs_up=True))
    to = here(kind, server)
    send(to)
    assert refusal(to) in ("the connection broke", "the answer is broken")
    assert (len(server.asked), server.connections) == (2, 1)


@EACH
def test_a_gateway_that_is_silent_is_given_up_in_time_and_not_asked_again(kind: str, start: Start) -> None:
    """MAIL-16."""
    server = start()
    server.hold()
    assert refusal(here(kind, server), budget_s=0.2) == "no answer in time"
    assert len(server.wait_for(1)) == 1


@EACH
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_gateway_that_drips_is_given_up_although_each_byte_is_in_time(kind: str, head: bytes, start: Start) -> None:
    server = start(Reply(raw=head, drip=b"H"))
    assert refusal(here(kind, server), budget_s=0.3) == "no answer in time"


@EACH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(kind: str, status: int, start: Start) -> None:
    """Whoever can redirect would get the number, the code and our password."""
    elsewhere = start()
    server = start(Reply(status, {"Location": f"{elsewhere.url}/"}))
    assert refusal(here(kind, server)) == f"status {status}"
    assert (len(server.asked), elsewhere.asked) == (1, [])


@EACH
@pytest.mark.parametrize(
    "reply",
    [Reply(200, body=TOO_LONG), Reply(201, body=TOO_LONG), Reply(raw=b"HTTP/1.1 201 OK\r\n\r\n" + b"[" * 20_000_000)],
    ids=["200", "201", "endless"],
)
def test_of_a_huge_answer_only_the_bound_is_read(kind: str, reply: Reply, start: Start) -> None:
    server = start(reply, PROVIDERS[kind].accepts[0])
    to = here(kind, server)
    assert refusal(to) == "the answer is too long"
    send(to)  # what was left unread is not taken for the next answer
    assert len(server.asked) == 2


@EACH
def test_nobody_listening_is_a_refusal(kind: str) -> None:
    assert refusal(gateway(kind, f"127.0.0.1:{free_port()}")) == "nobody listens"


@EACH
def test_no_proxy_of_the_environment_is_used(kind: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = start(), start(PROVIDERS[kind].accepts[0])
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    send(here(kind, server))
    assert (len(server.asked), proxy.asked) == (1, [])


@ANSWERS
def test_a_thread_keeps_its_connection(kind: str, reply: Reply, start: Start) -> None:
    server = start(reply)
    to = here(kind, server)
    for _ in range(3):
        send(to)
    assert (server.connections, len(server.asked)) == (1, 3)
    other = threading.Thread(target=lambda: [send(to), send(to)])
    other.start()
    other.join()
    gc.collect()  # what the thread kept is closed with it; a warning would fail this test
    assert (server.connections, len(server.asked)) == (2, 5)


@ANSWERS
def test_a_connection_that_the_server_ended_is_opened_again_unnoticed(kind: str, reply: Reply, start: Start) -> None:
    server = start(reply)
    to = here(kind, server)
    for _ in range(3):
        send(to)
        server.drop_connections()
    assert (server.connections, len(server.asked)) == (3, 3)


@pytest.mark.parametrize(
    ("raw", "stays_open"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", False),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
    ],
)
def test_answers_may_end_in_every_way_that_http_has(raw: bytes, stays_open: bool, start: Start) -> None:
    server = start(Reply(raw=raw, stays_open=stays_open))
    to = here("webhook", server)
    for _ in range(3):
        send(to)
    assert (len(server.asked), server.connections) == (3, 1 if stays_open else 3)


def test_one_thread_tries_a_slow_gateway_and_the_others_go_on_at_once(start: Start) -> None:
    server = start(Reply(204))
    to = here("webhook", server)
    server.hold()
    assert refusal(to, budget_s=0.2) == "no answer in time"
    probing = threading.Thread(target=send, args=(to,))
    probing.start()
    server.wait_for(2)
    assert refusal(to) == "still slow"
    server.release()
    probing.join()
    send(to)
    assert len(server.asked) == 3


def test_a_webhook_is_signed_and_says_what_it_is_and_how_long_it_is_good(start: Start) -> None:
    """Standard Webhooks 1.0."""
    server, message = start(Reply(204)), text_message("Kodunuz: 0471. ü\n\n@portal.example #0471")
    send(here("webhook", server), message)
    (asked,) = server.asked
    assert is_signed(asked, KEY)
    assert not is_signed(asked, KEY[:-1] + b"x")
    assert (asked.path, asked.headers["webhook-id"]) == ("/sms?via=hunter2", message.id)
    assert asked.headers["content-type"] == "application/json"
    assert "authorization" not in asked.headers
    told = {"to": NUMBER, "text": message.text, "kind": "code", "expiresIn": 600}
    assert json.loads(asked.body) == told


def test_a_notice_is_good_for_ever(start: Start) -> None:
    server = start(Reply(204))
    send(here("webhook", server), TextMessage(NUMBER, "New sign-in.", "new_sign_in"))
    assert json.loads(server.asked[0].body) == {"to": NUMBER, "text": "New sign-in.", "kind": "new_sign_in"}


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_without_a_secret_is_not_signed(start: Start) -> None:
    server = start(Reply(204))
    send(open_gateway(parse_gateway(f"http+webhook://127.0.0.1:{server.port}")))
    assert server.asked[0].path == "/"
    assert "webhook-signature" not in server.asked[0].headers


def test_the_gateway_of_the_tests_takes_only_what_is_signed(sms: SmsSink) -> None:
    """Else every test that reads a text there would pass with a wrong signature too."""
    wrong = base64.b64encode(b"somebody else's secret").decode()
    assert refusal(open_gateway(parse_gateway(f"http+webhook://:{wrong}@127.0.0.1:{sms.port}/sms"))) == "status 401"
    assert sms.texts == []


@pytest.mark.parametrize(
    ("sender", "name"), [("+15550001111", "From"), ("MG" + "0f" * 16, "MessagingServiceSid"), ("PORTAL", "From")]
)
def test_twilio_is_asked_as_it_documents(sender: str, name: str, start: Start) -> None:
    server, message = start(PROVIDERS["twilio"].accepts[0]), text_message("Kod: 0471 & ü\n\n@portal.example #0471")
    send(open_gateway(parse_gateway(f"twilio://{SID}:pass%25word@localhost:{server.port}/{sender}")), message)
    (asked,) = server.asked
    assert asked.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(f'{SID}:pass%word'.encode()).decode()}"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.fields == {"To": [NUMBER], "Body": [message.text], name: [sender], "ValidityPeriod": ["600"]}


def test_twilio_drops_no_notice_for_its_age(start: Start) -> None:
    server = start(PROVIDERS["twilio"].accepts[0])
    send(here("twilio", server), TextMessage(NUMBER, "New sign-in.", "new_sign_in"))
    assert set(server.asked[0].fields) == {"To", "Body", "From"}


def test_netgsm_is_asked_as_it_documents(start: Start) -> None:
    server, message = start(PROVIDERS["netgsm"].accepts[0]), text_message("Kod: 0471 ü\n\n@portal.example #0471")
    send(here("netgsm", server), message)
    (asked,) = server.asked
    assert asked.path == "/sms/rest/v2/send"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(b'8501112233:pass%word').decode()}"
    assert json.loads(asked.body) == {
        "msgheader": "BASLIGIM",
        "messages": [{"msg": message.text, "no": "5551112233"}],
        "iysfilter": "0",
    }


@pytest.mark.parametrize("number", ["+15550001111", "+9055511122334", "+90555111223", "5551112233", "+905"])
def test_netgsm_is_not_asked_for_a_number_that_it_documents_no_form_for(number: str, start: Start) -> None:
    server = start(PROVIDERS["netgsm"].accepts[0])
    assert refusal(here("netgsm", server), text_message(to=number)) == "takes Turkish numbers only"
    assert server.asked == []


TLS_CASES = {
    # name in the certificate, whether its authority is trusted, why nothing leaves
    "good": ("sms.example", True, None),
    "another name": ("other.example", True, "the certificate is not good"),
    "unknown authority": ("sms.example", False, "the certificate is not good"),
}


@EACH
@pytest.mark.parametrize("case", TLS_CASES)
def test_texts_go_only_to_a_server_whose_certificate_is_good(
    kind: str, case: str, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-13. The name of a provider is looked up as this machine, so that it stands in for the Internet."""
    name, is_trusted, reason = TLS_CASES[case]
    made, real = make_certificate(name, tmp_path), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *args, **more: real("127.0.0.1", *args, **more))
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.ca_file))
    server = start(PROVIDERS[kind].accepts[0], context=made.context)
    setting = PROVIDERS[kind].setting.format(at=f"sms.example:{server.port}").replace("http+", "https+")
    to = open_gateway(parse_gateway(setting))
    if reason is None:
        send(to)
        send(to)
        assert [asked.server_name for asked in server.asked] == ["sms.example"] * 2
        assert server.connections == 1
    else:
        assert refusal(to) == reason
        assert server.asked == []


def test_a_server_that_speaks_no_tls_gets_nothing(start: Start) -> None:
    """OPS-13."""
    server = start(Reply(204))
    setting = f"https+webhook://:{quote(base64.b64encode(KEY).decode(), safe='')}@localhost:{server.port}/"
    assert refusal(open_gateway(parse_gateway(setting))) == "TLS failed"
    assert server.asked == []
