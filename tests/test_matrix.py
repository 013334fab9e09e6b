"""What ends what: each way to end something, against everything that somebody can hold (REF-07, SES-08, SES-10).

The table in docs/sessions.md says what becomes of each; a way is one line there and one in ``WAYS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask

from auth_portal.cli import portal
from auth_portal.settings import ROOT
from auth_portal.signin.refreshing import REFRESH_GRACE
from tests.conftest import Made, environment
from tests.drivers import AUTH, ApiDriver, BrowserDriver
from tests.ending import SESSION, Scene
from tests.operating import connections_closed
from tests.relying import ADA
from tests.support.letters import text_of
from tests.support.smtp import MailSink

PAGE = "/account/sessions"
NEW = "ada@new.example"


def by_page(path: str, browser: str = "browser") -> Callable[[Scene], None]:
    """Press a button, in this browser of the scene."""

    def act(scene: Scene) -> None:
        person: BrowserDriver = getattr(scene, browser)
        person.get(PAGE)
        assert person.post(path.format(session=scene.session_id, shop=scene.shop.id), {}).status_code == 303

    return act


def by_api(method: str, path: str) -> Callable[[Scene], None]:
    """Call the JSON API with the device's access token."""

    def act(scene: Scene) -> None:
        url = f"{AUTH}/{path}".format(session=scene.session_id)
        assert scene.api.call(method, url, token=scene.tokens["accessToken"]).status_code == 200

    return act


def by_command(*words: str) -> Callable[[Scene], None]:
    """Run ``auth-portal user …``."""

    def act(scene: Scene) -> None:
        given = [word.format(session=scene.session_id) for word in words]
        url = scene.services.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        with connections_closed():
            result = CliRunner().invoke(portal, ["user", *given], env=environment(url, "smtp://127.0.0.1:1"))
        assert result.exit_code == 0, result.output

    return act


def app_signs_out(scene: Scene) -> None:
    """RP-initiated logout, with the ID token as the hint."""
    answer = scene.browser.get(f"/oauth/logout?id_token_hint={scene.app_tokens['id_token']}")
    assert answer.status_code == 200


def app_revokes(scene: Scene) -> None:
    """The app gives its token back."""
    assert scene.shop.post("/oauth/revoke", {"token": scene.app_tokens["refresh_token"]}).status_code == 200


def api_token_is_replayed(scene: Scene) -> None:
    """A refresh token comes again, later than a lost answer explains."""
    former = scene.tokens["refreshToken"]
    assert scene.refresh() == 200
    scene.clock.shift(REFRESH_GRACE + timedelta(seconds=1))
    assert scene.api.post("refresh-token", {"refreshToken": former}).status_code == 401


def app_token_is_replayed(scene: Scene) -> None:
    """The same with an app's."""
    former = scene.app_tokens["refresh_token"]
    scene.app_tokens |= scene.shop.refresh(former).json
    scene.clock.shift(REFRESH_GRACE + timedelta(seconds=1))
    assert scene.shop.refresh(former).status_code == 400


def code_is_typed_again(scene: Scene) -> None:
    """The person proves themself before something sensitive."""
    scene.clock.shift(1)
    scene.browser.get("/account/confirm")
    scene.browser.follow(scene.browser.post("/account/confirm", {}))
    assert scene.browser.enter(scene.browser.code_sent_to(ADA)).status_code == 303


def somebody_else_signs_in(scene: Scene) -> None:
    """In the same browser."""
    scene.browser.register("bob@example.com")
    assert scene.browser.cookie(SESSION)


def one_more_signs_in(scene: Scene) -> None:
    """The portal of the scene affords three; the browser was used least lately."""
    scene.clock.shift(60)
    scene.other.get("/account")
    ApiDriver(scene.app, scene.outbox, "203.0.113.99").proven(ADA)


def a_month_of_use(scene: Scene) -> None:
    """Everything is used again and again until its end."""
    for _ in range(5):
        scene.let_pass(days=5)
        scene.use_all()
    scene.let_pass(days=5)


