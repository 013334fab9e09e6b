"""A portal for people with addresses and numbers, a person as a JSON caller, and what tests ask about them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import Made, services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, outcome
from tests.support.letters import text_of
from tests.support.outboxes import Outboxes, is_number
from tests.support.smtp import MailSink

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.org"
NEW, NEWER = "ada@new.example", "ada@newer.example"
PHONE, OTHER_PHONE = "+905551112233", "+905552223344"
DONE = (200, None)


@pytest.fixture
def app(make_app: Made, outboxes: Outboxes) -> Flask:
    """A portal that sends letters and text messages."""
    app: Flask = make_app(sms_url=outboxes.sms.setting)
    return app


class Owner:
    """A person who registered with ``first`` and is signed in."""

    def __init__(self, api: ApiDriver, first: str = ADA) -> None:
        self.api = api
        data = api.register(first)
        self.token, self.refresh_token = str(data["accessToken"]), str(data["refreshToken"])
        self.id = str(data["user"]["id"])

    def call(self, step: str, destination: str, **body: Any) -> TestResponse:
        """One of the calls about an address or number: ``""``, ``verify``, ``main``, ``remove``."""
        kind, member = ("phone", "phoneNumber") if is_number(destination) else ("email", "email")
        path = f"me/{kind}/{step}".rstrip("/")
        return self.api.post(path, {member: destination, **body}, token=self.token)

    def code_for(self, destination: str) -> str:
        """Have a code sent there, and read it."""
        self.wait()
        sent = self.call("", destination)
        assert sent.status_code == 201, sent.text
        return self.api.code_sent_to(destination)

    def take(self, destination: str, **body: Any) -> dict[str, Any]:
        """Prove one more; the person as the answer says it."""
        answer = self.call("verify", destination, code=self.code_for(destination), **body)
        assert outcome(answer) == DONE, answer.text
        return data_of(answer)

    def refusal(self, step: str, destination: str, **body: Any) -> tuple[int, str | None]:
        """How a call is refused."""
        return outcome(self.call(step, destination, **body))

    def has(self) -> list[str]:
        """All that the person has, the main ones first."""
        self.wait()
        answer = self.api.call("GET", "me", token=self.token)
        assert answer.status_code == 200, answer.text
        data = data_of(answer)
        return [one["value"] for one in data["emails"] + data["phoneNumbers"]]

    def sign_in_again(self, destination: str) -> None:
        """Go on with a new session."""
        self.wait()
        self.token = str(self.api.proven(destination)["accessToken"])

    def wait(self) -> None:
        """Until all letters are sent."""
        services_of(self.api.app).background.wait()


def undo_links(outbox: MailSink, destination: str) -> list[str]:
    """The paths of the undo links that were mailed there, the oldest first."""
    letters = "\n".join(text_of(mail) for mail in outbox.sent_to(destination))
    return re.findall(r"/account/undo/[0-9a-f]{64}", letters)


def press(browser: BrowserDriver, path: str) -> str:
    """Open a link of a letter and press its button; the heading of the page that follows."""
    browser.get("/login")
    token = browser.hidden("csrf_token") or ""
    browser.follow(browser.post(path, {"csrf_token": token}))
    return browser.heading


def subjects(owner: Owner, outbox: MailSink, destination: str) -> list[str]:
    """What the letters there are about that have no code, once all are sent."""
    owner.wait()
    found = [mail for mail in outbox.sent_to(destination) if "/login/not-me/" not in text_of(mail)]
    return [str(mail.parsed["Subject"]) for mail in found]


def events(owner: Owner) -> list[str]:
    """What was noted of the person's addresses, the oldest first."""
    owner.wait()
    query = text("SELECT kind FROM event WHERE user_id = :id AND kind LIKE '%address%' ORDER BY happened_at")
    with services_of(owner.api.app).engine.connect() as connection:
        return list(connection.execute(query, {"id": owner.id}).scalars())
