"""Back-channel logout: what clients are told, whatever ended the session, and what becomes of each try (OP-55)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import structlog
import time_machine
from flask import Flask
from sqlalchemy import delete

from auth_portal.models import User
from auth_portal.oidc import backchannel
from auth_portal.oidc.backchannel import LOGOUT_EVENT, RETRY_AFTER
from tests.drivers import BrowserDriver
from tests.support.receiver import Receiver, Reply
from tests.support.smtp import MailSink
from tests.telling import Site, receiver, signed_in, site

__all__ = ["receiver", "site"]


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
        assert (site.back_channel().deliver_due(), site.waiting) == (1, {})


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
