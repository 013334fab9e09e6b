"""clients/python signs people in at a running portal, and refreshes by itself."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import requests
from auth_portal_client import AuthPortal, FileStorage, PortalError, types

from tests.support.portal import ROOT, PortalProcess, development_portal, in_parallel
from tests.support.receiver import Asked, Receiver, Reply

SOURCE = ROOT / "clients" / "python"
TYPESCRIPT = ROOT / "clients" / "typescript" / "src" / "types.ts"
PERSON: types.CompleteRegistration = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "acceptTerms": True,
    "locale": "en",
}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal that tells codes."""
    with development_portal(tmp_path_factory.mktemp("client") / "portal.db") as running:
        yield running


class Wire(requests.Session):
    """What the tests look at: the calls that were answered. ``fault``, if set, may answer in the portal's place."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.timeouts: list[object] = []
        self.fault: Callable[[str], requests.Response | None] = lambda _path: None

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send it, or not."""
        path = str(request.url).rpartition("/")[2]
        self.timeouts.append(options["timeout"])
        answer = self.fault(path)
        if answer is None:
            answer = super().send(request, **options)
        self.calls.append(f"{path} {answer.status_code}")
        return answer

    def count(self, beginning: str) -> int:
        """How many calls begin so."""
        return sum(call.startswith(beginning) for call in self.calls)


class Text:
    """A storage."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text

    def get(self) -> str | None:
        """The text."""
        return self.text

    def set(self, text: str | None) -> None:
        """Another one."""
        self.text = text

    def change(self, **members: object) -> None:
        """Change members of it."""
        self.text = json.dumps({**json.loads(self.text or "{}"), **members})


class Client:
    """A client with what the tests look at."""

    def __init__(self, url: str, storage: Text | None = None, **options: Any) -> None:
        self.wire, self.kept, self.ends = Wire(), storage or Text(), 0
        self.portal = AuthPortal(
            url, storage=self.kept, session=self.wire, on_signed_out=self._note, language="en", **options
        )

    def _note(self) -> None:
        self.ends += 1

    def sign_in(self, email: str | None = None) -> types.LoggedIn:
        """Somebody new, or somebody known."""
        email = email or new_address()
        sent = self.portal.send_otp_email({"email": email})
        answer = self.portal.login_otp_email(
            {"email": email, "code": sent["code"], "challengeId": sent["challengeId"]}
        )
        if answer["registrationRequired"]:
            return self.portal.complete_registration(answer["registrationToken"], PERSON)
        return answer


def new_address() -> str:
    """An address that nobody has."""
    return f"py{next(_numbers)}@example.com"


def refused(call: Callable[[], object]) -> PortalError:
    """The refusal of a call."""
    with pytest.raises(PortalError) as caught:
        call()
    return caught.value


@pytest.fixture
def connect(portal: PortalProcess) -> Iterator[Callable[..., Client]]:
    """Makes clients of the portal."""
    made: list[Client] = []

    def client(url: str = portal.url, **options: Any) -> Client:
        made.append(Client(url, **options))
        return made[-1]

    yield client
    for each in made:
        each.portal.close()


Connect = Callable[..., Client]


class AppApi(Receiver):
    """An app's API: takes each body the second time, and sends people who ask for ``/away`` somewhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere = ""
        self.bodies: list[bytes] = []

    def choose_reply(self, asked: Asked) -> Reply:
        """By the path."""
        if asked.path == "/away":
            return Reply(302, {"Location": self.elsewhere})
        if asked.path == "/post":
            self.bodies.append(asked.body)
            return Reply(200 if self.bodies.count(asked.body) > 1 and asked.body != b"no" else 401)
        return Reply(200, {"Set-Cookie": "seen=yes"})


@pytest.fixture
def app_api() -> Iterator[AppApi]:
    """An API that may see the token."""
    with AppApi() as server:
        yield server


@pytest.fixture
def foreign() -> Iterator[Receiver]:
    """A server that must never see it."""
    with Receiver() as server:
        yield server


