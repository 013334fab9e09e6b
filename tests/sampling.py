"""Brings a portal into the state in which a sample of the reference can be run, and puts real values into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.api import Answer, Api

_BASE = "/api/v1/auth"
_NUMBERS = itertools.count(1)
EMAIL, PHONE, CODE = "ada@example.com", "+905551112233", '"1234"'
SESSION, REFRESH = "5d21f0b7a9c34e0f9a1d2c3b4a5f6e7d", "0IkzNq3v8y5tXw2c"


@dataclass
class Ready:
    """What stands in the place of a sample's examples, and what its environment holds."""

    values: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    def filled(self, sample: str) -> str:
        """The sample with these values."""
        for example, value in self.values.items():
            sample = sample.replace(example, value)
        return sample


class Stage:
    """A portal of the development environment, and the people that samples are about."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def prepare(self, operation: str) -> Ready:
        """The state for one run of one operation."""
        preparations: dict[str, Callable[[], Ready]] = {
            "send_otp_email": lambda: Ready({EMAIL: new_email()}),
            "send_otp": lambda: Ready({PHONE: new_phone()}),
            "login_otp_email": lambda: self._code("email"),
            "login_otp": lambda: self._code("phone"),
            "complete_registration": self._registration,
            "refresh_token": lambda: Ready({REFRESH: str(self._person()["refreshToken"])}),
            "end_session": self._other_session,
        }
        if operation in preparations:
            return preparations[operation]()
        verb, _sign, channel = operation.rpartition("_")
        if channel in ("email", "phone"):
            return self._address(verb, channel)
        return self._signed_in(self._person(), {})

    def _code(self, channel: str) -> Ready:
        value = new_email() if channel == "email" else new_phone()
        return Ready({_example(channel): value, CODE: f'"{self._send(channel, value)["code"]}"'})

    def _registration(self) -> Ready:
        return Ready({}, {"REGISTRATION_TOKEN": self._proven(new_email())["registrationToken"]})

    def _other_session(self) -> Ready:
        email = new_email()
        person = self._person(email)
        other = self._call("GET", "sessions", token=self._login(email)["accessToken"])["sessions"]
        (current,) = (one["id"] for one in other if one["isCurrent"])
        return self._signed_in(person, {SESSION: current})

    def _address(self, verb: str, channel: str) -> Ready:
        person = self._person()
        token, value = person["accessToken"], new_email() if channel == "email" else new_phone()
        values = {_example(channel): value}
        if verb != "add":
            path, member = f"me/{channel}", _member(channel)
            code = self._call("POST", path, {member: value}, token)["code"]
            values[CODE] = f'"{code}"'
            if verb != "prove":
                body = {member: value, "code": code, "keepFormer": True}
                self._call("POST", f"{path}/verify", body, token)
            if verb == "choose_main" and channel == "phone":
                self._second_number(token)
        return self._signed_in(person, values)

    def _second_number(self, token: str) -> None:
        """Another main one, so that there is something to choose."""
        value = new_phone()
        code = self._call("POST", "me/phone", {"phoneNumber": value}, token)["code"]
        self._call("POST", "me/phone/verify", {"phoneNumber": value, "code": code, "keepFormer": True}, token)

    def _signed_in(self, person: dict[str, Any], values: dict[str, str]) -> Ready:
        return Ready(values, {"ACCESS_TOKEN": person["accessToken"]})

    def _person(self, email: str | None = None) -> dict[str, Any]:
        token = self._proven(email or new_email())["registrationToken"]
        names = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
        return self._call("POST", "complete-registration", names, token)

    def _login(self, email: str) -> dict[str, Any]:
        return self._proven(email)

    def _proven(self, email: str) -> dict[str, Any]:
        code = self._send("email", email)["code"]
        return self._call("POST", "login-otp-email", {"email": email, "code": code})

    def _send(self, channel: str, value: str) -> dict[str, Any]:
        path = "send-otp-email" if channel == "email" else "send-otp"
        return self._call("POST", path, {_member(channel): value})

    def _call(self, method: str, path: str, body: Any = None, token: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer: Answer = self._api.request(method, f"{_BASE}/{path}", body, headers)
        assert answer.status < 300, (method, path, answer.status, answer.error_code)
        data: dict[str, Any] = answer.data
        return data


def new_email() -> str:
    """An address of somebody who was never here."""
    return f"sample{next(_NUMBERS)}@example.com"


def new_phone() -> str:
    """A number of somebody who was never here."""
    return f"+90555{2_000_000 + next(_NUMBERS)}"


def _member(channel: str) -> str:
    return "email" if channel == "email" else "phoneNumber"


def _example(channel: str) -> str:
    return EMAIL if channel == "email" else PHONE
