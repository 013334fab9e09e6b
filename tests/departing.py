"""Ada's browser before and after she deleted her account, and what tests do with it."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from auth_portal.models import Event
from tests.conftest import NOW, services_of
from tests.drivers import BrowserDriver
from tests.leaving import WEEK

ADA = "ada@example.com"
CLOSED = (403, "deletion_pending")
GONE = (401, "unauthorized")
END = (NOW + WEEK).replace(microsecond=0)


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, in which she has just registered."""
    browser.register(ADA)
    return browser


@pytest.fixture
def left(ada: BrowserDriver, clock: time_machine.Traveller) -> BrowserDriver:
    """The same, a minute after she deleted her account."""
    ada.follow(leave(ada))
    clock.shift(60)
    return ada


def leave(browser: BrowserDriver) -> TestResponse:
    """Delete the account whose browser this is; the letter has left."""
    browser.get("/account/delete")
    answer = browser.post("/account/delete", {"sure": "y"})
    services_of(browser.client.application).background.wait()
    assert (answer.status_code, answer.location) == (303, "/account/deleted")
    return answer


def restore(browser: BrowserDriver, path: str) -> TestResponse:
    """Open a link and press its button, if it has one."""
    page = browser.get(path)
    return browser.post(path, {}) if page.status_code == 200 else page


def events(app: Flask, user_id: str) -> list[tuple[str, str]]:
    """What the audit log says of the deletion, and who did it."""
    kinds = ("deletion_requested", "deletion_undone")
    query = select(Event.kind, Event.actor).where(Event.user_id == user_id, Event.kind.in_(kinds))
    with services_of(app).engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(Event.happened_at))]
