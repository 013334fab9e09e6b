"""Handing letters to relays: kept connections, TLS, fail-over and time; and what the letters are made of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.delivery.deliverer import MailDeliverer
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.relays import SmtpRelay
from auth_portal.errors import DeliveryFailed
from auth_portal.settings import parse_relay
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.otp import CodeLetter
from tests.conftest import environment, settings_for
from tests.support import smtp_session
from tests.support.api import Answer, Api, in_parallel
from tests.support.portal import PortalProcess
from tests.support.smtp import Fault, MailSink, Tls, code_in

TO = "ada@example.com"
FAILED = "Email gönderilirken hata oluştu"
LIMIT_S = 8.0
FAST_FAULTS: list[Fault] = ["refuse_connection", "reject_4xx", "reject_5xx", "reject_data", "close_mid_data"]
SLOW_FAULTS: list[Fault] = ["slow_banner", "slow_reply", "drip"]

Send = Callable[..., None]


@pytest.fixture
def make_relay() -> Iterator[Callable[..., MailSink]]:
    """Starts relays: ``make_relay(tls="starttls")``."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(MailSink(**options))


def sender(*urls: str, **overrides: object) -> Send:
    """A deliverer for relays, wired as the portal does: ``send(to=…, code=…, locale=…)``."""
    settings = settings_for("sqlite:////nowhere/portal.db", ",".join(urls), **overrides)
    relays = [SmtpRelay(parse_relay(url), settings.public_host) for url in settings.mail_url]
    deliverer, app = MailDeliverer(Letters(settings), relays), Flask(__name__)

    def send(to: str = TO, code: str = "0471", locale: str = "en") -> None:
        letter = CodeLetter(Destination("email", to), code, 600, utcnow(), Caller.api("192.0.2.7"), locale)
        with app.app_context():
            deliverer.send_code(letter)

    return send


def test_a_thread_keeps_its_connection_over_many_letters(make_relay: Callable[..., MailSink]) -> None:
    relay = make_relay()
    send = sender(relay.url)

    for _ in range(4):
        send()
    assert (relay.connections, len(relay.sent_to(TO))) == (1, 4)

    other = threading.Thread(target=lambda: [send(), send()])
    other.start()
    other.join()
    assert (relay.connections, len(relay.sent_to(TO))) == (2, 6)


def _restart(relay: MailSink) -> None:
    relay.stop()
    relay.start()


def _nothing(_relay: MailSink) -> None:
    """The relay closes each connection by itself."""


@pytest.mark.parametrize(
    "drop",
    [MailSink.drop_connections, _restart, _nothing],
    ids=["dropped", "restarted", "closed_when_idle"],
)
def test_a_connection_that_the_relay_ended_is_opened_again_unnoticed(
    drop: Callable[[MailSink], None], make_relay: Callable[..., MailSink], request: pytest.FixtureRequest
) -> None:
    relay = make_relay()
    if "closed_when_idle" in request.node.name:
        relay.fault = "close_idle"
    send = sender(relay.url)

    for _ in range(3):
        send()
        drop(relay)

    assert (relay.connections, len(relay.sent_to(TO))) == (3, 3)


