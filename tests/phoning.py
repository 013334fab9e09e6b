"""People with phones: portals that send text messages, and somebody who has both an address and a number."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import insert

from auth_portal.db import utcnow
from auth_portal.models import Identifier
from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.outboxes import Outboxes
from tests.support.sms import SmsSink

ADA, NUMBER = "ada@example.com", "+905551112233"
SPELLED = "+90\u00a0555\u00a0111\u00a022\u00a033"
"""The number as pages show it."""
STRANGER = "+905554445566"


@pytest.fixture
def app(make_app: Made, sms: SmsSink) -> Flask:
    """A production portal that sends letters and text messages, without limits."""
    made: Flask = make_app(sms_url=sms.setting)
    return made


@pytest.fixture
def api(app: Flask, outboxes: Outboxes) -> ApiDriver:
    """A JSON caller."""
    return ApiDriver(app, outboxes)


@pytest.fixture
def browser(app: Flask, outboxes: Outboxes) -> BrowserDriver:
    """A browser without JavaScript."""
    return BrowserDriver(app, outboxes)


def give_number(app: Flask, user_id: str, number: str = NUMBER) -> str:
    """Let somebody have proven this number, too."""
    row = {"channel": "sms", "value": number, "user_id": user_id, "rank": 0, "verified_at": utcnow()}
    with services_of(app).engine.begin() as connection:
        connection.execute(insert(Identifier), row)
    return number


def register_both(app: Flask, api: ApiDriver) -> str:
    """The id of somebody with an address and a number."""
    user_id = str(api.at("198.51.100.200").register(ADA)["user"]["id"])
    give_number(app, user_id)
    return user_id
