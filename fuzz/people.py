"""Who calls: people who sign in by the JSON API when a call needs somebody. Their codes come in the answers."""

from __future__ import annotations

import itertools
import time
from typing import Any

import requests

from auth_portal.settings import RegistrationField

_TOKEN_IS_YOUNG = 300.0  # seconds; sensitive calls want a sign-in of the last ten minutes
_PATIENCE = 20.0
_VALUES = {"text": "Analytical", "url": "https://example.com", "number": 1, "boolean": True, "date": "1815-12-10"}


class People:
    """Somebody who is signed in, and new ones. ``fields``: the portal's own registration fields."""

    def __init__(self, url: str, fields: tuple[RegistrationField, ...]) -> None:
        self._url = url
        self._fields = {field.name: _value(field) for field in fields if field.is_required}
        self._numbers = itertools.count(1)
        self._token: str | None = None
        self._since = 0.0

    def registration(self) -> str:
        """The registration token of a new person."""
        return str(self._prove(self._new_address())["registrationToken"])

    def access(self) -> str:
        """An access token of somebody with two of each: sessions, addresses, numbers. The same until it gets old."""
        if self._token is None or time.monotonic() - self._since > _TOKEN_IS_YOUNG:
            self._token = self._somebody()
            self._since = time.monotonic()
        return self._token

    def forget(self) -> None:
        """Have the next call made by somebody new."""
        self._token = None

    def _somebody(self) -> str:
        address = self._new_address()
        body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True, "fields": self._fields}
        self._post("complete-registration", body, str(self._prove(address)["registrationToken"]))
        token = str(self._prove(address)["accessToken"])
        self._add("email", "email", self._new_address(), token)
        for _ in range(2):
            self._add("phone", "phoneNumber", f"+90541{next(self._numbers):07}", token)
        return token

    def _add(self, kind: str, member: str, destination: str, token: str) -> None:
        sent = self._post(f"me/{kind}", {member: destination}, token)
        proof = {member: destination, "code": sent["code"], "keepFormer": True}
        self._post(f"me/{kind}/verify", proof, token)

    def _new_address(self) -> str:
        return f"person{next(self._numbers)}@people.example"

    def _prove(self, address: str) -> dict[str, Any]:
        sent = self._post("send-otp-email", {"email": address})
        return self._post(
            "login-otp-email", {"email": address, "code": sent["code"], "challengeId": sent["challengeId"]}
        )

    def _post(self, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        answer = requests.post(f"{self._url}/api/v1/auth/{path}", json=body, headers=headers, timeout=_PATIENCE)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


def _value(field: RegistrationField) -> object:
    return next(iter(field.choices), _VALUES.get(field.type))
