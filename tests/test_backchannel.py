"""Back-channel logout: clients learn that a session ended, once, whatever ended it and whoever dies (OP-55)."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import structlog
import time_machine
from flask import Flask
from sqlalchemy import delete, select

from auth_portal.models import LogoutNotice, User
from auth_portal.oidc import backchannel
from auth_portal.oidc.backchannel import LEASE, LOGOUT_EVENT, RETRY_AFTER, BackChannel
from auth_portal.oidc.clients import ClientService
from auth_portal.oidc.fetch import Fetcher
from auth_portal.oidc.subjects import Subjects
from auth_portal.settings import ROOT
from auth_portal.signin.sessions import GrantDraft, LiveSession
from tests.conftest import environment, services_of
from tests.drivers import BrowserDriver
from tests.support.ports import free_port
from tests.support.receiver import Asked, Receiver, Reply
from tests.support.smtp import MailSink

ADA = "ada@example.com"
COLUMNS: dict[str, Any] = {
    "auth_method": None,
    "redirect_uris": [],
    "post_logout_redirect_uris": [],
    "grant_types": ["authorization_code"],
    "scopes": ["openid"],
    "resources": [],
    "is_trusted": True,
    "require_pkce": True,
    "require_pushed": False,
    "id_token_algorithm": "RS256",
    "access": {},
}


@dataclass
class Site:
    """A portal with a person who is signed in, and clients to tell of her."""

    app: Flask
    session: LiveSession

    def __post_init__(self) -> None:
        self.services = services_of(self.app)
        self.engine = self.services.engine
        self.clients = ClientService(self.engine)
        self.subjects = Subjects(self.engine)

    def back_channel(self, **bounds: float) -> BackChannel:
        """A deliverer, as each process has its own."""
        fetcher = Fetcher(self.services.settings, **bounds)
        return BackChannel(self.engine, self.clients, self.subjects, self.services.tokens, fetcher)

    def client(self, uri: str | None, **columns: Any) -> str:
        """A new client that the person's session signed in to; its id."""
        client_id, _ = self.clients.create({**COLUMNS, "name": "App", "backchannel_logout_uri": uri, **columns}, [])
        draft = GrantDraft(
            id=secrets.token_hex(16),
            user_id=self.session.user.id,
            client_id=client_id,
            parent_id=self.session.id,
            scope="openid",
            parameters={},
            authenticated_at=self.session.authenticated_at,
            ttl=timedelta(hours=1),
        )
        with self.engine.begin() as connection:
            self.services.sessions.open_grant(connection, draft, is_refreshable=False)
        return client_id

    def sign_out(self) -> None:
        """End the person's session."""
        self.services.sessions.end_session(self.session.id)

    @property
    def waiting(self) -> dict[str, int]:
        """The clients that are still to be told, and how often each was tried."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(LogoutNotice.client_id, LogoutNotice.tries))
            return {row.client_id: row.tries for row in rows}

    def read(self, asked: Asked, client_id: str, algorithm: str = "RS256") -> dict[str, Any]:
        """The claims of the token that a client got, checked against our published keys as a client does."""
        (token,) = asked.fields.pop("logout_token")
        header = jwt.get_unverified_header(token)
        assert (header["typ"], header["alg"]) == ("logout+jwt", algorithm)
        published = self.app.test_client().get("/.well-known/jwks.json").json
        assert published is not None
        key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
        issuer = self.services.settings.public_url
        claims: dict[str, Any] = jwt.decode(token, key, [algorithm], audience=client_id, issuer=issuer)
        return claims


@pytest.fixture
def site(app: Flask, browser: BrowserDriver) -> Site:
    """Ada, signed in."""
    return signed_in(app, browser)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A client's server."""
    with Receiver() as server:
        yield server


def signed_in(app: Flask, browser: BrowserDriver, email: str = ADA) -> Site:
    """A person who has just registered."""
    browser.register(email)
    session = services_of(app).sessions.find_by_secret(browser.cookie("portal-session") or "")
    assert session is not None
    return Site(app, session)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_token_has_every_claim_and_no_other(
    clock: time_machine.Traveller, site: Site, receiver: Receiver, algorithm: str
) -> None:
    """OP-55, JWT-03: typ, iss, aud, iat, exp within two minutes, jti, sid, sub, one event, no nonce."""
    client_id = site.client(f"{receiver.url}/logout", id_token_algorithm=algorithm)
    site.sign_out()
    assert site.back_channel().deliver_due() == 1

    (asked,) = receiver.asked
    assert (asked.method, asked.path, list(asked.fields)) == ("POST", "/logout", ["logout_token"])
    now = int(datetime.now(UTC).timestamp())
    claims = site.read(asked, client_id, algorithm)
    assert len(claims.pop("jti")) >= 20
    assert claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": client_id,
        "iat": now,
        "exp": now + 120,
        "sid": site.session.id,
        "sub": site.session.user.id,
        "events": {LOGOUT_EVENT: {}},
    }
    assert site.waiting == {}


