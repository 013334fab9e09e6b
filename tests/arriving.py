"""The steps of a sign-in for an app, one by one: what ``through_sign_in`` does at a go; and who takes part."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, request_id_in, through_sign_in
from tests.support.smtp import MailSink


@pytest.fixture
def blog(app: Flask) -> RelyingParty:
    """Another trusted app."""
    return RelyingParty(app, name="Blog")


@pytest.fixture
def ada(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> str:
    """The address of Ada, who registered a while ago on another device."""
    BrowserDriver(app, outbox).register(ADA)
    clock.shift(60)
    return ADA


@pytest.fixture
def phone(app: Flask, outbox: MailSink) -> BrowserDriver:
    """Another browser."""
    return BrowserDriver(app, outbox, "198.51.100.7")


def start(tab: BrowserDriver, app: RelyingParty, **parameters: Any) -> str:
    """The app sends the person, who sees the sign-in page now; the id of the request."""
    answer = tab.get(app.address(**parameters))
    tab.follow(answer)
    return request_id_in(answer.location)


def ask(tab: BrowserDriver, email: str = ADA) -> TestResponse:
    """Enter the address on the page that is open."""
    answer = tab.post("/login", {"email": email, "request": tab.hidden("request") or ""})
    assert answer.status_code == 303, answer.text
    return tab.follow(answer)


def enter(tab: BrowserDriver, code: str) -> TestResponse:
    """Enter the code on the page that is open."""
    fields = {"code": code, "challenge": tab.hidden("challenge") or "", "request": tab.hidden("request") or ""}
    return tab.post("/login/code", fields)


def arrive(tab: BrowserDriver, answer: TestResponse) -> dict[str, str]:
    """What the app is told, after the dispatcher was asked."""
    assert answer.location is not None, answer.text
    assert answer.location.startswith("/oauth/authorize/")
    return answer_in(tab.follow(answer))


def through_sign_in_later(
    person: BrowserDriver, app: RelyingParty, clock: time_machine.Traveller, email: str = ADA, **parameters: Any
) -> dict[str, str]:
    """Sign in for the app a second after it asked; what it is told."""
    # A notice of the sign-in before must not be the newest letter.
    services_of(app.app).background.wait()
    answer = person.get(app.address(**parameters))
    clock.shift(1)
    return answer_in(through_sign_in(person, answer, email))


def query_of(app: RelyingParty) -> dict[str, str]:
    return {"client_id": app.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "nonce": "n"}
