"""What people are asked before an app gets anything, and how they take it back (OP-14, OP-16, OP-22, OP-23)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.signin.events import PORTAL
from tests.conftest import services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, RelyingParty, answer_in, request_id_in, through_sign_in
from tests.support.api import in_parallel
from tests.support.smtp import MailSink

BOB = "bob@example.com"
PRIVATE = "com.example.shop:/callback"
LOOPBACK = "http://127.0.0.1/callback"
ASKED, CHOOSER, NOT_ADMITTED = "Allow Demo Shop?", "Who goes on?", "Not for this address"


@pytest.fixture
def shop(app: Flask) -> RelyingParty:
    """An app that the operator does not vouch for."""
    return RelyingParty(app, is_trusted=False)


@pytest.fixture
def ada(browser: BrowserDriver) -> BrowserDriver:
    """Ada's browser, signed in."""
    browser.register(ADA)
    return browser


def ask(person: BrowserDriver, shop: RelyingParty, **parameters: Any) -> str:
    """The app sends a person who is signed in; the id of the request, whose page is open."""
    answer = person.get(shop.address(**parameters))
    assert answer.location.startswith("/oauth/"), answer.location
    person.follow(answer)
    return request_id_in(answer.location)


def decide(person: BrowserDriver, request_id: str, answer: str = "allow") -> dict[str, str]:
    """Press a button of the consent page; what the app is told."""
    given: TestResponse = person.post(f"/oauth/consent/{request_id}", {"answer": answer})
    return answer_in(person.follow(given) if given.location.startswith("/") else given)


def allow(person: BrowserDriver, shop: RelyingParty, **parameters: Any) -> dict[str, Any]:
    """Consent to all of it; the tokens."""
    code = decide(person, ask(person, shop, **parameters))["code"]
    return dict(shop.exchange(code).json)


