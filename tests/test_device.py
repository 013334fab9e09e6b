"""The device grant: a device shows a code, its person answers in a browser elsewhere (RFC 8628, OP-64, OP-65)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from flask import Flask

from auth_portal.signin.addresses import parse_email
from tests.conftest import Made, services_of
from tests.drivers import BrowserDriver
from tests.relying import ADA, DEVICE_GRANT, RelyingParty
from tests.support.api import in_parallel
from tests.support.smtp import MailSink


@pytest.fixture
def tv(app: Flask) -> RelyingParty:
    """An app on a device without a keyboard: public, not trusted."""
    return RelyingParty(app, name="Living Room TV", auth_method="none", is_trusted=False)


def start(tv: RelyingParty, scope: str = "openid email") -> dict[str, Any]:
    """The device's codes."""
    answer = tv.post("/oauth/device_authorization", {"client_id": tv.id, "scope": scope})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def poll(tv: RelyingParty, codes: dict[str, Any]) -> tuple[int, Any]:
    """One poll of the device: status, and the error or the tokens."""
    answer = tv.post(
        "/oauth/token", {"grant_type": DEVICE_GRANT, "client_id": tv.id, "device_code": codes["device_code"]}
    )
    return answer.status_code, answer.json.get("error", answer.json)


def say(person: BrowserDriver, user_code: str, answer: str = "allow") -> None:
    """Type the code, and answer."""
    person.get("/device")
    shown = person.post("/device", {"user_code": user_code})
    assert shown.status_code == 200, shown.text
    answered(person, answer)


def answered(person: BrowserDriver, answer: str = "allow") -> int:
    """Press a button of the page that shows a device; the status."""
    return person.post(
        "/device/answer", {"answer": answer, "user_code": person.hidden("user_code") or ""}
    ).status_code


def test_a_person_connects_a_device(tv: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller) -> None:
    browser.register(ADA)
    codes = start(tv)
    assert codes["verification_uri"].endswith("/device")
    assert poll(tv, codes) == (400, "authorization_pending")
    browser.get("/device")
    browser.post("/device", {"user_code": codes["user_code"]})
    assert browser.heading == "Connect this device?"
    assert "Living Room TV" in browser.page
    assert "shows this very code" in browser.page
    answered(browser)
    assert browser.heading == "Connected"
    clock.shift(5)
    tokens = poll(tv, codes)[1]
    assert tv.userinfo(tokens["access_token"]).json["email"] == ADA
    assert tv.claims(tokens["id_token"])["sub"] == tv.userinfo(tokens["access_token"]).json["sub"]
    assert "refresh_token" not in tokens
    clock.shift(5)
    assert poll(tv, codes) == (400, "expired_token")


def test_a_link_with_the_code_still_asks(tv: RelyingParty, browser: BrowserDriver) -> None:
    """OP-65: verification_uri_complete only fills the code in."""
    browser.register(ADA)
    codes = start(tv)
    browser.get(codes["verification_uri_complete"].partition("8000")[2])
    assert browser.value("user_code") == codes["user_code"]
    assert poll(tv, codes) == (400, "authorization_pending")


def test_who_must_sign_in_or_register_first_comes_back_to_the_code(tv: RelyingParty, browser: BrowserDriver) -> None:
    codes = start(tv)
    answer = browser.get(f"/device?user_code={codes['user_code']}")
    browser.follow(answer)
    browser.post("/login", {"email": ADA})
    browser.get("/login/code")
    browser.get(browser.enter(browser.code_sent_to(ADA)).location)
    answer = browser.post("/register", {"first_name": "Ada", "last_name": "L", "terms": "y"})
    assert answer.location == "/device"
    browser.follow(answer)
    assert browser.value("user_code") == codes["user_code"]


