"""How tests undo a change of the main address or number: a person of long ago, the links, and what is left."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver
from tests.owning import ADA, Owner, undo_links
from tests.support.outboxes import Outboxes

UNDONE, OVER = "The change is undone", "This cannot be undone any more"
HOUR = 3_600


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outboxes: Outboxes) -> Owner:
    """Ada, who registered a month ago and has just signed in; the clock stands still."""
    owner = Owner(ApiDriver(app, outboxes))
    clock.shift(30 * 24 * HOUR)
    owner.sign_in_again(ADA)
    return owner


@pytest.fixture
def reader(app: Flask, outboxes: Outboxes) -> BrowserDriver:
    """The browser in which letters are read; nobody signed in with it."""
    return BrowserDriver(app, outboxes, "198.51.100.7")


def link(outboxes: Outboxes, email: str = ADA) -> str:
    """The newest undo link that was mailed there."""
    return undo_links(outboxes.mail, email)[-1]


def identifiers(app: Flask, owner: Owner) -> list[tuple[str, int]]:
    """What the person has, with ranks."""
    query = text("SELECT value, rank FROM identifier WHERE user_id = :id ORDER BY channel, rank")
    with services_of(app).engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"id": owner.id})]


def text_link(outboxes: Outboxes, number: str) -> str:
    """The undo link of the newest text to a number."""
    _words, _host, path = outboxes.sms.sent_to(number)[-1].text.partition("/account/undo/")
    return f"/account/undo/{path}"