def test_the_package_is_ready_to_be_built() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    assert [re.split(r"[<>=]", each)[0] for each in project["dependencies"]] == ["requests"]
    assert project["requires-python"] == ">=3.10"
    assert (SOURCE / "src" / "auth_portal_client" / "py.typed").exists()
    assert (SOURCE / project["readme"]).exists()
    assert (SOURCE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    other = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())
    assert {name: project[name] for name in ("name", "version", "description")} == {
        name: other[name] for name in ("name", "version", "description")
    }


def test_both_clients_know_the_same_types_and_codes() -> None:
    typescript = TYPESCRIPT.read_text()
    names = re.findall(r"^export (?:interface|type) (\w+)", typescript, re.MULTILINE)
    assert len(names) >= 30
    assert [name for name in names if not hasattr(types, name)] == []
    codes = re.findall(r"'(\w+)'", typescript.partition("export type ErrorCode")[2])
    assert sorted(get_args(types.ErrorCode)) == sorted(codes)


def test_both_clients_have_every_operation_of_the_api() -> None:
    typescript = (TYPESCRIPT.parent / "portal.ts").read_text()
    theirs = re.findall(r"^  (?:async )?(\w+)\([^)]*\): Promise<wire\.", typescript, re.MULTILINE)
    ours = {re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name) for name in theirs}
    views = "".join(path.read_text() for path in (ROOT / "auth_portal" / "web" / "api").glob("*.py"))
    assert len(ours) == len(re.findall(r"^@blueprint\.", views, re.MULTILINE))
    assert [name for name in ours if not callable(getattr(AuthPortal, name, None))] == []


def test_somebody_registers_is_read_changed_and_signed_out(connect: Connect) -> None:
    client = connect()
    portal, email = client.portal, new_address()
    assert refused(portal.get_me).code == "unauthorized"
    sent = portal.send_otp_email({"email": email})
    first = portal.login_otp_email({"email": email, "code": sent["code"], "challengeId": sent["challengeId"]})
    assert first["registrationRequired"] is True
    assert not portal.is_signed_in
    registered = portal.complete_registration(first["registrationToken"], PERSON)
    assert registered["user"]["email"] == email
    assert portal.update_me({"firstName": "Augusta"})["firstName"] == "Augusta"
    assert portal.refresh()["user"]["firstName"] == "Augusta"
    assert portal.accept_terms({"acceptTerms": True})["termsAccepted"] is True
    assert portal.list_activity()["events"][-1]["kind"] == "registered"
    assert refused(lambda: portal.list_activity(before="nonsense & more")).code == "validation_failed"
    assert [session["isCurrent"] for session in portal.list_sessions()["sessions"]] == [True]
    assert portal.logout_others() == {"ended": 0}
    assert portal.export_me()["format"] == 1
    assert portal.get_me()["emails"][0]["value"] == email
    assert portal.logout() == {}
    assert refused(portal.get_me).status == 401
    assert client.ends == 0
    assert set(client.wire.timeouts) == {(5, 30)}


def test_a_refusal_is_an_error_that_says_why(connect: Connect, foreign: Receiver) -> None:
    portal, email = connect().portal, new_address()
    sent = portal.send_otp_email({"email": email})
    code = "2222" if sent["code"] == "1111" else "1111"
    wrong = refused(
        lambda: portal.login_otp_email({"email": email, "code": code, "challengeId": sent["challengeId"]})
    )
    assert (wrong.status, wrong.code, wrong.retry_after) == (401, "code_invalid", None)
    assert (str(wrong), wrong.messages) == ("The code is wrong or has expired.", (str(wrong),))
    soon = refused(lambda: portal.send_otp_email({"email": email}))
    assert (soon.status, soon.code) == (409, "resend_too_soon")
    assert 0 < (soon.retry_after or 0) <= 30
    malformed = refused(lambda: portal.send_otp_email({"email": "nobody"}))
    assert malformed.messages[1] == "email: is not an email address"
    stranger = refused(lambda: connect(foreign.url).portal.send_otp_email({"email": email}))
    assert (stranger.status, stranger.code, str(stranger)) == (200, None, "Not an answer of the portal")
    with pytest.raises(requests.ConnectionError):
        connect("http://127.0.0.1:9").portal.send_otp_email({"email": email})


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


