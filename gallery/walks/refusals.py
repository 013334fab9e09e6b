"""Pages that say no."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.person import Person, Shown, Walk
from gallery.stage import Stage

_PATIENCE = 50


def errors(stage: Stage) -> Iterator[Shown]:
    """What is not there, not ours or over."""
    person = Person(stage, stage.main)
    for name, path in (
        ("error-404", "/nowhere"),
        ("error-400", "/oauth/authorize?client_id=nobody"),
        ("error-expired", "/oauth/consent/nothing"),
    ):
        person.open(path)
        yield Shown(person, name)

    def send_without_cookies() -> None:
        page = person.open("/login")
        page.locator("[name=email]").fill("ada@example.com")
        page.locator("main form").evaluate("(form, lang) => (form.action += `?lang=${lang}`)", person.language)
        person.context.clear_cookies()
        person.press()

    send_without_cookies()
    yield Shown(person, "error-cookies", send_without_cookies)
    person.close()


def too_many(stage: Stage) -> Iterator[Shown]:
    """Device codes that somebody guesses."""
    person = Person(stage, stage.main)
    person.register("guesser@example.com")
    for _ in range(_PATIENCE):
        person.open("/device").locator("[name=user_code]").fill("BCDF-GHJK")
        person.press()
        if not person.page.locator("[name=user_code]").count():
            break
    yield Shown(person, "error-429")
    person.close()


def broken(stage: Stage) -> Iterator[Shown]:
    """A database that holds what nobody understands, and one that does not answer."""
    person = Person(stage, stage.broken)
    person.register("unlucky@example.com")
    stage.spoil("UPDATE session SET authenticated_at = 'yesterday'")
    person.open("/account")
    yield Shown(person, "error-500")
    person.context.clear_cookies()
    person.speak(person.language)
    person.open("/login").locator("[name=email]").fill("unlucky@example.com")
    stage.spoil("DROP TABLE challenge")
    person.press()
    yield Shown(person, "error-503")
    person.close()


WALKS: tuple[Walk, ...] = (errors, too_many, broken)
