"""How tests of proof of work act: they fill a network's sends, and send the form of the page as its script does."""

from __future__ import annotations

from flask import Flask
from werkzeug.test import TestResponse

from tests.drivers import ApiDriver, BrowserDriver
from tests.support.smtp import MailSink

ADA, BOB = "ada@example.com", "bob@example.com"
HERE, ELSEWHERE = "203.0.113.1", "203.0.113.2"
QUOTA = 3
"""Codes an hour to one network."""
HOUR = 3_600


def fill(app: Flask, outbox: MailSink, address: str = HERE) -> None:
    """Use up what a network may have sent."""
    api = ApiDriver(app, outbox, address)
    statuses = [api.send(f"filler{number}@example.com").status_code for number in range(QUOTA + 1)]
    assert statuses == [201] * QUOTA + [429]
    outbox.clear()


def go_on(browser: BrowserDriver, proof: str, email: str = ADA) -> TestResponse:
    """Send the form of the page as its script does."""
    return browser.post("/login", {"email": email, "proof": proof})


def other_browser(app: Flask, outbox: MailSink, address: str = HERE) -> BrowserDriver:
    """One more browser, at the first page."""
    browser = BrowserDriver(app, outbox, address)
    browser.get("/login")
    return browser
