"""The scene of the matrix: everything that somebody can hold, and whether each of it still opens what it opened."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.sessions import GrantDraft
from auth_portal.signin.users import find_arriving
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, data_of
from tests.relying import ADA, RelyingParty
from tests.support.smtp import MailSink
from tests.test_consent import allow

OFFLINE = {"scope": "openid offline_access"}
SESSION, DEVICE = "portal-session", "portal-device"


class Scene:
    """Ada with two browsers, an API device, apps and a TV; a code of hers that waits; a newcomer. All are recent.

    ``credentials``: each by the name that it has in docs/sessions.md, with a look whether it is good. What a look
    changes, it changes for what it looks at only; the code that waits comes last, for it signs in.
    """

    def __init__(self, app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> None:
        self.app, self.outbox, self.clock = app, outbox, clock
        self.services = services_of(app)
        self.browser, self.other = BrowserDriver(app, outbox), BrowserDriver(app, outbox, "198.51.100.7")
        self.api, self.waiting = ApiDriver(app, outbox, "203.0.113.9"), BrowserDriver(app, outbox, "192.0.2.44")
        self.shop, self.mail, self.notes, self.tv = (
            RelyingParty(app, name=name, is_trusted=name == "Shop") for name in ("Shop", "Mail", "Notes", "TV")
        )
        newcomer = ApiDriver(app, outbox, "203.0.113.50").proven("new@example.com")
        self.browser.register(ADA)
        self.user_id = self._session_of(self.browser).user.id
        self.session_id = self._session_of(self.browser).id
        self.app_tokens = self.shop.sign_in(self.browser, **OFFLINE)
        self.offline = self._offline(self.browser, self.mail)
        clock.shift(1)
        self.other.prove(ADA)
        self.other_offline = self._offline(self.other, self.notes)
        clock.shift(1)
        services_of(app).background.wait()  # a notice must not be the newest letter
        self.tokens = self.api.proven(ADA)
        self.tv_token = self._let_tv_in()
        services_of(app).background.wait()
        self.waiting.ask(ADA)
        self.code = self.waiting.code_sent_to(ADA)
        self.credentials = self._looks(str(newcomer["registrationToken"]))

    def verdicts(self) -> dict[str, str]:
        """What becomes of each."""
        return {name: "lives" if is_good() else "dead" for name, is_good in self.credentials.items()}

    def _looks(self, registration: str) -> dict[str, Callable[[], bool]]:
        browser, other = self.browser.cookie(SESSION) or "", self.other.cookie(SESSION) or ""
        known, other_known = self.browser.cookie(DEVICE) or "", self.other.cookie(DEVICE) or ""
        names = {"firstName": "New", "lastName": "Comer", "acceptTerms": True}
        access, family = self.app_tokens["access_token"], self.app_tokens["refresh_token"]
        return {
            "browser": lambda: self.opens(browser),
            "its app's access token": lambda: self.shop.userinfo(access).status_code == 200,
            "its app's refresh token": lambda: self.shop.refresh(family).status_code == 200,
            "its app's offline token": lambda: self.mail.refresh(self.offline).status_code == 200,
            "API access token": lambda: self.is_taken(self.tokens["accessToken"]),
            "API refresh token": lambda: self.refresh() == 200,
            "other browser": lambda: self.opens(other),
            "its app's offline token there": lambda: self.notes.refresh(self.other_offline).status_code == 200,
            "TV's refresh token": lambda: self.tv.refresh(self.tv_token).status_code == 200,
            "browser is known": lambda: self.knows(known),
            "other browser is known": lambda: self.knows(other_known),
            "registration token": lambda: (
                self.api.post("complete-registration", names, token=registration).status_code == 201
            ),
            "code that waits": lambda: self.waiting.enter(self.code).location == "/account",
        }

    def opens(self, session_cookie: str) -> bool:
        """Whether this value is somebody's session."""
        stranger = BrowserDriver(self.app, self.outbox)
        stranger.client.set_cookie(SESSION, session_cookie)
        return stranger.get("/account").status_code == 200

    def is_taken(self, access_token: str) -> bool:
        """Whether the JSON API takes this token."""
        return self.api.call("GET", "me", token=access_token).status_code == 200

    def refresh(self) -> int:
        """Refresh the API device's tokens; the status."""
        answer = self.api.post("refresh-token", {"refreshToken": self.tokens["refreshToken"]})
        if answer.status_code == 200:
            self.tokens = data_of(answer)
        return answer.status_code

    def knows(self, device_cookie: str) -> bool:
        """Whether Ada would be known in a browser with this cookie (OTP-17)."""
        caller = Caller.browser("any", "192.0.2.1", device_secrets=[device_cookie])
        ada = self.services.users.find_by_id(self.user_id)
        assert ada is not None
        with self.services.engine.connect() as connection:
            found = find_arriving(connection, Destination("email", ada.email or ""), caller, 100)
        return found is not None and found.knows_browser

    def use_all(self) -> None:
        """Use everything that is somebody's sign-in, as its holder does."""
        for browser in (self.browser, self.other):
            assert browser.get("/account").status_code == 200
        assert self.refresh() == 200
        self.app_tokens = dict(self.shop.refresh(self.app_tokens["refresh_token"]).json)
        self.offline = self.mail.refresh(self.offline).json["refresh_token"]
        self.other_offline = self.notes.refresh(self.other_offline).json["refresh_token"]
        self.tv_token = self.tv.refresh(self.tv_token).json["refresh_token"]

    def let_pass(self, **time: float) -> None:
        """Let time go by; a process of the portal notes each minute what is over."""
        self.clock.shift(timedelta(**time))
        self.services.sessions.end_what_is_over()

    def _session_of(self, browser: BrowserDriver) -> Any:
        found = self.services.sessions.find_by_secret(browser.cookie(SESSION) or "")
        assert found is not None
        return found

    def _offline(self, browser: BrowserDriver, app: RelyingParty) -> str:
        """The refresh token of an app that may go on while Ada is signed out."""
        return str(allow(browser, app, **OFFLINE)["refresh_token"])

    def _let_tv_in(self) -> str:
        """The refresh token of a device that she let in."""
        grant_id = secrets.token_hex(16)
        draft = GrantDraft(
            id=grant_id,
            user_id=self.user_id,
            client_id=self.tv.id,
            parent_id=grant_id,
            scope=OFFLINE["scope"],
            parameters={},
            authenticated_at=utcnow(),
            channel="email",
            ttl=self.services.settings.refresh_token_ttl,
            is_offline=True,
        )
        with self.services.engine.begin() as connection:
            token = self.services.sessions.open_grant(connection, draft, is_refreshable=True)
        assert token is not None
        return token
