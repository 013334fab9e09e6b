"""What callers of a real portal get while its relays are away, refuse, or answer too slowly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import environment
from tests.support import smtp_session
from tests.support.api import Answer, Api, in_parallel
from tests.support.portal import PortalProcess
from tests.support.smtp import Fault, MailSink, code_in

FAILED = "Email gönderilirken hata oluştu"
LIMIT_S = 8.0
FAST_FAULTS: list[Fault] = ["refuse_connection", "reject_4xx", "reject_5xx", "reject_data", "close_mid_data"]
SLOW_FAULTS: list[Fault] = ["slow_banner", "slow_reply", "drip"]


class Node:
    """A portal and its relays."""

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
    retried = [single.send(email)[0].status for email in results if not email.startswith("second")]
    assert retried == [201] * 3


def test_a_slow_relay_costs_eight_seconds_at_most_however_many_ask(nodes: tuple[Node, Node]) -> None:
    node, _ = nodes
    node.relays[0].drop_connections()
    node.relays[0].fault = "slow_banner"
    results = in_parallel([lambda n=number: node.send(f"many{n}@example.com") for number in range(20)])
    node.relays[0].fault = None
    node.relays[0].drop_connections()

    answers = [result for result in results if isinstance(result, tuple)]
    assert [answer.status for answer, _ in answers] == [500] * 20
    assert max(seconds for _, seconds in answers) < LIMIT_S
