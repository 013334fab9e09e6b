"""Gateways against local servers that speak as the providers document, and in all the ways they should not."""

from __future__ import annotations

import base64
import gc
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from auth_portal.delivery.gateways import MAX_ANSWER, open_gateway
from auth_portal.delivery.handover import HandoverRefused
from auth_portal.settings import parse_gateway
from tests.support.certificates import make_certificate
from tests.support.ports import deaf_port, eight_addresses, free_port, noted
from tests.support.receiver import Reply
from tests.texting import KEY, PROVIDERS, Start, gateway, here, refusal, send, start

__all__ = ["start"]
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
TOO_LONG = b'"' + b"a" * (MAX_ANSWER - 1) + b'"'
EACH = pytest.mark.parametrize("kind", PROVIDERS)
ANSWERS = pytest.mark.parametrize(("kind", "reply"), [(kind, p.accepts[0]) for kind, p in PROVIDERS.items()])


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


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
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
def test_an_answer_that_is_not_the_last_one_is_not_taken_for_it_and_the_last_not_for_the_next(
    kind: str, start: Start
) -> None:
    """RFC 9110, section 15.2: one follows, here only after the next text was asked for."""
    early = Reply(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n", stays_open=True)
    server = start(early, PROVIDERS[kind].accepts[0])
    to = here(kind, server)
    with pytest.raises(HandoverRefused) as caught:
        send(to)
    assert (str(caught.value), caught.value.may_have_left) == ("the answer is broken", True)
    send(to)
    assert server.connections == 2


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
    assert refusal(here(kind, server), budget_s=1.5) == "no answer in time"
    assert len(server.wait_for(1)) == 1


def test_however_many_addresses_nobody_answers_at_it_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """MAIL-16: providers have eight of them."""
    monkeypatch.setattr(socket, "getaddrinfo", eight_addresses(socket.getaddrinfo))
    patience: list[tuple[int, float]] = []
    monkeypatch.setattr(socket, "create_connection", noted(socket.create_connection, patience))
    with deaf_port() as port, pytest.raises(HandoverRefused) as caught:
        send(gateway("webhook", f"localhost:{port}"), budget_s=0.6)
    assert 0 < sum(seconds for _port, seconds in patience) <= 0.6
    assert (str(caught.value), caught.value.is_slow, caught.value.may_have_left) == ("no answer in time", True, False)


def test_a_name_that_nobody_looks_up_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """MAIL-16: the system's own resolver waits for as long as it likes."""
    is_over, answered = threading.Event(), threading.Event()

    def getaddrinfo(*_args: object, **_options: object) -> list[object]:
        is_over.wait(30)
        answered.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert refusal(gateway("webhook", "localhost:9"), budget_s=0.3) == "no answer in time"
    assert not answered.is_set()
    is_over.set()


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
    assert refusal(to, budget_s=1.5) == "no answer in time"
    probing = threading.Thread(target=send, args=(to,))
    probing.start()
    server.wait_for(2)
    assert refusal(to) == "still slow"
    server.release()
    probing.join()
    send(to)
    assert len(server.asked) == 3


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
