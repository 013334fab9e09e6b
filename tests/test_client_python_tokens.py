"""clients/python refreshes by itself, once for all threads, and shows its token to nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from auth_portal_client import PortalError

from tests.clienting import Connect, Text, app_api, connect, foreign, new_address, refused
from tests.support.app_api import AppApi
from tests.support.portal import PortalProcess, development_portal, in_parallel
from tests.support.receiver import Receiver, Reply

__all__ = ["app_api", "connect", "foreign"]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal that tells codes."""
    with development_portal(tmp_path_factory.mktemp("client") / "portal.db") as running:
        yield running


@pytest.mark.parametrize("clients", [1, 2])
@pytest.mark.parametrize("change", [{"renew_at": 0, "over_at": 0}, {"access_token": "dead"}], ids=["over", "refused"])
def test_calls_at_the_same_moment_share_one_refresh(
    connect: Connect, clients: int, change: dict[str, object]
) -> None:
    """Whether the access token is over by the clock or refused, in one client and in two of one storage."""
    one = connect()
    user = one.sign_in()["user"]
    all_of_them = [one, connect(storage=one.kept)][:clients]
    one.kept.change(**change)
    people = in_parallel([all_of_them[number % clients].portal.get_me for number in range(20)])
    assert {person["id"] for person in people if isinstance(person, dict)} == {user["id"]}
    assert [person for person in people if isinstance(person, Exception)] == []
    assert sum(each.wire.count("refresh-token") for each in all_of_them) == 1
    assert one.wire.count("me 401") == 0 or change == {"access_token": "dead"}


def test_a_session_that_is_over_is_told_once_to_each_client(connect: Connect) -> None:
    """The refresh token was used by two: the portal ended the session."""
    one = connect()
    one.sign_in()
    thief, friend = connect(storage=Text(one.kept.text)), connect(storage=one.kept)
    friend.portal.get_me()
    one.portal.refresh()
    one.portal.refresh()
    thief.kept.change(renew_at=0, over_at=0)
    theft = in_parallel([thief.portal.get_me] * 5)
    loss = in_parallel([one.portal.get_me] * 5)
    more = [refused(friend.portal.get_me), refused(one.portal.get_me)]
    assert {error.code for error in [*theft, *loss, *more] if isinstance(error, PortalError)} == {"unauthorized"}
    assert all(isinstance(error, PortalError) for error in [*theft, *loss])
    assert [each.ends for each in (thief, one, friend)] == [1, 1, 1]
    assert (thief.kept.text, one.kept.text, one.portal.is_signed_in) == (None, None, False)


def test_signing_in_again_when_told_of_the_end_is_possible(connect: Connect) -> None:
    client = connect()
    email = new_address()
    client.sign_in(email)
    other = connect()
    client.portal._tokens._on_signed_out = lambda: other.sign_in() and client.sign_in()
    client.kept.change(refresh_token="unknown", renew_at=0, over_at=0)
    assert refused(client.portal.get_me).code == "unauthorized"
    assert client.portal.get_me()["email"] != email


@pytest.mark.parametrize("leave", ["logout", "logout_all", "delete_me"])
def test_signing_out_oneself_forgets_the_tokens_and_is_not_told(connect: Connect, leave: str) -> None:
    client = connect()
    client.sign_in()
    getattr(client.portal, leave)()
    assert (client.portal.is_signed_in, client.kept.text, client.ends) == (False, None, 0)
    assert client.portal.logout() == {}


