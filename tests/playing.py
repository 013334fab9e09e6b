"""Owns the playground's panel, as a person sees it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.filling import SEATS, TEAM, declared
from tests.support.portal import PortalProcess, development_portal
from tests.support.ports import free_port

_numbers = itertools.count()

WARNING = {
    "tr-TR": "Production uyarısı: Bu endpoint veri değiştirir veya operasyon tetikleyebilir. API Playground içinde "
    "Production server seçiliyse gerçek production verisi etkilenir; test için Development server kullanın.",
    "en-US": "Production warning: This endpoint changes data or may set off operations. If the Production server is "
    "chosen in the API Playground, real production data is affected; use the Development server for tests.",
}
"""To the letter; the Turkish one is the contract's (section 6)."""


@dataclass(frozen=True, slots=True)
class Portals:
    """The portal whose pages are read, and what its playground can call beside it."""

    first: PortalProcess
    production: PortalProcess
    away: str
    """The address of a portal for development that does not run."""


@pytest.fixture(scope="module")
def portals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portals]:
    """A development portal, and others that its playground knows."""
    folder = tmp_path_factory.mktemp("docs")
    first = development_portal(folder / "first.db", **declared(SEATS, TEAM))
    production = development_portal(folder / "production.db", allowed_origins=first.url)
    away = f"http://127.0.0.1:{free_port()}"
    first.env["AUTH_PORTAL_API_SERVERS"] = f"production={production.url},development={away}"
    with first, production:
        yield Portals(first, production, away)


@pytest.fixture(scope="module")
def portal(portals: Portals) -> PortalProcess:
    """Whose pages are read."""
    return portals.first


def new_email() -> str:
    """An address that nobody else writes to."""
    return f"docs{os.getpid()}.{next(_numbers)}@example.com"


class Panel:
    """The panel on a page that is open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("[data-play]")
        self.send = page.locator("[data-send]")
        self.status = page.locator(".play-status b")
        self.answer = page.locator("[data-answer]")
        self.request = page.locator("[data-request]")
        self.mail = page.locator("[data-mail]")
        self.warning = page.locator("[data-warning]")
        self.dialog = page.locator("[data-confirm]")
        self.token = page.locator("#play-token")

    def choose(self, operation: str) -> None:
        """Choose an operation."""
        self.page.locator("#play-operation").select_option(operation)

    def choose_server(self, url: str) -> None:
        """Choose a server."""
        self.page.locator("#play-server").select_option(url)

    def member(self, name: str) -> Locator:
        """The field of a member of the body."""
        return self.page.locator(f"#play-body-{name}")

    def is_at(self, operation: str) -> None:
        """The panel shows this operation."""
        expect(self.page.locator("#play-operation")).to_have_value(operation)

    def call(self, status: str) -> None:
        """Send, and be answered so."""
        self.send.click()
        expect(self.status).to_have_text(status)

    def next(self, position: int = 0) -> None:
        """Go on to what may follow."""
        self.answer.locator(".play-next button").nth(position).click()

    def ask_and_use_the_code(self, email: str) -> None:
        """Have a code sent and captured; the panel stands at the sign-in with all of it filled in."""
        self.member("email").fill(email)
        self.call("201 Created")
        expect(self.mail.locator("pre")).to_contain_text(email)
        self.mail.locator("button").click()
        self.is_at("loginOtpEmail")
        expect(self.member("email")).to_have_value(email)

    def sign_in(self, email: str) -> None:
        """From a new address to an access token."""
        self.ask_and_use_the_code(email)
        self.call("200 OK")
        self.next()
        self.is_at("completeRegistration")
        self.call("201 Created")
