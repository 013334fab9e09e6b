"""Somebody at a browser window: the language they read, the letters they get, and the steps of a sign-in."""

from __future__ import annotations

import itertools
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Page, Response

from gallery.stage import Stage
from tests.support.chromium import Visitor
from tests.support.portal import PortalProcess

LANGUAGES = ("en", "tr", "ar")
_REFUSALS = (400, 401, 403, 404, 410, 429, 500, 503)
_networks = itertools.count(1)


class Person(Visitor):
    """A window at one of the portals. It may be refused: Chromium notes each refusal in its console."""

    def __init__(self, stage: Stage, portal: PortalProcess, **options: object) -> None:
        self.portal, self.language = portal, "en"
        super().__init__(stage.browser, portal.url, **{"reduced_motion": "reduce", **options})
        self.move()
        for status in _REFUSALS:
            self.accept_status(status)
        self.others = (stage.site,)

    def new_page(self) -> Page:
        """Open a tab. A page may refuse; a picture, style or script that it names may not be missing."""
        page = super().new_page()
        page.on("response", self._note_missing)
        return page

    def _note_missing(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type in ("stylesheet", "script", "image", "font"):
            self.complaints.append(f"{response.status}: {response.url}")

    def move(self) -> None:
        """Go on from another network."""
        self.context.set_extra_http_headers({"X-Forwarded-For": f"198.51.100.{next(_networks)}"})

    def speak(self, language: str) -> None:
        """Choose the language as its link does."""
        self.context.request.get(f"{self.url}/healthz?lang={language}")
        self.language = language

    def open(self, path: str) -> Page:
        """Go to a page of the portal."""
        self.page.goto(path)
        return self.page

    def press(self, selector: str = "main form .button") -> None:
        """Press a button, and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def letters(self, destination: str) -> list[dict[str, str]]:
        """What the mailbox has for this address or number, the newest first."""
        with urllib.request.urlopen(f"{self.url}/dev/mailbox/letters.json") as answer:
            letters: list[dict[str, str]] = json.load(answer)["letters"]
        return [letter for letter in letters if letter["to"] == destination]

    def code_for(self, destination: str) -> str:
        """The newest code that was sent there."""
        return next(letter["code"] for letter in self.letters(destination) if letter["code"])

    def link(self, destination: str, path: str) -> str:
        """The newest link to this part of the portal that was sent there; waits for a letter that is on its way."""
        for _ in range(200):
            for letter in self.letters(destination):
                found = re.search(rf"{path}/[A-Za-z0-9_-]+", letter["text"])
                if found is not None:
                    return found[0]
            self.page.wait_for_timeout(100)
        raise LookupError(f"no letter to {destination} with a link to {path}")

    def type_code(self, code: str) -> None:
        """Type it; the last digit sends it."""
        with self.page.expect_navigation():
            self.page.locator("[name=code]").press_sequentially(code)

    def prove(self, destination: str) -> None:
        """Ask for a code and type it."""
        self.ask(destination)
        self.type_code(self.code_for(destination))

    def register(self, destination: str, first_name: str = "Ada") -> None:
        """Become somebody; stands at the account."""
        self.prove(destination)
        self.complete(first_name)

    def complete(self, first_name: str = "Ada") -> None:
        """Fill the registration in and send it."""
        for name, value in (("first_name", first_name), ("last_name", "Lovelace"), ("own_company", "Engines")):
            self.page.locator(f"[name={name}]").fill(value)
        self.page.locator("[name=terms]").check()
        self.press()


@dataclass(frozen=True, slots=True)
class Shown:
    """A page in a state. ``again`` shows it after the language has changed; without it the page is loaded anew."""

    person: Person
    name: str
    again: Callable[[], object] | None = None
    languages: tuple[str, ...] = LANGUAGES

    @classmethod
    def once(cls, person: Person, name: str) -> Shown:
        """A page that is there once, so in one language: see ``one_of_each_language``."""
        return cls(person, name, languages=(person.language,))

    def each_language(self) -> Iterator[str]:
        """Show it in one language after another, the one that it has first."""
        now = self.languages.index(self.person.language) if self.person.language in self.languages else 0
        for language in (*self.languages[now:], *self.languages[:now]):
            if language != self.person.language:
                self.person.speak(language)
                (self.again or self.person.page.reload)()
            yield language


def one_of_each_language(stage: Stage, portal: PortalProcess) -> Iterator[Person]:
    """Somebody new for each language, for pages that are there only once."""
    for language in LANGUAGES:
        person = Person(stage, portal)
        person.speak(language)
        yield person
        person.close()


Walk = Callable[[Stage], Iterator[Shown]]
"""A way through the pages. Whoever it was that walked it closes their window at its end."""
