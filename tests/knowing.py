"""Browsers that somebody signed in with, browsers of strangers, and how long the codes are that each is sent."""

from __future__ import annotations

import itertools

import pytest
import time_machine
from flask import Flask

from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, wrong_code
from tests.support.smtp import MailSink

ADA = "ada@example.com"
ELSEWHERE = "198.51.100.7"

_hosts = itertools.count(1)


@pytest.fixture
def member(clock: time_machine.Traveller, browser: BrowserDriver) -> BrowserDriver:
    """A browser that Ada registered with and signed out of; it may ask again at once."""
    registered(browser, ADA)
    clock.shift(30)
    return browser


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser in another network that nobody has signed in with."""
    return BrowserDriver(app, outbox, ELSEWHERE)


def registered(browser: BrowserDriver, email: str) -> BrowserDriver:
    """The browser after somebody registered with it and signed out."""
    browser.register(email)
    browser.post("/logout", {})
    return browser


def length_for(app: Flask, browser: BrowserDriver, email: str = ADA) -> int:
    """How many digits the code has that the browser is sent now."""
    services_of(app).background.wait()
    assert browser.ask(email).location == "/login/code"
    return len(browser.code_sent_to(email))


def attack(app: Flask, outbox: MailSink, email: str = ADA) -> None:
    """Use up what the account affords at four digits: its next codes for unknown devices have six."""
    services_of(app).background.wait()
    attacker = ApiDriver(app, outbox, f"203.0.113.{next(_hosts) % 256}")
    assert attacker.send(email).status_code == 201
    code = attacker.code_sent_to(email)
    for step in range(1, 6):
        attacker.login(email, wrong_code(code, step))
    services_of(app).background.wait()