def test_a_token_that_lives_briefly_is_renewed_in_time(connect: Connect, tmp_path: Path) -> None:
    with development_portal(tmp_path / "portal.db", access_token_ttl=2) as brief:
        client = connect(brief.url)
        signed_in = client.sign_in()
        time.sleep(2.1)
        assert client.portal.get_me()["id"] == signed_in["user"]["id"]
    assert client.wire.count("refresh-token 200") >= 1


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

    def broken(path: str) -> None:
        if path == "refresh-token":
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
    errors = in_parallel([client.portal.get_me] * 3)
    assert all(isinstance(error, requests.ConnectionError) for error in errors)
    client.wire.fault = gateway
    error = refused(client.portal.get_me)
    assert (error.status, error.code, error.retry_after) == (502, None, 7)
    assert (client.portal.is_signed_in, client.ends) == (True, 0)
    client.wire.fault = lambda _path: None
    client.portal.get_me()


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


def test_the_own_session_keeps_no_cookies(portal: PortalProcess, app_api: AppApi) -> None:
    client = connect_plainly(portal.url, app_api.url)
    with client:
        for _ in range(2):
            client.request("GET", f"{app_api.url}/good", timeout=None)
    assert ["cookie" in asked.headers for asked in app_api.asked] == [False, False]


def connect_plainly(url: str, *origins: str) -> AuthPortal:
    """A client with everything as it is by default, signed in."""
    portal, email = AuthPortal(url, origins=origins), new_address()
    code = portal.send_otp_email({"email": email})["code"]
    answer = portal.login_otp_email({"email": email, "code": code})
    assert answer["registrationRequired"] is True
    portal.complete_registration(answer["registrationToken"], PERSON)
    return portal


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


def test_phones_and_further_addresses(connect: Connect) -> None:
    client = connect()
    portal, second = client.portal, "+905552229999"
    sent = portal.send_otp({"phoneNumber": "0555 222 33 44", "region": "TR"})
    number = sent["phoneNumber"]
    first = portal.login_otp({"phoneNumber": number, "code": sent["code"], "challengeId": sent["challengeId"]})
    assert first["registrationRequired"] is True
    user = portal.complete_registration(first["registrationToken"], PERSON)["user"]
    assert (user["phoneNumber"], user["email"]) == (number, None)
    code = portal.add_phone({"phoneNumber": second})["code"]
    portal.prove_phone({"phoneNumber": second, "code": code, "keepFormer": True})
    assert portal.choose_main_phone({"phoneNumber": second})["phoneNumber"] == second
    assert [one["value"] for one in portal.remove_phone({"phoneNumber": number})["phoneNumbers"]] == [second]
    mine, other = new_address(), new_address()
    for email in (mine, other):
        code = portal.add_email({"email": email})["code"]
        portal.prove_email({"email": email, "code": code, "keepFormer": True})
    assert portal.choose_main_email({"email": other, "endOtherSessions": True})["email"] == other
    assert [one["value"] for one in portal.remove_email({"email": mine})["emails"]] == [other]
    (session,) = portal.list_sessions()["sessions"]
    assert portal.end_session(session["id"]) == {}
    assert refused(portal.get_me).code == "unauthorized"
    assert client.ends == 1


def test_a_file_keeps_a_sign_in_over_restarts(portal: PortalProcess, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    email = new_address()
    with AuthPortal(portal.url, storage=FileStorage(path)) as first:
        assert not first.is_signed_in
        code = first.send_otp_email({"email": email})["code"]
        answer = first.login_otp_email({"email": email, "code": code})
        first.complete_registration(answer["registrationToken"], PERSON)
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]
    with AuthPortal(portal.url, storage=FileStorage(path)) as second:
        assert second.get_me()["email"] == email
        second.logout()
    assert not path.exists()
    path.write_text('{"access_token": 1}')
    with AuthPortal(portal.url, storage=FileStorage(path)) as third:
        assert not third.is_signed_in
