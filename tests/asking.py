"""A portal whose terms and fields change while somebody is signed in, who is asked about them before going on."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA
from tests.resuming import moved
from tests.support.smtp import MailSink

TERMS, DETAILS = "The terms have changed", "A few more details"


class Portal:
    """A portal whose settings change, and Ada, who was there before."""

    def __init__(self, make_app: Made, outbox: MailSink, **before: Any) -> None:
        self._make, self._outbox = make_app, outbox
        self.app: Flask = make_app(**before)
        self.ada = BrowserDriver(self.app, outbox)
        self.ada.register(ADA)

    def becomes(self, **settings: Any) -> BrowserDriver:
        """Ada's browser at the portal after a restart with these settings."""
        self.app = self._make(**settings)
        secret = self.ada.cookie("portal-session") or ""
        self.ada = moved(self.ada, self.app, self._outbox)
        self.ada.client.set_cookie("portal-session", secret)
        return self.ada

    def events(self, kind: str) -> list[Any]:
        """The facts of what happened."""
        with services_of(self.app).engine.connect() as connection:
            found = connection.execute(text("SELECT facts FROM event WHERE kind = :kind"), {"kind": kind})
            return [str(row.facts) for row in found]


@pytest.fixture
def portal(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> Portal:
    """The portal before there were versions of the terms, or fields."""
    return Portal(make_app, outbox)
