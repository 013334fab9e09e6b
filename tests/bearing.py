"""A person who has an access token of the JSON API, and what tests do with it."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from werkzeug.test import TestResponse

from tests.drivers import ApiDriver

ADA = "ada@example.com"
ISSUER = "http://127.0.0.1:8000"
UNAUTHORIZED = (401, "unauthorized")


@pytest.fixture
def tokens(clock: time_machine.Traveller, api: ApiDriver) -> dict[str, Any]:
    """The data of a person who has just registered; the clock stands still."""
    return api.register(ADA)


def me(api: ApiDriver, token: str | None) -> TestResponse:
    """Ask for the profile."""
    return api.call("GET", "me", token=token)


CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time")
