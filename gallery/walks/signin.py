"""From the first page to the registration, with all that may go wrong or otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.person import Person, Shown, Walk, one_of_each_language
from gallery.stage import Stage
from tests.support.api import Api

ADA, NUMBER = "ada@example.com", "+905551112233"
HELD_BACK = "SubtleCrypto.prototype.deriveBits = () => new Promise(() => {});"
"""A script that lets the page compute for ever."""
UNABLE = "Object.defineProperty(crypto, 'subtle', { value: undefined });"
"""A browser that cannot compute, as on plain http: it shows what one without JavaScript shows."""
_FILLERS = 5


def wrong(code: str) -> str:
    """A code of the same length that is another one."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def first_page(stage: Stage) -> Iterator[Shown]:
    """Where to send the code."""
    person = Person(stage, stage.main)
    page = person.open("/login")
    yield Shown(person, "email")

    def mistype() -> None:
        person.open("/login").locator("[name=email]").press_sequentially("ada@gmial.com")
        page.locator("[data-typo]").wait_for()

    mistype()
    yield Shown(person, "email-typo", mistype)
    person.open("/login").locator("[name=email]").fill("ada")
    person.press()
    yield Shown(person, "email-error")
    person.open("/login?by=phone")
    yield Shown(person, "phone")
    page.locator("[name=phone]").fill("12")
    person.press()
    yield Shown(person, "phone-error")
    person.ask(NUMBER)
    yield Shown(person, "code-phone")
    person.close()


def code(stage: Stage) -> Iterator[Shown]:
    """Four digits, until no try is left."""
    person = Person(stage, stage.main)
    person.ask(ADA)
    yield Shown(person, "code")
    person.ask(ADA)
    yield Shown(person, "code-soon", lambda: person.ask(ADA))
    person.type_code(wrong(person.code_for(ADA)))
    yield Shown(person, "code-wrong")
    while person.page.locator("main section[data-open]").count():
        person.type_code(wrong(person.code_for(ADA)))
    yield Shown(person, "code-dead")
    person.close()


def resent(stage: Stage) -> Iterator[Shown]:
    """The same code once more; and the long one of an inbox that gets many."""
    person, flooded = Person(stage, stage.later), "flooded@example.com"
    person.ask("charles@example.com")

    def again() -> None:
        person.move()
        person.press("[data-open] .also button")

    again()
    yield Shown(person, "code-again", again)
    for host in range(_FILLERS):
        with Api(stage.later.url, {"X-Forwarded-For": f"203.0.113.{host + 1}"}) as api:
            api.send_code(flooded)
    other = Person(stage, stage.later)
    other.ask(flooded)
    yield Shown(other, "code-long")
    other.close()
    person.close()


def links(stage: Stage) -> Iterator[Shown]:
    """What the letter's links open, in the browser that asked and in another."""
    person, phone, email = Person(stage, stage.main), Person(stage, stage.main), "grace@example.com"
    person.ask(email)
    link = person.link(email, "/login/link")
    person.open(link)
    yield Shown(person, "link-here")
    phone.open(link)
    yield Shown(phone, "link-elsewhere")
    phone.press()
    yield Shown(phone, "link-approved")
    phone.close()
    person.close()


def stopped(stage: Stage) -> Iterator[Shown]:
    """Codes that somebody else asked for."""
    for person in one_of_each_language(stage, stage.main):
        stranger, email = Person(stage, stage.main), f"mary.{person.language}@example.com"
        stranger.ask(email)
        stranger.close()
        person.open(person.link(email, "/login/not-me"))
        yield Shown.once(person, "not-me")
        person.press()
        yield Shown.once(person, "not-me-done")
        person.open(person.link(email, "/login/link"))
        yield Shown.once(person, "link-dead")


def registration(stage: Stage) -> Iterator[Shown]:
    """Name, own fields, terms."""
    person = Person(stage, stage.main)
    person.prove("alan@example.com")
    yield Shown(person, "register")
    person.press()
    yield Shown(person, "register-errors")
    person.open("/login")
    yield Shown(person, "email-unfinished")
    person.close()


def pressure(stage: Stage) -> Iterator[Shown]:
    """A network that has used its sends up: the puzzle, and the wait where nothing can solve it."""
    for name, script in (("pressure", HELD_BACK), ("pressure-wait", UNABLE)):
        person = Person(stage, stage.later)
        person.page.add_init_script(script)
        for filler in range(2):
            person.ask(f"{name}{filler}@example.com")
        person.open("/login").locator("[name=email]").fill(ADA)
        person.press()
        yield Shown(person, name)
        person.close()


WALKS: tuple[Walk, ...] = (first_page, code, resent, links, stopped, registration, pressure)
