"""How tests leave: links of letters, and a person of whom every table of the portal knows something."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import time_machine
from flask import Flask
from sqlalchemy import Engine, insert, select, update

from auth_portal.db import Model, autocommit, utcnow
from auth_portal.models import Identifier, IdentifierChange, PairwiseSubject, Registration, Session, User
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller, session_caller
from auth_portal.signin.events import PORTAL
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of, wrong_code
from tests.relying import RelyingParty
from tests.support.letters import ReceivedMail, code_in, html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada.of-ockham+1815@example.com"
NUMBER = "+905551112233"
FORMER = "former.ada@example.com"
ADDED = "added.ada@example.com"
FIRST, LAST = "Şükrü", "İpek-Õhara"
COMPANY = "Çağrı & Düşler"
DAY, WEEK = timedelta(days=1), timedelta(days=7)
SINGLE = "198.51.100.77"
_LINK = re.compile(r"http://127\.0\.0\.1:[0-9]+(/account/restore/[A-Za-z0-9_-]+)$", re.MULTILINE)


def link_in(letter: ReceivedMail) -> str:
    """The path of the link that takes a deletion back; both parts of the letter have it."""
    found = _LINK.search(text_of(letter))
    assert found is not None, text_of(letter)
    assert f'{found[1]}"' in html_of(letter)
    return found[1]


def goodbyes(app: Flask, outbox: MailSink, email: str) -> list[ReceivedMail]:
    """The letters to this address that take a deletion back, in whatever language, once all were sent."""
    services_of(app).background.wait()
    return [mail for mail in outbox.sent_to(email) if _LINK.search(text_of(mail))]


def user_id_of(app: Flask, email: str) -> str:
    """The subject of whoever has this address."""
    found = services_of(app).users.find_by_destination(Destination("email", email))
    assert found is not None
    return found.id


def every_value(engine: Engine) -> dict[str, list[str]]:
    """All that is stored, as text, by table and column."""
    found: dict[str, list[str]] = {}
    with autocommit(engine).connect() as connection:
        for table in Model.metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    found.setdefault(f"{table.name}.{column}", []).append(_as_text(value))
    return found


def found_in(values: dict[str, list[str]], needle: str) -> set[str]:
    """The columns that hold this text, in whatever case."""
    return {column for column, texts in values.items() if any(needle.casefold() in text for text in texts)}


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1").casefold()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return text.casefold()


@dataclass
class Life:
    """Ada: registered, signed in by browser and API, with apps, attackers, and all that she has changed."""

    app: Flask
    outbox: MailSink
    clock: time_machine.Traveller
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = services_of(self.app)
        self.engine = self.services.engine
        self.browser = BrowserDriver(self.app, self.outbox, SINGLE)
        self.api = ApiDriver(self.app, self.outbox, SINGLE)
        self.browser.register(ADA, FIRST, LAST)
        self.user_id = user_id_of(self.app, ADA)
        self._be_more()
        self._use_the_api()
        self._use_apps()
        self._be_attacked()
        self._add_an_address()
        self._remember_names()

    def _be_more(self) -> None:
        """What other pages of the account do: a number, a former address, fields of the portal's own."""
        now = utcnow()
        change = {"id": "c" * 32, "user_id": self.user_id, "channel": "email", "former": FORMER, "current": ADA}
        times = {"former_verified_at": now, "changed_at": now, "undo_until": now + 30 * DAY}
        number = {"channel": "sms", "value": NUMBER, "user_id": self.user_id, "rank": 0, "verified_at": now}
        begun = {"id": "r" * 32, "channel": "email", "destination": FORMER, "created_at": now}
        with self.engine.begin() as connection:
            connection.execute(insert(IdentifierChange), change | times)
            connection.execute(insert(Identifier), number)
            connection.execute(insert(Registration), begun | {"expires_at": now + DAY})
            connection.execute(update(User).where(User.id == self.user_id).values(fields={"company": COMPANY}))

    def _use_the_api(self) -> None:
        self.clock.shift(31)
        self.tokens = self.api.proven(ADA)
        self.tokens = data_of(self.api.post("refresh-token", {"refreshToken": self.tokens["refreshToken"]}))
        self.api.call("GET", "me/export", token=self.tokens["accessToken"])

    def _use_apps(self) -> None:
        self.shop = RelyingParty(self.app, backchannel_logout_uri="http://127.0.0.1:9/logout")
        self.blog = RelyingParty(self.app, name="Blog", sector="blogs.example", is_trusted=False)
        self.services.consents.allow(self.user_id, self.blog.id, ["openid", "email", "profile"], PORTAL)
        self.shop_tokens = self.shop.sign_in(self.browser, scope="openid email offline_access")
        self.blog_tokens = self.blog.sign_in(self.browser)
        self.code = self.shop.code_for(self.browser)
        self.waiting = self.services.device_codes.issue(
            self.shop.client, "openid", {"device": "Firefox/Linux", "network": SINGLE}
        )
        device = self.services.device_codes.find(self.waiting.device_code)
        assert device is not None
        self.services.device_codes.answer(device, self.session, is_approved=True)
        stranger = BrowserDriver(self.app, self.outbox, "203.0.113.200")
        for hint in ({"login_hint": ADA.upper()}, {"id_token_hint": self.shop_tokens["id_token"]}):
            assert stranger.get(self.shop.address(**hint)).status_code == 303
        self._begin_a_sign_in()

    def _begin_a_sign_in(self) -> None:
        """Come from an app that wants a proof, and ask for a code."""
        self.clock.shift(31)
        self.browser.follow(self.browser.get(self.shop.address(prompt="login")))
        answer = self.browser.post("/login", {"email": ADA, "request": self.browser.hidden("request") or ""})
        assert answer.status_code == 303, answer.text

    def _be_attacked(self) -> None:
        """Wrong codes of many networks, by which the next codes get long; and more codes than an inbox gets."""
        for host in range(1, 9):
            attacker = self.api.at(f"203.0.113.{host}")
            answer = attacker.send(ADA)
            assert answer.status_code == 201, answer.text
            for step in range(2):
                attacker.login(ADA, wrong_code(self._newest_code(), step + 1))
        self.services.background.wait()

    def _add_an_address(self) -> None:
        caller = session_caller(self.session.id, Caller.browser("secret", SINGLE, "Firefox/Linux"))
        self.services.otp.send_code(Destination("email", ADDED), caller, "en")

    def _newest_code(self) -> str:
        return next(code_in(mail) for mail in reversed(self.outbox.sent_to(ADA)) if "/not-me/" in text_of(mail))

    @property
    def session(self) -> Any:
        """The browser's session."""
        found = self.services.sessions.find_by_secret(self.browser.cookie("portal-session") or "")
        assert found is not None
        return found

    def _remember_names(self) -> None:
        """All by which she could be known again."""
        with self.engine.connect() as connection:
            sessions = connection.execute(select(Session.id).where(Session.user_id == self.user_id)).scalars().all()
            pairwise = connection.execute(select(PairwiseSubject.subject)).scalar_one()
        self.names = {
            "address": "ada.of-ockham",
            "number": NUMBER[1:],
            "former address": FORMER,
            "added address": ADDED,
            "first name": FIRST,
            "last name": LAST,
            "company": COMPANY,
            "subject": self.user_id,
            "pairwise subject": pairwise,
            "network": SINGLE.rpartition(".")[0],
            **{f"session {number}": session for number, session in enumerate(sessions)},
        }
        assert len(sessions) == 4