def test_a_relay_that_says_goodbye_on_a_kept_connection_is_asked_again_on_a_new_one(
    make_relay: Callable[..., MailSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What relays do with idle clients: 421, then they hang up (RFC 5321, section 3.8).
    usual, seen = smtp_session.Session._mail, []

    def mail(session: smtp_session.Session, argument: str) -> None:
        seen.append(argument)
        if len(seen) == 2:
            session._reply("421 4.4.2 relay.test idle for too long")
            raise smtp_session.HungUp
        usual(session, argument)

    monkeypatch.setitem(smtp_session._HANDLERS, "MAIL", mail)
    relay = make_relay()
    send = sender(relay.url)

    send()
    send()

    assert (relay.connections, len(relay.sent_to(TO))) == (2, 2)


TLS_CASES: dict[str, tuple[Tls, str, bool, bool]] = {
    # relay's TLS, name in its certificate, whether its authority is trusted, whether mail may leave
    "starttls": ("starttls", "localhost", True, True),
    "implicit": ("implicit", "localhost", True, True),
    "starttls_wrong_name": ("starttls", "mail.example", True, False),
    "implicit_wrong_name": ("implicit", "mail.example", True, False),
    "starttls_unknown_authority": ("starttls", "localhost", False, False),
    "implicit_unknown_authority": ("implicit", "localhost", False, False),
}


@pytest.mark.parametrize("case", TLS_CASES)
def test_letters_go_only_to_a_relay_whose_certificate_is_good(
    case: str, make_relay: Callable[..., MailSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, hostname, trusted, accepted = TLS_CASES[case]
    relay = make_relay(tls=tls, hostname=hostname, auth=("portal", "p@ss:w/rd %"))
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.ca_file))
    send = sender(relay.url)

    if accepted:
        send()
        send()
        assert (relay.connections, len(relay.sent_to(TO))) == (1, 2)
    else:
        with pytest.raises(DeliveryFailed):
            send()
        assert relay.messages == []
        assert relay.connections == 1, "the relay was never reached"


def test_a_relay_that_offers_no_starttls_gets_neither_password_nor_letter(
    make_relay: Callable[..., MailSink],
) -> None:
    relay = make_relay(auth=("portal", "secret"))

    with pytest.raises(DeliveryFailed):
        sender(relay.url.replace("smtp://", "smtp+starttls://"))()
    assert relay.messages == []
    sender(relay.url)()  # the same relay takes it where no TLS is asked for
    assert len(relay.messages) == 1


def test_a_wrong_password_is_a_failed_delivery(make_relay: Callable[..., MailSink]) -> None:
    relay = make_relay(auth=("portal", "secret"))

    with pytest.raises(DeliveryFailed):
        sender(relay.url.replace("secret", "wrong"))()
    assert relay.messages == []


def test_relays_are_tried_in_order_and_the_first_is_used_again_once_it_is_back(
    make_relay: Callable[..., MailSink],
) -> None:
    first, second = make_relay(), make_relay()
    send = sender(first.url, second.url)

    for fault in (None, *FAST_FAULTS):
        first.drop_connections()  # a kept one is past being refused
        first.fault = fault
        send()
    assert (len(first.messages), len(second.messages)) == (1, len(FAST_FAULTS))

    first.fault = None
    first.stop()
    send()
    second.stop()
    with pytest.raises(DeliveryFailed):
        send()
    first.start()
    send()
    assert (len(first.messages), len(second.messages)) == (2, len(FAST_FAULTS) + 1)


class Node:
    """A portal and its relays; ``pauses`` counts the times that a relay let a client wait."""

    def __init__(self, process: PortalProcess, relays: list[MailSink]) -> None:
        self.process, self.relays = process, relays

    def send(self, email: str, timeout: float = 30) -> tuple[Answer, float]:
        """Ask for a code; the answer and the seconds it took."""
        with Api(self.process.url, timeout=timeout) as api:
            start = time.monotonic()
            answer = api.send_code(email)
            return answer, time.monotonic() - start


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two portals on one database: one with one relay and a send limit, one with two relays."""
    path: Path = tmp_path_factory.mktemp("delivery") / "portal.db"
    with ExitStack() as stack:
        relays = [stack.enter_context(MailSink()) for _ in range(3)]
        url = f"sqlite:///{path}"
        single = environment(url, relays[0].url, sends_per_inbox_per_hour=2)
        double = environment(url, f"{relays[1].url},{relays[2].url}", resend_after=0)
        one = stack.enter_context(PortalProcess(single))
        two = stack.enter_context(PortalProcess(double, migrate=False))
        yield Node(one, relays[:1]), Node(two, relays[1:])


def _assert_failed(answer: Answer) -> None:
    assert answer.status == 500
    assert answer.json["errors"] == [FAILED]
    assert answer.data is None
    assert answer.error_code == "delivery_failed"


@pytest.mark.parametrize("fault", ["stopped", *FAST_FAULTS])
def test_a_refused_letter_is_told_and_costs_neither_the_challenge_nor_the_limit(
    fault: Any, nodes: tuple[Node, Node]
) -> None:
    node, _ = nodes
    relay, email = node.relays[0], f"{fault.replace('_', '-')}@example.com"
    relay.drop_connections()  # a kept one is past being refused
    if fault == "stopped":
        relay.stop()
    else:
        relay.fault = fault
    failed = [node.send(email) for _ in range(3)]  # one more than the inbox may get in an hour
    relay.fault = None
    relay.start()
    answer, _seconds = node.send(email)

    for failure, seconds in failed:
        _assert_failed(failure)
        assert seconds < LIMIT_S
    assert answer.status == 201
    assert len(relay.sent_to(email)) == 1


def test_a_failed_resend_leaves_the_code_of_the_first_letter_alive(nodes: tuple[Node, Node]) -> None:
    _, node = nodes
    email = "older@example.com"
    assert node.send(email)[0].status == 201
    for relay in node.relays:
        relay.fault = "reject_5xx"
    failure, _seconds = node.send(email)
    for relay in node.relays:
        relay.fault = None

    _assert_failed(failure)
    with Api(node.process.url) as api:
        assert api.login(email, code_in(node.relays[0].sent_to(email)[0])).status == 200


def test_slow_relays_cost_eight_seconds_at_most_and_nobody_else_waits(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    single, double = nodes
    pausing = threading.Semaphore(0)
    pause = smtp_session.Session._pause

    def noticed(session: smtp_session.Session, seconds: float) -> None:
        pausing.release()
        pause(session, seconds)

    monkeypatch.setattr(smtp_session.Session, "_pause", noticed)
    results: dict[str, tuple[Answer, float]] = {}

    def start(node: Node, fault: Fault, name: str) -> threading.Thread:
        node.relays[0].fault = fault
        email = f"{name}@example.com"
        thread = threading.Thread(target=lambda: results.update({email: node.send(email)}))
        thread.start()
        assert pausing.acquire(timeout=LIMIT_S), "the relay was never asked"
        return thread

    for node in nodes:
        node.relays[0].drop_connections()  # a kept one has its banner behind it
    # Each conversation is stuck in its own fault before the relay gets the next one.
    threads = [start(double, "slow_banner", "second")]
    threads += [start(single, fault, fault.replace("_", "-")) for fault in SLOW_FAULTS]
    with Api(single.process.url) as one, Api(double.process.url) as two:
        pages = [api.get(path).status for api in (one, two) for path in ("/login", "/healthz", "/readyz")]
    still_waiting = [thread.is_alive() for thread in threads]
    for thread in threads:
        thread.join(30)
    for relay in (single.relays[0], double.relays[0]):
        relay.fault = None
        relay.drop_connections()

    assert pages == [200] * 6
    assert all(still_waiting), "the pages were answered only after the relays had been given up"
    assert {email: answer.status for email, (answer, _) in results.items()} == {
        "second@example.com": 201,
        **{f"{fault.replace('_', '-')}@example.com": 500 for fault in SLOW_FAULTS},
    }
    assert max(seconds for _, seconds in results.values()) < LIMIT_S
    assert len(double.relays[1].sent_to("second@example.com")) == 1
    retries = in_parallel([lambda e=email: single.send(e) for email in results if not email.startswith("second")])
    assert [retry[0].status for retry in retries if isinstance(retry, tuple)] == [201] * 3