def test_a_logout_token_is_no_access_token(site: Site, receiver: Receiver) -> None:
    """JWT-03."""
    site.client(receiver.url, id_token_algorithm="ES256")
    site.sign_out()
    site.back_channel().deliver_due()
    (token,) = receiver.asked[0].fields["logout_token"]
    answer = site.app.test_client().get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_a_sectors_client_is_told_the_name_that_it_knows(site: Site, receiver: Receiver) -> None:
    """OP-55, Core 8.1."""
    client_id = site.client(receiver.url, sector="apps.example")
    client = site.clients.find(client_id)
    assert client is not None
    known = site.subjects.subject(client, site.session.user.id)
    site.sign_out()
    site.back_channel().deliver_due()
    assert site.read(receiver.asked[0], client_id)["sub"] == known != site.session.user.id


@pytest.mark.parametrize("sector", [None, "apps.example"])
def test_of_a_deleted_person_clients_learn_the_session(site: Site, receiver: Receiver, sector: str | None) -> None:
    """OP-58: the news outlives the person; a sector's name for her does not, and ``sid`` is enough (OP-55)."""
    client_id = site.client(receiver.url, sector=sector)
    site.sign_out()
    with site.engine.begin() as connection:
        connection.execute(delete(User))
    assert site.back_channel().deliver_due() == 1
    claims = site.read(receiver.asked[0], client_id)
    assert (claims["sid"], claims.get("sub")) == (site.session.id, None if sector else site.session.user.id)


def suspend(site: Site, _clock: time_machine.Traveller) -> None:
    site.services.users.suspend(site.session.user.id)


def let_it_expire(site: Site, clock: time_machine.Traveller) -> None:
    clock.shift(site.services.settings.session_ttl)
    assert site.services.sessions.end_what_is_over() == 1


def let_it_idle(site: Site, clock: time_machine.Traveller) -> None:
    clock.shift(site.services.settings.session_idle_ttl)
    assert site.services.sessions.end_what_is_over() == 1


def sign_out(site: Site, _clock: time_machine.Traveller) -> None:
    site.sign_out()


@pytest.mark.parametrize("end", [sign_out, suspend, let_it_expire, let_it_idle])
def test_whatever_ends_a_session_each_of_its_clients_is_told_once(
    clock: time_machine.Traveller,
    site: Site,
    receiver: Receiver,
    end: Callable[[Site, time_machine.Traveller], None],
) -> None:
    """OP-55, OP-58. A client that did not ask for the news gets none."""
    told = sorted([site.client(f"{receiver.url}/one"), site.client(f"{receiver.url}/two")])
    site.client(None)
    end(site, clock)
    assert site.back_channel().deliver_due() == 2
    audiences = [jwt.decode(a.fields["logout_token"][0], options={"verify_signature": False}) for a in receiver.asked]
    assert sorted(claims["aud"] for claims in audiences) == told
    assert site.back_channel().deliver_due() == 0
    assert len(receiver.asked) == 2


def test_a_deleted_client_is_told_no_more_and_the_others_are(site: Site, receiver: Receiver) -> None:
    """Its address is deleted with it; what waited for it goes along."""
    deleted, other = site.client(f"{receiver.url}/deleted"), site.client(f"{receiver.url}/other")
    site.sign_out()
    assert site.clients.delete(deleted)
    assert site.waiting == {other: 0}
    assert site.back_channel().deliver_due() == 1
    assert [asked.path for asked in receiver.asked] == ["/other"]


def test_a_client_that_no_longer_wants_the_news_is_left_alone(site: Site, receiver: Receiver) -> None:
    client_id = site.client(receiver.url)
    site.sign_out()
    site.clients.update(client_id, {"backchannel_logout_uri": None}, [])
    assert site.back_channel().deliver_due() == 0
    assert (receiver.asked, site.waiting) == ([], {})


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


