"""Nodes of one portal that share its signing keys, and what tests see of those."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine

from auth_portal.db import utcnow
from auth_portal.signin.keys import ALGORITHMS, Algorithm, Key, SigningKeys
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver
from tests.support.smtp import MailSink

ADA = "ada@example.com"
UNAUTHORIZED = (401, "unauthorized")


@pytest.fixture
def node(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> Any:
    """Starts one more node of the portal, which has read nothing yet; the clock stands still."""
    return lambda **settings: ApiDriver(make_app(**settings), outbox)


def keys_of(node: ApiDriver) -> SigningKeys:
    """A node's signing keys."""
    return services_of(node.app).keys


def published(node: ApiDriver, algorithm: Algorithm | None = None) -> list[str]:
    """The ids in the node's key set, oldest first: of one algorithm or all."""
    keys = node.call("GET", "/.well-known/jwks.json").json["keys"]
    return [key["kid"] for key in keys if algorithm in (None, key["alg"])]


def kids(keys: list[Key]) -> list[str]:
    """The ids of the keys that a rotation made: one for each algorithm."""
    assert [key.algorithm for key in keys] == list(ALGORITHMS)
    return [key.kid for key in keys]


def id_token(node: ApiDriver) -> str:
    """An ID token as most clients get it, signed by RS256."""
    tokens = services_of(node.app).tokens
    now = int(utcnow().timestamp())
    return tokens.sign(
        {"iss": tokens.issuer, "sub": "s", "aud": "c", "iat": now, "exp": now + 600}, algorithm="RS256"
    )


def me(node: ApiDriver, data: dict[str, Any]) -> int:
    """The status of the profile."""
    return node.call("GET", "me", token=data["accessToken"]).status_code
