"""The tokens that calls are made with. They are found when a call is sent, so that they are alive by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import requests
import schemathesis
from requests.auth import AuthBase

from fuzz.people import People

Kind = Literal["accessToken", "registrationToken"]
"""As the document's security schemes are called, and the members of the answers that have the tokens."""
Tokens = Mapping[Kind, str]


class Bearer(AuthBase):
    """Sends a token of a kind: one that was carried from an earlier call, or one of somebody new."""

    def __init__(self, kind: Kind, people: People) -> None:
        self.kind = kind
        self.carried: Tokens = {}
        self.sent: Tokens = {}
        self._people = people

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self.carried.get(self.kind)
        if token is None:
            token = self._people.access() if self.kind == "accessToken" else self._people.registration()
        self.sent = {self.kind: token}
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class Proofs:
    """Gives each call the proof that the document asks for (an auth provider of schemathesis)."""

    def __init__(self, people: People) -> None:
        self._people = people

    def get(self, _case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> Bearer | None:
        """A proof of the kind that the operation declares, None for one that needs none."""
        declared = context.operation.definition.raw["security"]
        return Bearer(next(iter(declared[0])), self._people) if declared else None

    def set(self, case: schemathesis.Case[Any], data: Bearer, _context: schemathesis.AuthContext) -> None:
        """Have the case sent with it."""
        case._auth = data  # as schemathesis does for `auth.set_from_requests`, which knows one for all calls only