def test_a_portal_that_is_away_signs_nobody_out(connect: Connect) -> None:
    client = connect()
    client.sign_in()

    attempts: list[str] = []

    def broken(path: str) -> None:
        if path == "refresh-token":
            attempts.append(path)
            time.sleep(2)  # so that the others ask meanwhile
            raise requests.ConnectionError

    def gateway(path: str) -> requests.Response | None:
        answer = requests.Response()
        answer.status_code, answer._content = 502, b"<h1>Bad gateway</h1>"
        answer.headers["Retry-After"] = "7"
        return answer if path == "refresh-token" else None

    client.wire.fault = broken
    client.kept.change(renew_at=0)
    client.portal.get_me()
    client.kept.change(over_at=0)
    attempts.clear()
    errors = in_parallel([client.portal.get_me] * 3)
    assert len(attempts) == 1
    assert all(isinstance(error, requests.ConnectionError) for error in errors)
    client.wire.fault = gateway
    error = refused(client.portal.get_me)
    assert (error.status, error.code, error.retry_after) == (502, None, 7)
    assert (client.portal.is_signed_in, client.ends) == (True, 0)
    client.wire.fault = lambda _path: None
    client.portal.get_me()


def test_a_401_that_is_not_of_the_portal_signs_nobody_out(connect: Connect) -> None:
    """A proxy in between, say: it knows nothing of refresh tokens."""
    client = connect()
    client.sign_in()
    client.wire.fault = _by_a_proxy
    client.kept.change(renew_at=0)
    client.portal.get_me()
    client.kept.change(over_at=0)
    error = refused(client.portal.get_me)
    assert (error.status, error.code, client.portal.is_signed_in, client.ends) == (401, None, True, 0)
    assert refused(client.portal.refresh).code is None
    client.wire.fault = lambda _path: None
    client.portal.get_me()
    client.wire.fault = _by_a_proxy
    assert refused(client.portal.logout).code is None
    assert not client.portal.is_signed_in


def _by_a_proxy(path: str) -> requests.Response | None:
    answer = requests.Response()
    answer.status_code, answer._content = 401, b"<h1>Who are you?</h1>"
    return answer if path in ("refresh-token", "logout") else None


def test_a_refresh_under_way_brings_no_former_sign_in_back(connect: Connect) -> None:
    client = connect()
    client.sign_in()
    is_under_way, may_go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == "refresh-token":
            is_under_way.set()
            may_go_on.wait(10)

    client.wire.fault = wait
    refresh = threading.Thread(target=client.portal.refresh)
    refresh.start()
    assert is_under_way.wait(10)
    threading.Timer(0.2, may_go_on.set).start()
    other = client.sign_in()
    refresh.join()
    assert client.portal.get_me()["id"] == other["user"]["id"]