def test_a_failure_is_tried_again_until_it_succeeds(
    clock: time_machine.Traveller, site: Site, receiver: Receiver
) -> None:
    """OP-56. Each try has a token of its own."""
    receiver.replies = [Reply(500), Reply(204)]
    client_id = site.client(receiver.url)
    site.sign_out()
    back_channel = site.back_channel()
    assert (back_channel.deliver_due(), site.waiting) == (0, {client_id: 1})
    clock.shift(RETRY_AFTER[0])
    assert (back_channel.deliver_due(), site.waiting) == (1, {})
    first, second = (site.read(asked, client_id) for asked in receiver.asked)
    assert first["jti"] != second["jti"]


@pytest.mark.parametrize("reply", [Reply(500), Reply(404), Reply(429), Reply(201), Reply(302, {"Location": "/"})])
def test_a_client_that_never_takes_it_is_given_up_after_its_tries(
    clock: time_machine.Traveller, site: Site, receiver: Receiver, reply: Reply
) -> None:
    """OP-56: at growing distances, and a redirect is not followed. None of them is early."""
    receiver.replies = [reply]
    client_id = site.client(receiver.url)
    site.sign_out()
    back_channel = site.back_channel()
    back_channel.deliver_due()
    for tries, after in enumerate(RETRY_AFTER, start=1):
        assert site.waiting == {client_id: tries}
        clock.shift(after - timedelta(seconds=1))
        back_channel.deliver_due()
        assert len(receiver.asked) == tries
        clock.shift(1)
        back_channel.deliver_due()
        assert len(receiver.asked) == tries + 1
    assert site.waiting == {}


def test_a_refusal_is_not_tried_again(site: Site, receiver: Receiver) -> None:
    """OP-56: 400 is the client's last word."""
    receiver.replies = [Reply(400)]
    site.client(receiver.url)
    site.sign_out()
    assert site.back_channel().deliver_due() == 0
    assert (len(receiver.asked), site.waiting) == (1, {})


def test_what_kills_every_process_that_tries_is_given_up(site: Site, receiver: Receiver) -> None:
    """A try is counted when it begins, so that it cannot go on for ever."""
    site.client(receiver.url)
    site.sign_out()
    with site.engine.begin() as connection:
        connection.execute(LogoutNotice.__table__.update().values(tries=len(RETRY_AFTER) + 1))
    assert site.back_channel().deliver_due() == 0
    assert (receiver.asked, site.waiting) == ([], {})


def test_a_client_that_is_away_or_silent_is_told_when_it_is_back(clock: time_machine.Traveller, site: Site) -> None:
    """OP-56."""
    receiver = Receiver()
    client_id = site.client(receiver.url)
    site.sign_out()
    back_channel = site.back_channel(step_timeout_s=0.2)
    assert (back_channel.deliver_due(), site.waiting) == (0, {client_id: 1})
    with receiver:
        receiver.hold()
        clock.shift(RETRY_AFTER[0])
        assert (back_channel.deliver_due(), site.waiting) == (0, {client_id: 2})
        receiver.release()
        clock.shift(RETRY_AFTER[1])
        assert (back_channel.deliver_due(), site.waiting) == (1, {})


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


def test_an_address_inside_is_never_asked(site: Site, receiver: Receiver) -> None:
    """OP-56, OPS-14: loopback under another name; the news waits as with any failure."""
    client_id = site.client(f"https://127.1:{receiver.port}/")
    site.sign_out()
    assert site.back_channel().deliver_due() == 0
    assert (receiver.asked, site.waiting) == ([], {client_id: 1})


def test_the_log_names_the_client_and_nothing_else_of_it(
    make_app: Callable[..., Flask], outbox: MailSink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-03."""
    app = make_app(log_level="info")
    # The present one remembers the level of the first portal of this process.
    monkeypatch.setattr(backchannel, "log", structlog.get_logger("backchannel"))
    site = signed_in(app, BrowserDriver(app, outbox))
    receiver.replies = [Reply(500), Reply(400), Reply(200)]
    for number in range(3):
        site.client(f"{receiver.url}/secret-{number}?secret")
    site.sign_out()
    with structlog.testing.capture_logs() as lines:
        site.back_channel().deliver_due()
    mine = [line for line in lines if line["event"].startswith("logout_")]
    assert sorted(line["event"] for line in mine) == ["logout_given_up", "logout_not_told", "logout_told"]
    text = repr(mine)
    assert "secret" not in text
    assert "eyJ" not in text
    assert str(receiver.port) not in text
    assert site.session.user.id not in text
    assert all(site.clients.find(line["client"]) for line in mine)


def run_all(*jobs: Callable[[], None]) -> None:
    """Do them at the same time."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
