"""Back-channel logout among several: deliverers at once, deliverers that die, clients that hold others up (OP-55)."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from auth_portal.models import LogoutNotice
from auth_portal.oidc.backchannel import LEASE, RETRY_AFTER
from auth_portal.settings import ROOT
from tests.conftest import environment
from tests.drivers import BrowserDriver
from tests.support.ports import free_port
from tests.support.receiver import Receiver
from tests.support.smtp import MailSink
from tests.telling import Site, receiver, signed_in, site

__all__ = ["receiver", "site"]


def test_two_deliverers_at_once_tell_each_client_once(site: Site, receiver: Receiver) -> None:
    """OP-55: threads that start together."""
    clients = [site.client(f"{receiver.url}/{number}") for number in range(20)]
    site.sign_out()
    start, told = threading.Barrier(2), []

    def deliver() -> None:
        back_channel = site.back_channel()
        start.wait()
        told.append(back_channel.deliver_due())

    run_all(deliver, deliver)
    assert sum(told) == len(clients)
    assert sorted(asked.path for asked in receiver.asked) == sorted(f"/{number}" for number in range(20))
    assert site.waiting == {}


def test_a_notice_that_another_process_is_just_taking_is_left_to_it(site: Site, receiver: Receiver) -> None:
    """OPS-06: whoever saw it due, but comes second, finds it taken."""
    client_id = site.client(receiver.url)
    site.sign_out()
    run = threading.Thread(target=site.back_channel().deliver_due)
    with site.engine.begin() as connection:
        lease = {"due_at": datetime.now(UTC) + LEASE, "tries": 1}
        connection.execute(LogoutNotice.__table__.update().values(lease))
        run.start()
        run.join(0.5)  # on SQLite it waits for us
    run.join()
    assert (receiver.asked, site.waiting) == ([], {client_id: 1})


NODE = """
import sys
from auth_portal.cli.context import load_services
from auth_portal.oidc import backchannel
from auth_portal.oidc.backchannel import BackChannel
from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.fetch import Fetcher
from auth_portal.oidc.subjects import Subjects
portal = load_services()
fetcher = Fetcher(portal.settings, step_timeout_s=60, budget_s=60)
channel = BackChannel(
    portal.engine, ClientService(portal.engine), Subjects(portal.engine), portal.tokens, fetcher
)
print("ready", flush=True)
sys.stdin.readline()
print(channel.deliver_due(), flush=True)
"""


@pytest.fixture
def node(database_url: str, outbox: MailSink) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes of this portal that deliver once they read a line."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            command, env = [sys.executable, "-c", NODE], environment(database_url, outbox.url)
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


def test_two_processes_at_once_tell_each_client_once(
    site: Site, receiver: Receiver, node: Callable[[], subprocess.Popen[str]]
) -> None:
    """OP-55, OPS-06."""
    for number in range(30):
        site.client(f"{receiver.url}/{number}")
    nodes = [node(), node()]
    site.sign_out()
    for process in nodes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [int(process.communicate(timeout=60)[0]) for process in nodes]
    assert sum(told) == 30
    assert sorted(asked.path for asked in receiver.asked) == sorted(f"/{number}" for number in range(30))
    assert site.waiting == {}


def test_what_a_process_took_when_it_was_killed_is_delivered_by_another(
    site: Site, receiver: Receiver, node: Callable[[], subprocess.Popen[str]]
) -> None:
    """OP-55: nobody else may have it while the lease lasts; then somebody must."""
    client_id = site.client(receiver.url)
    site.sign_out()
    receiver.hold()
    process = node()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    receiver.wait_for(1)
    assert site.back_channel().deliver_due() == 0
    process.kill()
    process.wait()
    receiver.release()
    assert (site.waiting, len(receiver.asked)) == ({client_id: 1}, 1)
    with time_machine.travel(datetime.now(UTC) + LEASE):
        assert site.back_channel().deliver_due() == 1
        assert site.read(receiver.asked[1], client_id)["sid"] == site.session.id
    assert site.waiting == {}


def test_what_kills_every_process_that_tries_is_given_up(site: Site, receiver: Receiver) -> None:
    """A try is counted when it begins, so that it cannot go on for ever."""
    site.client(receiver.url)
    site.sign_out()
    with site.engine.begin() as connection:
        connection.execute(LogoutNotice.__table__.update().values(tries=len(RETRY_AFTER) + 1))
    assert site.back_channel().deliver_due() == 0
    assert (receiver.asked, site.waiting) == ([], {})


def test_a_client_that_does_not_answer_delays_nobody(
    app: Flask, site: Site, receiver: Receiver, outbox: MailSink
) -> None:
    """OP-56: no sign-out waits for it, and no other client either."""
    other = signed_in(app, BrowserDriver(app, outbox), "bob@example.com")
    with Receiver() as silent:
        silent.hold()
        silent_ids = [site.client(f"{silent.url}/{number}") for number in range(3)]
        for number in range(20):
            site.client(f"{receiver.url}/{number}")
        site.sign_out()
        run = threading.Thread(target=site.back_channel(step_timeout_s=60, budget_s=60).deliver_due)
        run.start()
        silent.wait_for(3)
        receiver.wait_for(20)
        other.client(f"{receiver.url}/bob")
        other.sign_out()
        other.back_channel().deliver_due()
        assert receiver.wait_for(21)[-1].path == "/bob"
        assert run.is_alive()
        assert set(silent_ids) <= set(site.waiting)
        silent.release()
        run.join()
    assert site.waiting == {}


def test_no_connection_to_the_database_is_held_while_a_client_is_asked(site: Site, receiver: Receiver) -> None:
    """OP-56: nothing is locked meanwhile, whatever the client takes its time for."""
    held: list[int] = []
    receiver.on_asked = lambda: held.append(site.engine.pool.checkedout())  # type: ignore[attr-defined]
    site.client(receiver.url)
    site.sign_out()
    assert (site.back_channel().deliver_due(), held) == (1, [0])


def test_a_client_that_fails_is_left_alone_for_the_rest_of_the_run(
    app: Flask, site: Site, receiver: Receiver, outbox: MailSink
) -> None:
    """OP-56: many sessions of a dead client must not use up the time of the others."""
    dead = site.client(f"http://127.0.0.1:{free_port()}/")
    now = datetime.now(UTC) - timedelta(minutes=1)
    with site.engine.begin() as connection:
        for number in range(50):
            row = {"session_id": f"{number:032}", "client_id": dead, "user_id": site.session.user.id}
            values = {**row, "created_at": now, "due_at": now, "tries": 0}
            connection.execute(LogoutNotice.__table__.insert().values(values))
    alive = site.client(receiver.url)
    site.sign_out()
    assert site.back_channel().deliver_due() == 1
    assert site.read(receiver.asked[0], alive)["sid"] == site.session.id
    with site.engine.connect() as connection:
        tried = connection.execute(select(LogoutNotice.tries).where(LogoutNotice.tries > 0)).all()
    assert 1 <= len(tried) <= 8


def run_all(*jobs: Callable[[], None]) -> None:
    """Do them at the same time."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
