"""Handing letters to relays: kept connections, TLS, passwords and fail-over, against real SMTP servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.delivery import deliverer
from auth_portal.delivery.deliverer import LetterDeliverer, MailChannel
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.relays import SmtpRelay
from auth_portal.errors import DeliveryFailed
from auth_portal.settings import parse_relay
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.otp import CodeLetter
from tests.conftest import settings_for
from tests.support import smtp_session
from tests.support.ports import deaf_port, eight_addresses, noted
from tests.support.smtp import Fault, MailSink, Tls

TO = "ada@example.com"
FAST_FAULTS: list[Fault] = ["refuse_connection", "reject_4xx", "reject_5xx", "reject_data", "close_mid_data"]

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
    letters, app = LetterDeliverer(MailChannel(Letters(settings), relays)), Flask(__name__)

    def send(to: str = TO, code: str = "0471", locale: str = "en") -> None:
        letter = CodeLetter(
            Destination("email", to),
            code,
            600,
            utcnow(),
            Caller.api("192.0.2.7"),
            locale,
            None,
            "https://portal.example/stop",
        )
        with app.app_context():
            letters.send_code(letter)

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


def test_however_many_addresses_nobody_answers_at_a_relay_is_given_up_in_time(
    make_relay: Callable[..., MailSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAIL-16; the next relay still has its time."""
    monkeypatch.setattr(socket, "getaddrinfo", eight_addresses(socket.getaddrinfo))
    monkeypatch.setattr(deliverer, "RELAY_BUDGET_S", 2.0)
    patience: list[tuple[int, float]] = []
    monkeypatch.setattr(socket, "create_connection", noted(socket.create_connection, patience))
    relay = make_relay()
    with deaf_port() as port:
        sender(f"smtp://localhost:{port}", relay.url)()
    assert 0 < sum(seconds for asked, seconds in patience if asked == port) <= 2.0
    assert len(relay.sent_to(TO)) == 1


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
