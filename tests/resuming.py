"""How tests begin a registration and go on with it: a browser before the form, and the same one at another portal."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import text

from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA
from tests.support.smtp import MailSink

NAMES = {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"}
JSON_NAMES = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
TAKEN = "This address is already registered. Please sign in."
OFFER = "Continue your registration"


def at_registration(browser: BrowserDriver, email: str = ADA) -> BrowserDriver:
    """The browser, before the form of a proven address."""
    browser.follow(browser.prove(email))
    assert browser.heading == "One last step"
    return browser


def rows(app: Flask) -> list[Any]:
    """The registrations: their ids, and what is kept of their forms."""
    with services_of(app).engine.connect() as connection:
        return list(connection.execute(text("SELECT id, draft, completed_at, expires_at FROM registration")))


def moved(browser: BrowserDriver, app: Flask, outbox: MailSink) -> BrowserDriver:
    """The same browser, with its cookies, at another portal."""
    other = BrowserDriver(app, outbox)
    for name in ("portal-browser", "portal-registration", "portal-form", "portal-app"):
        if value := browser.cookie(name):
            other.client.set_cookie(name, value)
    return other
