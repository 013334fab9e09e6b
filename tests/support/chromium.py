"""Owns the real browser of the tests: the machine's Chromium under Playwright, and what it complains about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.support.outboxes import is_number

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS = 15_000
HARMLESS = ("Clear-Site-Data", "Autofocus processing was blocked")
"""What Chromium notes although nothing is wrong: that it did what our own header at the sign-out asked for, and that
somebody began to type before it could give a field the focus, as tests do on a slow machine."""


class ChromiumUnavailable(Exception):
    """There is no browser on this machine."""


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    """A running Chromium without a window; raises ChromiumUnavailable where none is installed."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise ChromiumUnavailable(f"none of {', '.join(_NAMES)} is installed")
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


class Visitor:
    """A person at a browser window, and everything the browser had to say about the pages they saw."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.accepted = list(HARMLESS)
        self.posts: list[str] = []
        self.others: tuple[str, ...] = ()  # other servers that the page may call
        self.calls: list[str] = []  # what it called there
        options = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **options}
        self.context: BrowserContext = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(_PATIENCE_MS)
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Open a tab; what goes wrong in it is kept in ``complaints``."""
        page = self.context.new_page()
        page.on("console", lambda message: self._complain(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._note_failure)
        page.on("request", self._note)
        return page

    def ask(self, destination: str) -> Page:
        """Enter the address or number; the page that is given back stands at the code."""
        self.page.goto("/login?by=phone" if is_number(destination) else "/login")
        self.page.locator("[name=phone], [name=email]").fill(destination)
        self.page.locator("main .button").click()
        self.page.wait_for_url("**/login/code")
        return self.page

    def code_for(self, destination: str) -> str:
        """The code of the newest letter or text, read from the mailbox in a tab of its own."""
        return self._letters(destination)[0]

    def letters_to(self, email: str) -> int:
        """How many letters the address got."""
        return len(self._letters(email))

    def _letters(self, destination: str) -> list[str]:
        tab = self.new_page()
        tab.goto("/dev/mailbox")
        codes = tab.locator("article", has_text=destination).locator(".mailbox-code").all_inner_texts()
        tab.close()
        return codes

    def accept_status(self, status: int) -> None:
        """Do not complain of pages with this status: Chromium notes each refusal in its console."""
        self.accepted.append(f"the server responded with a status of {status}")

    def _complain(self, text: str) -> None:
        if not any(accepted in text for accepted in self.accepted):
            self.complaints.append(text)

    def _note(self, request: Request) -> None:
        if request.method == "POST":
            self.posts.append(urlsplit(request.url).path)
        if request.url.startswith(tuple(f"{other}/" for other in self.others)):
            self.calls.append(f"{request.method} {request.url}")
        elif not request.url.startswith((f"{self.url}/", "data:image/svg+xml")):
            self.complaints.append(f"foreign: {request.url}")

    def _note_failure(self, request: Request) -> None:
        # Cut short by the person's next step. What the page's own policy blocks fails with another word.
        if request.failure != "net::ERR_ABORTED":
            self._complain(f"failed: {request.url}: {request.failure}")

    def storages(self) -> list[int]:
        """How many entries the storages of the page that is open hold (SES-21)."""
        found: list[int] = self.page.evaluate(
            "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,"
            " (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length]"
        )
        return found

    def focus_ring(self) -> float:
        """How wide the outline of what has the focus is, in pixels."""
        return float(self.page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)"))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))

    def too_small(self) -> list[str]:
        """The links, buttons and fields that are shown smaller than 24 by 24 pixels."""
        found: list[str] = self.page.evaluate(
            """[...document.querySelectorAll('a, button, input:not([type=hidden])')]
            .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([text]) => text)"""
        )
        return found

    def close(self) -> None:
        """Close the window."""
        self.context.close()
