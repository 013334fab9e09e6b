"""The mailbox of development, every letter, and the reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from playwright.sync_api import Route

from gallery.person import Person, Shown, Walk
from gallery.stage import Stage

_PAGES = {
    "docs": "/docs",
    "docs-guide": "/docs/tokens",
    "docs-operation": "/docs/api/send-otp-email",
    "docs-errors": "/docs/errors",
    "docs-playground": "/docs/playground",
    "docs-search": "/docs/search?q=code",
}


def mailbox(stage: Stage) -> Iterator[Shown]:
    """Letters and texts that were caught."""
    person = Person(stage, stage.main)
    person.ask("reader@example.com")
    person.open("/dev/mailbox")
    yield Shown(person, "mailbox")
    person.close()


def letters(stage: Stage) -> Iterator[Shown]:
    """All kinds and variants of letters, as a mail program shows them."""
    person = Person(stage, stage.main)
    person.context.route("**/dev/letters/*.html", _without_sandbox)
    person.open("/dev/letters")
    yield Shown(person, "letters")
    links = person.page.locator("article a[href]")
    for path in links.evaluate_all("links => links.map((link) => link.pathname)"):
        person.open(path)
        yield Shown(person, f"letter-{PurePath(path).stem}")
    person.close()


def _without_sandbox(route: Route) -> None:
    """Where no script may run, none of a debugger's tools does either."""
    answer = route.fetch()
    policy = answer.headers["content-security-policy"].replace("sandbox;", "")
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})


def docs(stage: Stage) -> Iterator[Shown]:
    """One page of each kind, in the languages that the documentation has."""
    person = Person(stage, stage.main)
    for name, path in _PAGES.items():
        person.open(path)
        yield Shown(person, name, languages=("en", "tr"))
    person.close()


WALKS: tuple[Walk, ...] = (mailbox, letters, docs)
