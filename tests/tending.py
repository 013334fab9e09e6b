"""How people look after their addresses and numbers on pages."""

from __future__ import annotations

import re
from html import unescape

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.owning import ADA
from tests.support.outboxes import Outboxes, is_number

EMAIL_PAGES, PHONE_PAGES = "/account/email", "/account/phone"


class Person(BrowserDriver):
    """A browser whose person looks after addresses."""

    def pages(self, destination: str) -> str:
        """The path of the pages about such a destination."""
        return PHONE_PAGES if is_number(destination) else EMAIL_PAGES

    def add(self, destination: str, *, keep: bool = False) -> TestResponse:
        """Have a code sent to one more; stands on the code page if that went well."""
        self.settle()
        self.get(self.pages(destination))
        fields = {"phone" if is_number(destination) else "email": destination} | ({"keep": "1"} if keep else {})
        answer = self.post(self.pages(destination), fields)
        if answer.status_code == 303:
            self.get(answer.location)
            self.here = answer.location
        return answer

    def confirm(self, code: str) -> TestResponse:
        """Enter a code on the page that is open; stands on the list if that went well."""
        answer = self.post(self.here, {"code": code, "challenge": self.hidden("challenge") or ""})
        if answer.status_code == 303:
            self.get(answer.location)
        return answer

    def take(self, destination: str, *, keep: bool = False) -> None:
        """Add one more."""
        assert self.add(destination, keep=keep).status_code == 303
        assert self.confirm(self.code_sent_to(destination)).location == f"{self.pages(destination)}?changed=1"

    def do(self, step: str, destination: str) -> TestResponse:
        """Press a button of the list."""
        self.get(self.pages(destination))
        answer = self.post(f"{self.pages(destination)}/{step}", {"value": destination})
        if answer.status_code == 303:
            self.get(answer.location)
        return answer

    def shown(self, path: str = EMAIL_PAGES) -> list[str]:
        """What a list shows, the main one with a star."""
        self.get(path)
        found = re.findall(r'<h2><bdi class="address"[^>]*>(.*?)</bdi>(.*?)</h2>', self.page)
        return [f"{value}*" if "Main" in tag else value for value, tag in found]

    def settle(self) -> None:
        """Wait for all letters."""
        services_of(self.client.application).background.wait()

    @property
    def refusal(self) -> str:
        """What stands above the list because something was refused."""
        found = re.search(r'<p class="notice is-bad" role="alert">.*?<span>(.*?)</span>', self.page)
        return unescape(found[1]) if found else ""


@pytest.fixture
def ada(clock: time_machine.Traveller, app: Flask, outboxes: Outboxes) -> Person:
    """The browser in which Ada has just registered; the clock stands still."""
    person = Person(app, outboxes)
    person.register(ADA)
    clock.shift(1)
    return person
