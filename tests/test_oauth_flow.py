"""An authorization request under way: bound to its browser, unchangeable, answered once, to nobody else (OP-30)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
import structlog
from flask import Flask
from werkzeug.test import TestResponse

from auth_portal.web import logging
from tests.conftest import Made
from tests.drivers import BrowserDriver
from tests.relying import ADA, CALLBACK, GOODBYE, RelyingParty, ada, answer_in, assert_page, request_id_in, shop
from tests.support.smtp import MailSink

__all__ = ["ada", "shop"]
ELSEWHERE = "https://evil.example"


def test_hidden_fields_and_addresses_change_nothing_of_a_stored_request(
    app: Flask, outbox: MailSink, shop: RelyingParty
) -> None:
    """OP-30: whatever a page, or whoever changes it, sends along."""
    other = RelyingParty(app, name="Evil", redirect_uris=["https://evil.example/cb"])
    asking = RelyingParty(app, is_trusted=False)
    person = BrowserDriver(app, outbox)
    person.register(ADA)
    start = person.get(asking.address(scope="openid"))
    request_id = request_id_in(start.location)
    more = f"client_id={other.id}&redirect_uri=https://evil.example/cb&scope=openid+email&state=x&next={ELSEWHERE}"
    person.get(f"/oauth/consent/{request_id}?{more}")
    forged = {"answer": "allow", "scope": "openid email", "client_id": other.id, "redirect_uri": ELSEWHERE}
    answer = person.post(f"/oauth/consent/{request_id}?{more}", forged)
    end = person.get(f"{answer.location}?{more}")
    assert end.location.startswith(f"{CALLBACK}?")
    given = answer_in(end)
    assert given["state"] == "state-of-the-app"
    assert asking.exchange(given["code"]).json["scope"] == "openid"
    assert shop.exchange(given["code"]).status_code == 400


def test_another_browsers_request_is_nothing(app: Flask, outbox: MailSink, ada: BrowserDriver) -> None:
    """OP-30: an id opens nothing elsewhere, whatever is tried with it."""
    asking = RelyingParty(app, is_trusted=False)
    request_id = request_id_in(ada.get(asking.address()).location)
    eve = BrowserDriver(app, outbox)
    eve.register("eve@example.com")
    eve.get("/account")
    for path in ("authorize", "consent", "choose", "not-admitted", "logout"):
        assert eve.get(f"/oauth/{path}/{request_id}").status_code == 410
    for path in ("consent", "choose", "cancel", "logout"):
        eve.get("/account")
        assert eve.post(f"/oauth/{path}/{request_id}", {"answer": "allow"}).status_code == 410
    assert eve.get(f"/login?request={request_id}").status_code in (200, 303)
    assert "Demo Shop" not in eve.page
    ada.get(f"/oauth/consent/{request_id}")
    assert "Demo Shop" in ada.page


def test_a_consent_out_of_turn_or_without_the_forms_token_is_none(app: Flask, ada: BrowserDriver) -> None:
    """OP-22, OP-30."""
    asking = RelyingParty(app, is_trusted=False)
    login_id = request_id_in(ada.get(asking.address(prompt="login")).location)
    ada.get("/account")
    answer = ada.post(f"/oauth/consent/{login_id}", {"answer": "allow"})
    assert answer.location.endswith(f"/oauth/authorize/{login_id}")
    assert "/login" in ada.get(answer.location).location, "consent for another step was taken"
    request_id = request_id_in(ada.get(asking.address()).location)
    for path in ("consent", "cancel"):
        for data in ({}, {"csrf_token": "forged"}):
            forged = ada.client.post(f"/oauth/{path}/{request_id}", data={"answer": "allow", **data})
            assert forged.status_code == 403
    ada.get(f"/oauth/consent/{request_id}")
    cross = ada.post(f"/oauth/consent/{request_id}", {"answer": "allow"}, Sec_Fetch_Site="cross-site")
    assert cross.status_code == 403
    assert ada.get(f"/oauth/authorize/{request_id}").location.endswith(f"/oauth/consent/{request_id}")


def test_an_answered_request_is_answered_once(app: Flask, ada: BrowserDriver) -> None:
    """OP-30."""
    asking = RelyingParty(app, is_trusted=False)
    request_id = request_id_in(ada.get(asking.address()).location)
    ada.get(f"/oauth/consent/{request_id}")
    ada.post(f"/oauth/consent/{request_id}", {"answer": "allow"})
    assert "code" in answer_in(ada.get(f"/oauth/authorize/{request_id}"))
    for _ in range(2):
        assert ada.get(f"/oauth/authorize/{request_id}").status_code == 410
    ada.get("/account")
    again = ada.post(f"/oauth/consent/{request_id}", {"answer": "allow"})
    assert again.status_code in (303, 410)
    assert ada.post(f"/oauth/cancel/{request_id}", {}).status_code == 410


NAMES = ("next", "request", "url", "return_to", "redirect_uri", "post_logout_redirect_uri", "rd", "continue", "state")
PAGES = ("/login", "/login/code", "/register", "/account", "/oauth/logout", "/device", "/oauth/authorize", "/")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("target", [ELSEWHERE, "//evil.example", "/\\evil.example", "https:evil.example"])
def test_no_parameter_of_a_page_leads_to_another_site(
    target: str, page: str, app: Flask, ada: BrowserDriver, outbox: MailSink
) -> None:
    """OP-02."""
    for person in (ada, BrowserDriver(app, outbox)):
        for name in NAMES:
            answer = person.client.get(page, query_string={name: target, "client_id": RelyingParty(app).id})
            assert answer.status_code < 500
            assert urlsplit(answer.location or "").netloc in ("", "127.0.0.1:8000", "localhost")
            assert "evil" not in (answer.location or "").partition("?")[0]


def test_a_sign_out_leads_only_where_its_own_client_registered(app: Flask, ada: BrowserDriver) -> None:
    """OP-52."""
    shop = RelyingParty(app)
    RelyingParty(app, post_logout_redirect_uris=["https://evil.example/bye"])
    hint = shop.sign_in(ada)["id_token"]
    wrong = (f"{GOODBYE}/", f"{GOODBYE}?a=b", f"{GOODBYE}#", "https://evil.example/bye", "//shop.example/goodbye")
    for address in wrong:
        query = {"id_token_hint": hint, "post_logout_redirect_uri": address}
        assert_page(ada.client.get("/oauth/logout", query_string=query))
        assert_page(ada.client.post("/oauth/logout", data=query))
    assert ada.get("/account").status_code == 200


def test_forms_may_lead_to_the_registered_app_only(app: Flask, ada: BrowserDriver) -> None:
    """D7: ``form-action`` names the app of this very request, and on other pages nobody."""
    asking = RelyingParty(app, is_trusted=False, post_logout_redirect_uris=[])
    answer = ada.follow(ada.get(asking.address(response_mode="form_post")))
    assert _form_action(answer) == "'self' https://shop.example"
    for page in ("/account", "/oauth/logout", f"/oauth/authorize?client_id={asking.id}"):
        assert _form_action(ada.get(page)) == "'self'"
    trusted = RelyingParty(app)
    assert _form_action(ada.get(trusted.address(response_mode="form_post"))) == "'self' https://shop.example"


def _form_action(answer: TestResponse) -> str:
    found = re.search(r"form-action ([^;]*);", answer.headers["Content-Security-Policy"])
    assert found is not None
    return found[1].strip()


def test_the_log_says_what_was_wrong_and_nothing_that_was_sent(
    make_app: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS: whoever connects an app, or runs the portal, can see which parameter it is."""
    app = make_app(log_level="info")
    shop, client = RelyingParty(app), app.test_client(use_cookies=False)
    monkeypatch.setattr(logging, "log", structlog.get_logger())
    wrong = {
        shop.address(redirect_uri="https://evil.example/"): "client_request_refused:redirect_uri",
        shop.address(client_id="nobody"): "client_request_refused:client_id",
        shop.address(response_type="token"): "unsupported_response_type",
        f"/oauth/authorize?client_id={shop.id}&request_uri=urn:ietf:params:oauth:request_uri:x": "request_expired",
        f"/oauth/logout?client_id={shop.id}&post_logout_redirect_uri=x": (
            "client_request_refused:post_logout_redirect_uri"
        ),
    }
    with structlog.testing.capture_logs() as lines:
        pages = [client.get(address) for address in wrong]
        assert shop.post("/oauth/token", {"grant_type": "x"}).status_code == 400
        assert shop.exchange("x").status_code == 400
        assert client.get("/oauth/userinfo").status_code == 401
    said = [line["error"] for line in lines if line["event"] == "request"]
    assert said == [*wrong.values(), "unsupported_grant_type", "invalid_grant", "unauthorized"]
    assert "redirect_uri" in pages[0].text
    assert "evil.example" not in f"{pages[0].text}{lines}"
