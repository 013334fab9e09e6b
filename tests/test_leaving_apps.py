"""What becomes of connected apps when their person leaves, and of sign-ins for apps then (PRIV-03, SES-10)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.events import OPERATOR
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.guarding import SiteBrowser, register_site
from tests.leaving import ADA, Life, link_in, user_id_of
from tests.relying import DEVICE_GRANT, RelyingParty, answer_in, shop, through_sign_in
from tests.support.receiver import Receiver
from tests.support.smtp import MailSink
from tests.telling import receiver

__all__ = ["receiver", "shop"]


@pytest.fixture
def life(app: Flask, outbox: MailSink, clock: time_machine.Traveller) -> Life:
    """Ada and her apps."""
    return Life(app, outbox, clock)


def leave(app: Flask, email: str = ADA) -> None:
    """The person's account is deleted, from another device."""
    services_of(app).leaving.request(user_id_of(app, email), OPERATOR)


def introspected(app: RelyingParty, token: str) -> Any:
    """What the portal says of a token."""
    return app.post("/oauth/introspect", {"token": token}).json


def polled(life: Life) -> Any:
    """What the device that waits is told."""
    fields = {"grant_type": DEVICE_GRANT, "device_code": life.waiting.device_code}
    return life.shop.post("/oauth/token", fields).json


def test_tokens_and_codes_of_apps_are_worthless_at_once(life: Life) -> None:
    """Offline access too, and what could still be exchanged."""
    leave(life.app)
    for party, tokens in ((life.shop, life.shop_tokens), (life.blog, life.blog_tokens)):
        assert party.userinfo(tokens["access_token"]).status_code == 401
        assert introspected(party, tokens["access_token"]) == {"active": False}
    assert life.shop.refresh(life.shop_tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert introspected(life.shop, life.shop_tokens["refresh_token"]) == {"active": False}
    assert life.shop.exchange(life.code).json["error"] == "invalid_grant"
    assert polled(life)["error"] == "access_denied"


def test_they_stay_worthless_when_the_deletion_is_taken_back(life: Life) -> None:
    leave(life.app)
    assert services_of(life.app).leaving.restore_user(life.user_id, OPERATOR)
    assert life.shop.userinfo(life.shop_tokens["access_token"]).status_code == 401
    assert life.shop.refresh(life.shop_tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert life.shop.exchange(life.code).json["error"] == "invalid_grant"
    assert polled(life)["error"] == "access_denied"


def test_a_suspended_person_loses_what_apps_could_still_exchange(life: Life) -> None:
    """SES-10: restored within minutes, nothing of before comes to life."""
    services_of(life.app).users.suspend(life.user_id)
    services_of(life.app).users.restore(life.user_id)
    assert life.shop.refresh(life.shop_tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert life.shop.exchange(life.code).json["error"] == "invalid_grant"
    assert polled(life)["error"] == "access_denied"


def test_consents_are_kept_until_the_account_is_erased(life: Life) -> None:
    """Whoever comes back need not allow everything again."""
    leave(life.app)
    services_of(life.app).leaving.restore_user(life.user_id, OPERATOR)
    assert services_of(life.app).consents.find(life.user_id, life.blog.id) == {"openid", "email", "profile"}


def test_apps_are_told_that_every_session_ended(
    app: Flask, browser: BrowserDriver, receiver: Receiver, outbox: MailSink
) -> None:
    """PRIV-03, OP-55: by the page's own request; nobody waits for it."""
    browser.register(ADA)
    shop = RelyingParty(app, backchannel_logout_uri=receiver.url)
    session_id = shop.claims(shop.sign_in(browser)["id_token"])["sid"]
    browser.get("/account/delete")
    browser.post("/account/delete", {"sure": "y"})
    (asked,) = receiver.wait_for(1)
    (token,) = asked.fields["logout_token"]
    assert shop.claims(token)["sid"] == session_id


def test_a_guarded_site_lets_nobody_in_any_more(app: Flask, browser: BrowserDriver) -> None:
    """Forward-auth."""
    browser.register(ADA)
    register_site(app)
    site = SiteBrowser(app)
    site.sign_in(browser)
    assert site.ask().status_code == 200
    leave(app)
    assert site.ask().status_code != 200


def test_whoever_comes_back_for_an_app_gets_there(
    app: Flask, shop: RelyingParty, browser: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """The request of the app is not lost on the way: code, link, button, code again."""
    browser.register(ADA)
    leave(app)
    services_of(app).background.wait()
    clock.shift(60)
    start = browser.get(shop.address())
    browser.follow(start)
    request = {"request": browser.hidden("request") or ""}
    browser.follow(browser.post("/login", {"email": ADA, **request}))
    code = {"code": browser.code_sent_to(ADA), "challenge": browser.hidden("challenge") or "", **request}
    answer = browser.post("/login/code", code)
    path, _, query = answer.location.partition("?")
    assert query == f"request={request['request']}"
    browser.follow(answer)
    assert "Demo Shop" in browser.page
    answer = browser.post(answer.location, {})
    clock.shift(31)
    assert "code" in answer_in(through_sign_in(browser, answer, ADA))
    assert path == link_in(next(mail for mail in outbox.sent_to(ADA) if "Your account" in mail.parsed["subject"]))