def test_a_refusal_reaches_the_device(
    tv: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    browser.register(ADA)
    codes = start(tv)
    say(browser, codes["user_code"], "refuse")
    clock.shift(5)
    assert poll(tv, codes) == (400, "access_denied")


@pytest.mark.parametrize("spelling", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code} "])
def test_case_and_separators_do_not_matter(tv: RelyingParty, browser: BrowserDriver, spelling: Any) -> None:
    browser.register(ADA)
    browser.get("/device")
    assert browser.post("/device", {"user_code": spelling(start(tv)["user_code"])}).status_code == 200


def test_a_hasty_device_must_slow_down(tv: RelyingParty, app: Flask, clock: time_machine.Traveller) -> None:
    """RFC 8628, 3.5: five seconds more each time."""
    codes = start(tv)
    assert codes["interval"] == 5
    assert poll(tv, codes) == (400, "authorization_pending")
    clock.shift(4)
    assert poll(tv, codes) == (400, "slow_down")
    clock.shift(9)
    assert poll(tv, codes) == (400, "slow_down")
    clock.shift(15)
    assert poll(tv, codes) == (400, "authorization_pending")


def test_a_code_is_over_after_ten_minutes(
    tv: RelyingParty, browser: BrowserDriver, clock: time_machine.Traveller
) -> None:
    browser.register(ADA)
    codes = start(tv)
    clock.shift(codes["expires_in"])
    assert poll(tv, codes) == (400, "expired_token")
    browser.get("/device")
    assert browser.post("/device", {"user_code": codes["user_code"]}).status_code == 400


def test_another_apps_device_code_is_no_code(tv: RelyingParty, app: Flask, browser: BrowserDriver) -> None:
    browser.register(ADA)
    codes = start(tv)
    say(browser, codes["user_code"])
    assert poll(RelyingParty(app, auth_method="none"), codes) == (400, "invalid_grant")
    assert poll(tv, codes)[0] == 200


def test_one_approval_gives_tokens_once(tv: RelyingParty, browser: BrowserDriver) -> None:
    browser.register(ADA)
    codes = start(tv)
    say(browser, codes["user_code"])
    answers = in_parallel([lambda: poll(tv, codes)] * 8)
    assert sorted(answer[0] for answer in answers)[:2] == [200, 400]


def test_a_link_puts_no_other_device_under_an_open_page(tv: RelyingParty, browser: BrowserDriver) -> None:
    """RFC 8628, 5.4: somebody lets the person open an address with their own device's code meanwhile."""
    browser.register(ADA)
    shown, never_shown = start(tv), start(tv)
    browser.get("/device")
    browser.post("/device", {"user_code": shown["user_code"]})
    browser.another_tab().get(f"/device?user_code={never_shown['user_code']}")
    answered(browser)
    assert poll(tv, shown)[0] == 200
    assert poll(tv, never_shown) == (400, "authorization_pending")


@pytest.mark.parametrize("answer", ["allow", "refuse"])
def test_a_code_that_was_not_shown_is_not_answered(tv: RelyingParty, browser: BrowserDriver, answer: str) -> None:
    """Neither is told whether it is one: codes are tried only where that is counted (OP-64)."""
    browser.register(ADA)
    codes = start(tv)
    browser.get(f"/device?user_code={codes['user_code']}")
    given = browser.post("/device/answer", {"answer": answer, "user_code": codes["user_code"]})
    assert given.status_code == 410
    assert poll(tv, codes) == (400, "authorization_pending")


def test_two_tabs_answer_for_their_own_devices(tv: RelyingParty, browser: BrowserDriver) -> None:
    browser.register(ADA)
    first, second = start(tv), start(tv)
    tab = browser.another_tab()
    for window, codes in ((browser, first), (tab, second)):
        window.get("/device")
        window.post("/device", {"user_code": codes["user_code"]})
    assert answered(browser, "refuse") == 200
    assert answered(tab, "allow") == 200
    assert poll(tv, first) == (400, "access_denied")
    assert poll(tv, second)[0] == 200


def test_a_device_is_answered_by_whom_it_was_shown_to(
    app: Flask, outbox: MailSink, tv: RelyingParty, browser: BrowserDriver
) -> None:
    """rivals.md: GHSA-cq3f-vc6p-68fh, where any session could approve."""
    BrowserDriver(app, outbox).register("bob@example.com")
    browser.register(ADA)
    codes = start(tv)
    browser.get("/device")
    browser.post("/device", {"user_code": codes["user_code"]})
    page = browser.page
    browser.post("/logout", {})
    browser.prove("bob@example.com")
    browser.page = page
    assert answered(browser) == 410
    assert poll(tv, codes) == (400, "authorization_pending")


def test_a_second_answer_changes_nothing(tv: RelyingParty, browser: BrowserDriver) -> None:
    browser.register(ADA)
    codes = start(tv)
    browser.get("/device")
    browser.post("/device", {"user_code": codes["user_code"]})
    page = browser.page
    assert answered(browser, "refuse") == 200
    browser.page = page
    assert answered(browser, "allow") == 410
    assert poll(tv, codes) == (400, "access_denied")


def test_a_device_tells_what_asked_and_from_where(tv: RelyingParty, app: Flask, browser: BrowserDriver) -> None:
    """OP-65, PRIV-05: enough to recognise it, not a whole address."""
    browser.register(ADA)
    client = app.test_client(use_cookies=False)
    answer = client.post(
        "/oauth/device_authorization",
        data={"client_id": tv.id, "scope": "openid"},
        headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"},
        environ_base={"REMOTE_ADDR": "198.51.100.23"},
    )
    browser.get("/device")
    browser.post("/device", {"user_code": answer.json["user_code"].lower().replace("-", "")})
    for words in ("Chrome on Linux", "198.51.100.x", answer.json["user_code"]):
        assert words in browser.page
    assert "198.51.100.23" not in browser.page


def test_a_suspended_person_connects_nothing(tv: RelyingParty, app: Flask, browser: BrowserDriver) -> None:
    """Suspended before the answer: signed out. Suspended between answer and poll: what was answered is taken back."""
    browser.register(ADA)
    early, late = start(tv), start(tv)
    say(browser, early["user_code"])
    browser.get("/device")
    browser.post("/device", {"user_code": late["user_code"]})
    user = services_of(app).users.find_by_destination(parse_email(ADA))
    assert user is not None
    services_of(app).users.suspend(user.id)
    assert answered(browser) == 303
    assert poll(tv, early) == (400, "access_denied")
    assert poll(tv, late) == (400, "authorization_pending")


def test_guessing_at_codes_is_stopped(tv: RelyingParty, browser: BrowserDriver) -> None:
    """OP-64. Right codes are no guesses, however many."""
    browser.register(ADA)
    browser.get("/device")
    for _ in range(12):
        assert browser.post("/device", {"user_code": start(tv)["user_code"]}).status_code == 200
    for _ in range(10):
        assert browser.post("/device", {"user_code": "BBBB-BBBB"}).status_code == 400
    answer = browser.post("/device", {"user_code": start(tv)["user_code"]})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_many_guesses_at_once_are_no_more(tv: RelyingParty, browser: BrowserDriver) -> None:
    browser.register(ADA)
    browser.get("/device")
    tabs = [browser.another_tab() for _ in range(24)]
    token = {"csrf_token": browser.hidden("csrf_token") or ""}
    guesses = [lambda tab=tab: tab.post("/device", {"user_code": "BBBB-BBBB", **token}).status_code for tab in tabs]
    answers = in_parallel(guesses)
    assert (answers.count(400), answers.count(429)) == (10, 14)


def test_who_may_not_use_the_app_cannot_connect_its_device(app: Flask, browser: BrowserDriver) -> None:
    tv = RelyingParty(app, auth_method="none", access={"allow": ["*@staff.example"]})
    browser.register(ADA)
    codes = start(tv)
    say(browser, codes["user_code"])
    assert poll(tv, codes) == (400, "authorization_pending")


def test_a_connected_app_is_listed_and_withdrawn(tv: RelyingParty, browser: BrowserDriver) -> None:
    """OP-23."""
    browser.register(ADA)
    codes = start(tv, "openid offline_access")
    say(browser, codes["user_code"])
    tokens = poll(tv, codes)[1]
    assert "Living Room TV" in browser.get("/account/apps").text
    browser.post(f"/account/apps/{tv.id}/withdraw", {})
    public = {"client_id": tv.id}
    assert tv.refresh(tokens["refresh_token"], **public).json["error"] == "invalid_grant"
    assert tv.userinfo(tokens["access_token"]).status_code == 401


def test_an_app_without_the_grant_gets_no_codes(make_app: Made, outbox: MailSink) -> None:
    """OP-38."""
    shop = RelyingParty(make_app(), grant_types=["authorization_code"])
    answer = shop.post("/oauth/device_authorization", {"scope": "openid"})
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")
