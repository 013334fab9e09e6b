"""The pages of who is signed in."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.person import Person, Shown, Walk, one_of_each_language
from gallery.stage import Stage

OWNER = "augusta.ada.king@example.com"
PHONE = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0 Mobile Safari/537.36"
_PAGES = ("profile", "phone", "email", "sessions", "activity", "apps", "export", "delete")
_NAMES = {"phone": "phones", "email": "addresses"}


def account(stage: Stage) -> Iterator[Shown]:
    """Each page, of somebody with two devices and an app."""
    person, phone = Person(stage, stage.main), Person(stage, stage.main, user_agent=PHONE)
    person.register(OWNER)
    phone.prove(OWNER)
    phone.close()
    yield Shown(person, "account")
    _use_shop(stage, person)
    for page in _PAGES:
        person.open(f"/account/{page}")
        yield Shown(person, f"account-{_NAMES.get(page, page)}")
    person.open("/account/profile").locator("[name=first_name]").fill("")
    person.press()
    yield Shown(person, "account-profile-error")
    yield from _proving_again(stage, person)
    person.close()


def _use_shop(stage: Stage, person: Person) -> None:
    query = f"client_id={stage.shop}&redirect_uri={stage.site}/callback&response_type=code&scope=openid+email"
    person.open(f"/oauth/authorize?{query}")
    person.press("[name=answer][value=allow]")


def _proving_again(stage: Stage, person: Person) -> Iterator[Shown]:
    stage.make_old()
    person.open("/account/delete")
    yield Shown(person, "confirm")


def another_address(stage: Stage) -> Iterator[Shown]:
    """A change of the main address, and its undoing."""
    for person in one_of_each_language(stage, stage.main):
        old, new = f"countess.{person.language}@example.com", f"ada.king.{person.language}@example.com"
        person.register(old)
        person.open("/account/email").locator("[name=email]").fill(new)
        person.press("main form:has([name=email]) .button")
        yield Shown.once(person, "account-addresses-code")
        person.type_code(person.code_for(new))
        yield Shown.once(person, "account-addresses-changed")
        person.open(person.link(old, "/account/undo"))
        yield Shown.once(person, "address-undo")
        person.press()
        yield Shown.once(person, "address-undone")


def leaving(stage: Stage) -> Iterator[Shown]:
    """A deletion, and its undoing."""
    for person in one_of_each_language(stage, stage.main):
        email = f"leaving.{person.language}@example.com"
        person.register(email)
        person.open("/account/delete")
        person.press()
        yield Shown.once(person, "account-delete-error")
        person.page.locator("[name=sure]").check()
        person.press()
        yield Shown.once(person, "deleted")
        person.open(person.link(email, "/account/restore"))
        yield Shown.once(person, "restore")
        person.press()
        yield Shown.once(person, "restored")


def asked_first(stage: Stage) -> Iterator[Shown]:
    """Terms that changed and a field that is required by now."""
    person, email = Person(stage, stage.main), "sophie@example.com"
    person.register(email, "Sophie")
    person.close()
    person = Person(stage, stage.later)
    person.prove(email)
    yield Shown(person, "terms")
    person.press()
    yield Shown(person, "details")
    person.press()
    yield Shown(person, "details-error")
    person.close()


WALKS: tuple[Walk, ...] = (account, another_address, leaving, asked_first)