def test_the_token_goes_to_allowed_origins_and_nowhere_else(
    connect: Connect, app_api: AppApi, foreign: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests takes the header off where a redirect leads elsewhere; a .netrc does not replace it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client = connect(origins=[app_api.url])
    client.sign_in()
    portal, token = client.portal, f"Bearer {client.portal.access_token()}"
    assert portal.request("GET", f"{app_api.url}/good", headers={"X-Mine": "yes"}).status_code == 200
    assert [app_api.asked[0].headers[name] for name in ("authorization", "x-mine")] == [token, "yes"]
    host = foreign.url.removeprefix("http://")
    for address in (foreign.url, f"{app_api.url}@{host}/", f"http://{host}\\@{app_api.url[7:]}/", "/relative"):
        with pytest.raises(ValueError):  # noqa: PT011  those of requests are such, too
            portal.request("GET", address)
    for elsewhere in (foreign.url, foreign.url.replace("127.0.0.1", "localhost")):
        app_api.elsewhere = elsewhere
        assert portal.request("GET", f"{app_api.url}/away").status_code == 200
    assert len(foreign.asked) == 2
    assert [asked for asked in foreign.asked if token in asked.headers.values()] == []
    app_api.elsewhere = "/good"
    portal.request("GET", f"{app_api.url}/away")


def test_the_portal_itself_cannot_send_the_client_elsewhere(connect: Connect, foreign: Receiver) -> None:
    with Receiver(Reply(308, {"Location": f"{foreign.url}/moved"})) as moved:
        error = refused(lambda: connect(moved.url).portal.send_otp_email({"email": new_address()}))
    assert (error.status, foreign.asked) == (308, [])


@pytest.mark.parametrize("clients", [1, 2])
def test_a_request_of_a_former_sign_in_is_not_repeated_with_the_next_one(
    connect: Connect, app_api: AppApi, clients: int
) -> None:
    """One person signs out and another one in, with this client or another one of its storage, meanwhile."""
    one = connect(origins=[app_api.url])
    other = [one, connect(storage=one.kept)][clients - 1]
    one.sign_in()
    former = one.portal.access_token()

    def change(path: str) -> None:
        if path == "post":
            one.wire.fault = lambda _path: None
            other.portal.logout()
            other.sign_in()

    one.wire.fault = change
    assert one.portal.request("POST", f"{app_api.url}/post", data="text").status_code == 401
    assert [asked.headers["authorization"] for asked in app_api.asked] == [f"Bearer {former}"]
    one.portal.refresh()
    assert one.portal.request("POST", f"{app_api.url}/post", data="more").status_code == 200


@pytest.mark.parametrize("change", [{"renew_at": 0, "over_at": 0}, {"access_token": "dead"}], ids=["over", "refused"])
def test_a_sign_in_found_after_a_refused_refresh_serves_no_former_request(
    connect: Connect, app_api: AppApi, change: dict[str, object]
) -> None:
    """Another process, which knows nothing of this one's locks, signed somebody in."""
    one, other = connect(origins=[app_api.url]), connect()
    one.sign_in()
    user = other.sign_in()["user"]
    one.kept.change(refresh_token="unknown", **change)

    def replace(path: str) -> None:
        if path == "refresh-token":
            one.kept.text = other.kept.text

    one.wire.fault = replace
    with suppress(PortalError):
        assert one.portal.request("POST", f"{app_api.url}/post", data="text").status_code == 401
    assert [asked.headers["authorization"] for asked in app_api.asked] == ["Bearer dead"] * ("access_token" in change)
    assert (one.portal.get_me()["id"], one.ends) == (user["id"], 0)


def test_a_stream_gets_its_401_even_where_the_refresh_fails(connect: Connect, app_api: AppApi) -> None:
    client = connect(origins=[app_api.url])
    client.sign_in()

    def broken(path: str) -> None:
        if path == "refresh-token":
            raise requests.ConnectionError

    def post() -> int:
        return client.portal.request("POST", f"{app_api.url}/post", data=iter([b"stream"])).status_code

    client.wire.fault = broken
    assert (post(), client.portal.is_signed_in) == (401, True)
    client.wire.fault = lambda _path: None
    client.kept.change(refresh_token="unknown")
    app_api.bodies.clear()
    assert (post(), client.portal.is_signed_in, client.ends) == (401, False, 1)


def test_a_request_is_repeated_once_and_only_where_it_can_be(connect: Connect, app_api: AppApi) -> None:
    """A wrong code is a 401 as well: it would be a second guess."""
    client = connect(origins=[app_api.url])
    client.sign_in()

    def post(**options: Any) -> int:
        return client.portal.request("POST", f"{app_api.url}/post", **options).status_code

    assert [post(data="text"), post(json={"a": 1}), post(data="no")] == [200, 200, 401]
    assert [post(data=iter([b"stream"])), post(files={"file": b"file"})] == [401, 401]
    assert (client.wire.count("refresh-token"), app_api.bodies.count(b"no")) == (5, 2)
    tokens = [asked.headers["authorization"] for asked in app_api.asked if asked.body == b"text"]
    assert len(set(tokens)) == 2
    email = new_address()
    sent = client.portal.add_email({"email": email})
    code = "2222" if sent["code"] == "1111" else "1111"
    assert refused(lambda: client.portal.prove_email({"email": email, "code": code})).code == "code_invalid"
    assert client.wire.count("verify") == 1