def test_a_person_is_asked_once(shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-22: who, and what for, in plain words."""
    request_id = ask(ada, shop, scope="openid profile email")
    assert ada.heading == ASKED
    for words in ("shop.example", ADA, "See your name", "See your email address", "take it back"):
        assert words in ada.page
    assert "offline" not in ada.page
    assert shop.exchange(decide(ada, request_id)["code"]).status_code == 200
    assert "code" in answer_in(ada.get(shop.address(scope="openid profile email")))
    assert "code" in answer_in(ada.get(shop.address(scope="openid email")))


def test_another_browser_of_the_person_is_not_asked_again(
    app: Flask, outbox: MailSink, shop: RelyingParty, ada: BrowserDriver
) -> None:
    allow(ada, shop)
    elsewhere = BrowserDriver(app, outbox, "198.51.100.7")
    assert "code" in answer_in(through_sign_in(elsewhere, elsewhere.get(shop.address())))


def test_one_persons_consent_is_not_anothers(
    app: Flask, outbox: MailSink, shop: RelyingParty, ada: BrowserDriver
) -> None:
    allow(ada, shop)
    bob = BrowserDriver(app, outbox)
    bob.register(BOB)
    ask(bob, shop)
    assert bob.heading == ASKED


def test_one_apps_consent_is_not_anothers(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    allow(ada, shop)
    ask(ada, RelyingParty(app, name="Demo Shop", is_trusted=False))
    assert ada.heading == ASKED


def test_a_new_scope_is_asked_for_and_marked(shop: RelyingParty, ada: BrowserDriver) -> None:
    allow(ada, shop, scope="openid email")
    request_id = ask(ada, shop, scope="openid email profile")
    assert ada.heading == ASKED
    new = [line for line in ada.page.splitlines() if 'class="tag"' in line]
    assert len(new) == 1
    assert "See your name" in new[0]
    decide(ada, request_id)
    assert "code" in answer_in(ada.get(shop.address(scope="profile openid email")))


def test_a_refusal_reaches_the_app_and_is_not_remembered(shop: RelyingParty, ada: BrowserDriver) -> None:
    answer = decide(ada, ask(ada, shop), "refuse")
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("state-of-the-app", shop.issuer)
    ask(ada, shop)
    assert ada.heading == ASKED


def test_a_refusal_of_more_leaves_what_was_allowed(shop: RelyingParty, ada: BrowserDriver) -> None:
    tokens = allow(ada, shop, scope="openid email")
    decide(ada, ask(ada, shop, scope="openid email profile"), "refuse")
    assert shop.userinfo(tokens["access_token"]).status_code == 200
    assert "code" in answer_in(ada.get(shop.address(scope="openid email")))


@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_app_may_want_people_to_be_asked_always(app: Flask, ada: BrowserDriver, is_trusted: bool) -> None:
    """OP-16: prompt=consent."""
    shop = RelyingParty(app, is_trusted=is_trusted)
    for _ in range(2):
        allow(ada, shop, prompt="consent")


def test_a_trusted_app_asks_nobody(app: Flask, ada: BrowserDriver) -> None:
    assert "code" in answer_in(ada.get(RelyingParty(app).address()))


@pytest.mark.parametrize(
    ("registered", "used", "is_asked_again"),
    [
        (PRIVATE, PRIVATE, True),
        (LOOPBACK, "http://127.0.0.1:51234/callback", True),
        (CALLBACK, CALLBACK, False),
    ],
    ids=["private scheme", "loopback", "claimed https"],
)
def test_apps_that_can_be_imitated_are_asked_about_each_time(
    app: Flask, ada: BrowserDriver, registered: str, used: str, is_asked_again: bool
) -> None:
    """RFC 8252, 8.6: any app on the device could claim such an address."""
    shop = RelyingParty(app, auth_method="none", is_trusted=False, redirect_uris=[registered])
    decide(ada, ask(ada, shop, redirect_uri=used))
    answer = ada.get(shop.address(redirect_uri=used))
    assert answer.location.startswith("/oauth/consent/" if is_asked_again else used)
    quiet = answer_in(ada.get(shop.address(redirect_uri=used, prompt="none")))
    assert quiet.get("error") == ("consent_required" if is_asked_again else None)


def test_without_a_page_an_app_learns_what_is_missing(
    app: Flask, outbox: MailSink, shop: RelyingParty, ada: BrowserDriver
) -> None:
    """OP-14."""

    def quietly(person: BrowserDriver, **parameters: str) -> str | None:
        return answer_in(person.get(shop.address(**{"prompt": "none", **parameters}))).get("error")

    assert quietly(BrowserDriver(app, outbox)) == "login_required"
    assert quietly(ada) == "consent_required"
    allow(ada, shop, scope="openid email")
    assert quietly(ada, scope="openid email") is None
    assert quietly(ada, scope="openid email profile") == "consent_required"
    assert quietly(ada, prompt="none login") == "invalid_request"
    assert quietly(ada, prompt="whatever") == "invalid_request"


def test_a_person_may_go_on_as_who_is_signed_in(app: Flask, ada: BrowserDriver) -> None:
    """OP-16: select_account."""
    shop = RelyingParty(app)
    request_id = ask(ada, shop, prompt="select_account")
    assert ada.heading == CHOOSER
    assert ADA in ada.page
    assert "code" in answer_in(ada.follow(ada.post(f"/oauth/choose/{request_id}", {})))


def test_a_person_may_go_on_as_somebody_else(app: Flask, outbox: MailSink, ada: BrowserDriver) -> None:
    BrowserDriver(app, outbox, "198.51.100.7").register(BOB)
    shop = RelyingParty(app)
    answer = ada.get(shop.address(prompt="select_account"))
    ada.follow(answer)
    assert f"/login?request={request_id_in(answer.location)}" in ada.page
    start = ada.get(f"/oauth/authorize/{request_id_in(answer.location)}")
    assert start.location.startswith("/oauth/choose/")
    ada.get(f"/login?request={request_id_in(answer.location)}")
    ada.follow(ada.post("/login", {"email": BOB, "request": ada.hidden("request") or ""}))
    code = {"code": ada.code_sent_to(BOB), "challenge": ada.hidden("challenge") or ""}
    tokens = shop.exchange(answer_in(ada.follow(ada.post("/login/code", code)))["code"]).json
    assert tokens is not None
    assert shop.userinfo(tokens["access_token"]).json["email"] == BOB


def test_connected_apps_are_listed(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-23: those that were allowed something, and the trusted ones that are used."""
    ada.get("/account/apps")
    assert "No app uses your account." in ada.page
    allow(ada, shop, scope="openid email")
    RelyingParty(app, name="House Blog").sign_in(ada)
    RelyingParty(app, name="Never Used")
    ada.get("/account/apps")
    assert "Demo Shop" in ada.page
    assert "House Blog" in ada.page
    assert "Never Used" not in ada.page
    assert "See your email address" in ada.page


def test_taking_access_back_ends_it_at_once(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    """OP-23: the app's tokens are dead, others' live, and it is asked for again."""
    tokens = allow(ada, shop, scope="openid offline_access")
    blog = RelyingParty(app, name="House Blog")
    others = blog.sign_in(ada)
    ada.get("/account/apps")
    ada.follow(ada.post(f"/account/apps/{shop.id}/withdraw", {}))
    assert ada.notice == "The app has no access any more."
    assert "Demo Shop" not in ada.page
    assert shop.userinfo(tokens["access_token"]).status_code == 401
    assert shop.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert blog.userinfo(others["access_token"]).status_code == 200
    ask(ada, shop, scope="openid")
    assert ada.heading == ASKED


def test_a_code_on_its_way_dies_with_the_consent(shop: RelyingParty, ada: BrowserDriver) -> None:
    code = decide(ada, ask(ada, shop))["code"]
    ada.get("/account/apps")
    ada.post(f"/account/apps/{shop.id}/withdraw", {})
    assert shop.exchange(code).json["error"] == "invalid_grant"


def test_nobody_takes_back_what_another_person_allowed(
    app: Flask, outbox: MailSink, shop: RelyingParty, ada: BrowserDriver
) -> None:
    tokens = allow(ada, shop)
    bob = BrowserDriver(app, outbox)
    bob.register(BOB)
    bob.post(f"/account/apps/{shop.id}/withdraw", {})
    assert shop.userinfo(tokens["access_token"]).status_code == 200


@pytest.mark.parametrize("client_id", ["portal", "no-such-app", "%00", "a%00b", "x" * 300])
def test_taking_back_what_is_no_app_does_nothing(ada: BrowserDriver, client_id: str) -> None:
    """SES-11: by the portal's own name it would sign the person out everywhere, without a code."""
    ada.get("/account/apps")
    assert ada.post(f"/account/apps/{client_id}/withdraw", {}).location == "/account/apps"
    assert ada.get("/account/apps").status_code == 200


def test_who_is_not_admitted_is_told_so_and_may_be_somebody_else(
    app: Flask, outbox: MailSink, ada: BrowserDriver
) -> None:
    BrowserDriver(app, outbox, "198.51.100.7").register("eve@staff.example")
    shop = RelyingParty(app, access={"allow": ["*@staff.example"]})
    answer = ada.get(shop.address())
    assert ada.follow(answer).status_code == 403
    assert ada.heading == NOT_ADMITTED
    assert ADA in ada.page
    request_id = request_id_in(answer.location)
    ada.get(f"/login?request={request_id}")
    ada.follow(ada.post("/login", {"email": "eve@staff.example", "request": request_id}))
    code = {"code": ada.code_sent_to("eve@staff.example"), "challenge": ada.hidden("challenge") or ""}
    assert "code" in answer_in(ada.follow(ada.post("/login/code", code)))


def test_who_is_not_admitted_can_go_back_to_the_app(app: Flask, ada: BrowserDriver) -> None:
    shop = RelyingParty(app, access={"allow": ["bob@example.com"]})
    request_id = ask(ada, shop)
    assert answer_in(ada.post(f"/oauth/cancel/{request_id}", {}))["error"] == "access_denied"
    assert answer_in(ada.get(shop.address(prompt="none")))["error"] == "access_denied"


def test_what_two_tabs_allow_at_once_is_all_kept(app: Flask, shop: RelyingParty, ada: BrowserDriver) -> None:
    consents, user_id = services_of(app).consents, services_of(app).users.newest(1)[0].id
    scopes = [f"scope{number}" for number in range(8)]
    in_parallel([lambda scope=scope: consents.allow(user_id, shop.id, ["openid", scope], PORTAL) for scope in scopes])
    assert consents.find(user_id, shop.id) == {"openid", *scopes}