def address_changes(**more: object) -> Callable[[Scene], None]:
    """Another main address is proven, by the API device."""

    def act(scene: Scene) -> None:
        scene.clock.shift(1)
        token = scene.tokens["accessToken"]
        assert scene.api.post("me/email", {"email": NEW}, token=token).status_code == 201
        body = {"email": NEW, "code": scene.api.code_sent_to(NEW), **more}
        assert scene.api.post("me/email/verify", body, token=token).status_code == 200

    return act


def change_is_undone(scene: Scene) -> None:
    """By the button behind the link that the former address was sent."""
    address_changes()(scene)
    scene.services.background.wait()
    link = re.search(r"/account/undo/[^\s]+", text_of(scene.outbox.sent_to(ADA)[-1]))
    assert link is not None
    stranger = BrowserDriver(scene.app, scene.outbox, "192.0.2.99")
    stranger.get(link[0])
    assert stranger.post(link[0], {}).status_code in (200, 303)


WAYS: dict[str, Callable[[Scene], None]] = {
    "sign out on the page": by_page("/logout"),
    "an app signs out (`/oauth/logout`)": app_signs_out,
    "`POST logout` by the API device": by_api("POST", "logout"),
    "end the browser, from the other browser": by_page(PAGE + "/{session}/end", "other"),
    "`DELETE sessions/{id}`: the browser, by the API device": by_api("DELETE", "sessions/{session}"),
    "sign out everywhere else, in the browser": by_page(PAGE + "/end-others"),
    "`POST logout-others` by the API device": by_api("POST", "logout-others"),
    "sign out everywhere": by_page(PAGE + "/end-all"),
    "`POST logout-all`": by_api("POST", "logout-all"),
    "`user sign-out WHO SESSION`: the browser": by_command("sign-out", ADA, "{session}"),
    "`user sign-out WHO`": by_command("sign-out", ADA),
    "`user suspend WHO`": by_command("suspend", ADA),
    "`DELETE me`": by_api("DELETE", "me"),
    "the main address is changed": address_changes(),
    "the same with `endOtherSessions`": address_changes(endOtherSessions=True),
    "a change of address is undone": change_is_undone,
    "one more than `SESSIONS_PER_USER` signs in": one_more_signs_in,
    "a code typed again in the browser": code_is_typed_again,
    "somebody else signs in with the browser": somebody_else_signs_in,
    "an API refresh token is replayed": api_token_is_replayed,
    "an app's refresh token is replayed": app_token_is_replayed,
    "take an app's access back": by_page("/account/apps/{shop}/withdraw"),
    "an app revokes its token": app_revokes,
    "a week without use (`SESSION_IDLE_TTL`)": lambda scene: scene.let_pass(days=7),
    "two weeks without use (`REFRESH_IDLE_TTL`)": lambda scene: scene.let_pass(days=14),
    "a month of use (`SESSION_TTL`, `REFRESH_TOKEN_TTL`)": a_month_of_use,
}


def documented() -> dict[str, dict[str, str]]:
    """The table of the document: what becomes of each credential, by the way."""
    text = (ROOT / "docs" / "sessions.md").read_text("utf-8").partition("## What ends what")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.M)]
    (_, *names), _rule, *lines = rows
    assert {len(line) for line in lines} == {len(names) + 1}
    return {way: dict(zip(names, cells, strict=True)) for way, *cells in lines}


@pytest.fixture
def scene(clock: time_machine.Traveller, make_app: Made, outbox: MailSink) -> Scene:
    """A portal where three sessions are the most; the clock stands still."""
    app: Flask = make_app(sessions_per_user=3)
    return Scene(app, outbox, clock)


def test_the_document_has_each_way_once() -> None:
    assert list(documented()) == list(WAYS)


def test_before_anything_ends_everything_lives(scene: Scene) -> None:
    assert set(scene.verdicts().values()) == {"lives"}


@pytest.mark.parametrize("way", WAYS)
def test_what_ends_what(scene: Scene, way: str) -> None:
    WAYS[way](scene)
    assert scene.verdicts() == documented()[way]
