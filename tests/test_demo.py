"""What `make demo` starts: people sign in to a shop and to a page without a server, and the page calls an API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 90


class Demo:
    """The addresses of a running demo."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.portal, self.shop, self.page, self.api = (f"http://127.0.0.1:{port}" for port in ports.values())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo as `make demo` starts it, with a database and ports of its own."""
    folder = tmp_path_factory.mktemp("demo")
    ports = {name: free_port() for name in ("PORT", "SHOP_PORT", "SPA_PORT", "API_PORT")}
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **{name: str(port) for name, port in ports.items()},
        "AUTH_PORTAL_DATABASE_URL": f"sqlite:///{folder / 'portal.db'}",
        "AUTH_PORTAL_PUBLIC_URL": f"http://127.0.0.1:{ports['PORT']}",
        "DEMO_STATE": str(folder / "demo.json"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "examples/demo.py"], cwd=ROOT, env=environment, stdout=log, stderr=log, process_group=0
        )
    try:
        _wait_for(f"http://127.0.0.1:{ports['API_PORT']}/orders", process, folder / "log")
        yield Demo(ports)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window of a new person."""
    context = chromium.new_context(locale="en-US")
    yield context.new_page()
    context.close()


def test_a_new_person_signs_in_to_the_shop_and_out_again(demo: Demo, page: Page) -> None:
    page.goto(demo.shop)
    page.get_by_role("link", name="Sign in").click()
    expect(page.locator(".toward")).to_contain_text("Continue to Demo Shop")
    prove(demo, page, "shopper@example.com")
    page.locator("[name=first_name]").fill("Ada")
    page.locator("[name=last_name]").fill("Lovelace")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    expect(page.get_by_role("heading", name="Allow Demo Shop?")).to_be_visible()
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator("body")).to_contain_text("Welcome, Ada Lovelace (shopper@example.com)")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    # Signed out at the portal as well: the next sign-in asks for a code.
    page.get_by_role("link", name="Sign in").click()
    expect(page.locator("[name=email]")).to_be_visible()


def test_a_page_without_a_server_signs_in_and_calls_the_api(demo: Demo, page: Page) -> None:
    page.goto(demo.page)
    page.get_by_role("button", name="Sign in").click()
    prove(demo, page, "surfer@example.com")
    page.locator("[name=first_name]").fill("Grace")
    page.locator("[name=last_name]").fill("Hopper")
    page.locator("[name=terms]").check()
    page.locator("main .button").click()
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator("#status")).to_have_text("You are signed in as Grace Hopper.")
    page.get_by_role("button", name="Call the API").click()
    expect(page.locator("#answer")).to_contain_text("two chairs")
    assert page.url == f"{demo.page}/"
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#status")).to_have_text("You are not signed in.")


def test_the_api_refuses_who_has_no_token_for_it(demo: Demo, page: Page) -> None:
    answer = page.request.get(f"{demo.api}/orders", headers={"Authorization": "Bearer e30.e30.e30"})
    assert answer.status == 401


def prove(demo: Demo, page: Page, email: str) -> None:
    """Enter the address, and the code from the portal's mailbox."""
    page.locator("[name=email]").fill(email)
    page.locator("main .button").click()
    page.wait_for_url("**/login/code**")
    tab = page.context.new_page()
    tab.goto(f"{demo.portal}/dev/mailbox")
    code = tab.locator("article", has_text=email).locator(".mailbox-code").first.inner_text()
    tab.close()
    page.locator("[name=code]").fill(code)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the demo did not start: {log.read_text()[-2000:]}")
