"""Where faults are played: a real portal that dies when told so, its relay, its tables, and people who sign in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, insert, text
from werkzeug.test import TestResponse

from auth_portal.db import utcnow
from auth_portal.models import Identifier, User
from tests.drivers import ApiDriver, BrowserDriver, data_of, wrong_code
from tests.support.faulty_portal import LOST
from tests.support.letters import text_of
from tests.support.smtp import MailSink, code_in
from tests.test_pages_links import letter_link, press

MOST_STEPS = 40
RESEND_AFTER_S = 30
PATIENCE_S = 20.0


@dataclass
class Kill:
    """One request that is lost: by whom it was made, how, and the steps that were done before."""

    email: str
    by: Any
    act: Callable[[], TestResponse]
    waiting: Any = None
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._page = getattr(self.by, "page", "")

    def again(self) -> TestResponse:
        """The same once more: in a browser by its back button, and the form's button."""
        if self._page:
            self.by.page = self._page
        return self.act()

    @property
    def is_committed(self) -> bool:
        """Whether the request's transaction was kept."""
        return "COMMIT" in self.done


class Stage:
    """A portal, its relay and its tables. Orders and a wrong clock need one that is a ``RemoteApp``."""

    def __init__(self, app: Any, sink: MailSink, engine: Engine) -> None:
        self.app, self.sink, self.engine = app, sink, engine
        self.api = ApiDriver(app, sink)
        self._people = 0

    def browser(self) -> BrowserDriver:
        """A new browser."""
        return BrowserDriver(self.app, self.sink)

    def person(self, is_known: bool = False) -> str:
        """The address of somebody who was never here, or of a user."""
        self._people += 1
        email = f"person{self._people}@example.com"
        if is_known:
            self._register(email)
        return email

    def _register(self, email: str) -> None:
        user = {"id": secrets.token_hex(16), "first_name": "Ada", "last_name": "Lovelace", "locale": "en"}
        identifier = {"channel": "email", "value": email, "user_id": user["id"], "verified_at": utcnow()}
        with self.engine.begin() as connection:
            connection.execute(insert(User), user | {"created_at": utcnow(), "terms_accepted_at": utcnow()})
            connection.execute(insert(Identifier), identifier)

    def later(self, seconds: int = RESEND_AFTER_S) -> None:
        """Let the portal's clock go on."""
        self.app.clock += seconds

    def code(self, email: str) -> str:
        """The code of the newest letter that has one: a notice may have come later."""
        return code_in([mail for mail in self.sink.sent_to(email) if "/login/not-me/" in text_of(mail)][-1])

    def count(self, table: str, email: str) -> int:
        """How many sessions or registrations there are of this address."""
        of = {
            "session": "session JOIN identifier ON identifier.user_id = session.user_id WHERE value = :email",
            "registration": "registration WHERE destination = :email",
        }
        return int(self.rows(f"SELECT count(*) FROM {of[table]}", email=email)[0][0])

    def attempts(self, email: str) -> int:
        """The counted guesses at the newest code of this address."""
        query = "SELECT attempts FROM challenge WHERE destination = :email ORDER BY created_at DESC LIMIT 1"
        return int(self.rows(query, email=email)[0][0])

    def rows(self, query: str, **values: object) -> list[Any]:
        """What the database says."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def kills(self, prepare: Callable[[], Kill], expected: set[str]) -> Iterator[Kill]:
        """The request that ``prepare`` makes ready, killed at each of its steps; at least the expected ones."""
        for step in range(MOST_STEPS):
            kill = prepare()
            if self.try_to(kill, f"kill {step}") is None:
                yield kill
                continue
            assert set(kill.done) >= expected, kill.done
            assert step == self.app.portal.steps()[-1][0] + 1 >= len(expected) - 1
            return
        raise AssertionError("a request without an end")

    def try_to(self, kill: Kill, order: str) -> TestResponse | None:
        """Make the request under this order; no answer where its worker was killed."""
        self.app.order = order
        try:
            answer = kill.act()
        except LOST:
            answer = None
        kill.done = [name for _number, name in self.app.portal.steps()][: None if answer else -1]
        return answer


def send_by_json(stage: Stage, email: str) -> Kill:
    """A JSON caller that asks for a code."""
    return Kill(email, stage.api, lambda: stage.api.send(email))


def send_by_page(stage: Stage, email: str) -> Kill:
    """A browser that asks for a code."""
    browser = stage.browser()
    browser.get("/login")
    return Kill(email, browser, lambda: browser.post("/login", {"email": email}))


def by_json(stage: Stage, email: str) -> Kill:
    """A JSON caller that has a code in hand."""
    stage.api.send(email)
    code = stage.code(email)
    return Kill(email, stage.api, lambda: stage.api.login(email, code))


def by_page(stage: Stage, email: str) -> Kill:
    """A browser that has a code in hand."""
    browser = stage.browser()
    browser.ask(email)
    code = stage.code(email)
    return Kill(email, browser, lambda: browser.enter(code))


def by_link(stage: Stage, email: str) -> Kill:
    """A browser that asked for a code and stands at the button of the letter's link."""
    browser = stage.browser()
    browser.ask(email)
    path = letter_link(stage.sink, email)
    browser.get(path)
    return Kill(email, browser, lambda: browser.post(path, {}))


def by_approval(stage: Stage, email: str) -> Kill:
    """A browser whose code was confirmed elsewhere, by the letter's link."""
    browser = stage.browser()
    browser.ask(email)
    press(stage.browser(), letter_link(stage.sink, email))
    return Kill(email, browser, lambda: browser.enter(""))


def seen(kill: Kill, answer: TestResponse) -> tuple[int, str]:
    """The status of an answer, and what the caller is told or where the browser is sent."""
    if isinstance(kill.by, ApiDriver):
        return answer.status_code, answer.headers.get("X-Error-Code", "")
    return answer.status_code, answer.location or kill.by.heading


def guess(stage: Stage, kill: Kill, step: int) -> Kill:
    """The same with another code: the right one is at step 0."""
    code = wrong_code(stage.code(kill.email), step)
    by_api = isinstance(kill.by, ApiDriver)
    return Kill(kill.email, kill.by, lambda: kill.by.login(kill.email, code) if by_api else kill.by.enter(code))


def by_json_form(stage: Stage, email: str) -> Kill:
    """A JSON caller whose address is proven and who sends the registration."""
    token = data_of(by_json(stage, email).act())["registrationToken"]
    names = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True}
    return Kill(email, stage.api, lambda: stage.api.post("complete-registration", names, token=token))


def by_page_form(stage: Stage, email: str) -> Kill:
    """A browser whose address is proven and that sends the registration."""
    kill = by_page(stage, email)
    kill.by.follow(kill.act())
    fields = {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "terms": "y",
        "registration": kill.by.hidden("registration"),
    }
    return Kill(email, kill.by, lambda: kill.by.post("/register", fields))


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)
