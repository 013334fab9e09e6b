"""Signing in with clients/python, and looking at what it does meanwhile."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from auth_portal_client import AuthPortal, PortalError, types

from tests.support.app_api import AppApi
from tests.support.portal import PortalProcess
from tests.support.receiver import Receiver

PERSON: types.CompleteRegistration = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "acceptTerms": True,
    "locale": "en",
}
_numbers = itertools.count()


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
        else:
            answer.request, answer.raw = request, io.BytesIO()
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


def plain_client(url: str, *origins: str) -> AuthPortal:
    """A client with everything as it is by default, signed in."""
    portal, email = AuthPortal(url, origins=origins), new_address()
    code = portal.send_otp_email({"email": email})["code"]
    answer = portal.login_otp_email({"email": email, "code": code})
    assert answer["registrationRequired"] is True
    portal.complete_registration(answer["registrationToken"], PERSON)
    return portal


Connect = Callable[..., Client]


@pytest.fixture
def connect(portal: PortalProcess) -> Iterator[Connect]:
    """Makes clients of the test's portal, and closes them at the end."""
    made: list[Client] = []

    def client(url: str = portal.url, **options: Any) -> Client:
        made.append(Client(url, **options))
        return made[-1]

    yield client
    for each in made:
        each.portal.close()


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
