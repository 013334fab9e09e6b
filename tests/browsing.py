"""How tests walk in a real browser: a portal of the module's own, an address of the test's own, a registration."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.support.portal import PortalProcess, development_portal

_numbers = itertools.count()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A development portal with a database of its own; letters and texts end in the checkout's mailbox."""
    with development_portal(tmp_path_factory.mktemp("browser") / "portal.db") as running:
        yield running


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"browser{os.getpid()}.{next(_numbers)}@example.com"


def register(page: Page, first_name: str = "Ada") -> None:
    """Complete the registration; the page stands at the account."""
    page.wait_for_url("**/register")
    page.locator("[name=first_name]").fill(first_name)
    page.locator("[name=last_name]").fill("Lovelace")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    page.wait_for_url("**/account")
