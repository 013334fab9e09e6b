"""Sign-ins for an app, devices that are let in, and the way out."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode

from gallery.person import Person, Shown, Walk, one_of_each_language
from gallery.stage import SHOP, Stage

EMAIL = "emmy@example.com"


def _request(client_id: str, **parameters: str) -> str:
    wanted = {
        "client_id": client_id,
        "redirect_uri": f"{SHOP}/callback",
        "response_type": "code",
        "scope": "openid profile email",
        **parameters,
    }
    return f"/oauth/authorize?{urlencode(wanted)}"


def signing_in(stage: Stage) -> Iterator[Shown]:
    """All the pages on the way to an app."""
    person = Person(stage, stage.main)
    page = person.open(_request(stage.shop))
    yield Shown(person, "app-email")
    page.locator("[name=email]").fill(EMAIL)
    person.press()
    yield Shown(person, "app-code")
    person.type_code(person.code_for(EMAIL))
    yield Shown(person, "app-register")
    person.complete("Emmy")
    yield Shown(person, "app-consent")
    person.open(_request(stage.shop, redirect_uri=f"{stage.site}/callback"))
    consent = page.url
    person.press("[name=answer][value=allow]")
    person.open(consent)
    yield Shown(person, "app-finished")
    person.open(_request(stage.shop, prompt="select_account"))
    yield Shown(person, "app-choose")
    person.open(_request(stage.club))
    yield Shown(person, "app-not-admitted")
    yield from _devices(stage, person)
    person.close()


def signing_out(stage: Stage) -> Iterator[Shown]:
    """An app asks for it."""
    for person in one_of_each_language(stage, stage.main):
        person.register(f"out.{person.language}@example.com")
        person.open(f"/oauth/logout?client_id={stage.shop}")
        yield Shown.once(person, "logout")
        person.press()
        yield Shown.once(person, "signed-out")


def _devices(stage: Stage, person: Person) -> Iterator[Shown]:
    person.open("/device")
    yield Shown(person, "device")
    person.page.locator("[name=user_code]").fill("BCDF-GHJK")
    person.press()
    yield Shown(person, "device-error")

    def enter() -> None:
        person.open("/device").locator("[name=user_code]").fill(_user_code(stage))
        person.press()

    def allow() -> None:
        enter()
        person.press("[name=answer][value=allow]")

    enter()
    yield Shown(person, "device-confirm")
    allow()
    yield Shown(person, "device-done", allow)


def _user_code(stage: Stage) -> str:
    body = urlencode({"client_id": stage.screen, "scope": "openid profile email"}).encode()
    request = urllib.request.Request(f"{stage.main.url}/oauth/device_authorization", body)
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["user_code"])


WALKS: tuple[Walk, ...] = (signing_in, signing_out)
