"""The link of a code's letter that signs in without typing (OTP-37, OTP-38)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import MetaData, select
from werkzeug.test import TestResponse

from tests.arriving import ada, phone
from tests.conftest import services_of
from tests.drivers import BrowserDriver, wrong_code
from tests.support.api import in_parallel
from tests.support.letters import text_of
from tests.support.smtp import MailSink

__all__ = ["ada", "phone"]
ADA = "ada@example.com"
BOB = "bob@example.com"
PORTAL = "http://127.0.0.1:8000"
HERE, ELSEWHERE, DEAD = "Sign in", "Sign in on the other device?", "This link no longer works"


def letter_link(outbox: MailSink, email: str = ADA, kind: str = "link") -> str:
    """The path of the link in the newest letter to this address that has one: a notice may have come later."""
    letters = "\n".join(text_of(mail) for mail in outbox.sent_to(email))
    return str(re.findall(rf"^{PORTAL}(/login/{kind}/\S+)$", letters, re.MULTILINE)[-1])


def press(browser: BrowserDriver, path: str) -> TestResponse:
    """Open a link and press its page's button, or what would be the button where there is none."""
    browser.get("/login")
    token = browser.hidden("csrf_token") or ""
    browser.get(path)
    return browser.post(path, {"csrf_token": token})


def is_signed_in(browser: BrowserDriver) -> bool:
    """Whether the account page opens."""
    return browser.get("/account").status_code == 200


def rows(app: Flask) -> dict[str, Any]:
    """All that the database holds."""
    engine = services_of(app).engine
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {table.name: sorted(map(str, connection.execute(select(table)))) for table in tables.sorted_tables}


def test_opening_a_link_changes_nothing_and_signs_nobody_in(
    app: Flask, browser: BrowserDriver, phone: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-37: mail scanners open every link, some by HEAD first."""
    browser.ask(ada)
    before = rows(app)
    for kind, headings in (("link", [HERE, ELSEWHERE]), ("not-me", ["Was it not you?"] * 2)):
        path = letter_link(outbox, kind=kind)
        for visitor, heading in zip((browser, phone), headings, strict=True):
            assert visitor.client.head(path, headers=visitor.headers).status_code == 200
            assert [visitor.get(path).status_code for _ in range(2)] == [200, 200]
            assert visitor.heading == heading
            assert not is_signed_in(visitor)
    assert rows(app) == before
    assert browser.enter(browser.code_sent_to(ada)).location == "/account"


def test_in_the_browser_that_asked_the_button_signs_in(browser: BrowserDriver, ada: str, outbox: MailSink) -> None:
    """OTP-37; the code is used up with it."""
    browser.ask(ada)
    code = browser.code_sent_to(ada)  # before the notice of a sign-in on a new device, which comes when it comes
    tab = browser.another_tab()
    answer = press(tab, letter_link(outbox))
    assert (answer.status_code, answer.location) == (303, "/account")
    assert is_signed_in(tab)
    browser.client.delete_cookie("portal-session")
    assert browser.enter(code).status_code == 401


def test_a_new_person_goes_on_to_the_registration(browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-37."""
    browser.ask(ADA)
    assert press(browser, letter_link(outbox)).location == "/register"
    browser.get("/register")
    done = browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    assert done.location == "/account"


@pytest.mark.parametrize("target", ["/account", "/register"])
def test_in_another_browser_the_button_lets_the_one_that_asked_go_on(
    browser: BrowserDriver,
    phone: BrowserDriver,
    clock: time_machine.Traveller,
    app: Flask,
    target: str,
    outbox: MailSink,
) -> None:
    """OTP-37; it says which device that is, and is not signed in itself."""
    if target == "/account":
        BrowserDriver(app, outbox).register(ADA)
        clock.shift(60)
    browser.ask(ADA)
    assert browser.get("/login/code/state").json["approved"] is False
    browser.get("/login/code")
    assert browser.enter("").status_code == 400
    phone.get(letter_link(outbox))
    assert all(fact in phone.page for fact in (ADA, "Firefox on Windows", "127.0.0.x"))
    assert phone.post(letter_link(outbox), {}).status_code == 200
    assert phone.heading == "Confirmed"
    assert not is_signed_in(phone)
    assert browser.get("/login/code/state").json["approved"] is True
    answer = browser.enter("")
    assert (answer.status_code, answer.location) == (303, target)
    assert browser.get("/login/code/state").json["approved"] is False


def test_an_approval_works_once_and_in_no_other_browser(
    app: Flask, browser: BrowserDriver, phone: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-37, SES-17: a forwarded letter signs in nobody but the one who asked."""
    browser.ask(ada)
    challenge = browser.hidden("challenge") or ""
    press(phone, letter_link(outbox))
    thief = BrowserDriver(app, outbox, "203.0.113.9")
    thief.ask(BOB)
    for visitor in (phone, thief):
        visitor.get("/login")
        assert visitor.get(f"/login/code/state?challenge={challenge}").json["approved"] is False
        assert visitor.post("/login/code", {"code": "", "challenge": challenge}).location == "/login"
        assert not is_signed_in(visitor)
    assert browser.enter("").location == "/account"
    browser.client.delete_cookie("portal-session")
    assert browser.enter("").status_code == 401
    assert press(phone, letter_link(outbox)).status_code == 404
    assert not is_signed_in(browser)


def test_an_approved_browser_may_still_type_the_code_and_a_wrong_one_stays_wrong(
    browser: BrowserDriver, phone: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-37."""
    browser.ask(ada)
    press(phone, letter_link(outbox))
    code = browser.code_sent_to(ada)
    assert browser.enter(wrong_code(code)).status_code == 401
    assert browser.enter(code).location == "/account"


def test_a_link_that_is_over_or_was_never_made_does_nothing(
    app: Flask,
    browser: BrowserDriver,
    phone: BrowserDriver,
    ada: str,
    outbox: MailSink,
    clock: time_machine.Traveller,
) -> None:
    """OTP-37: single use, at most ten minutes, made by us."""
    browser.ask(ada)
    used, stop = letter_link(outbox), letter_link(outbox, kind="not-me")
    press(browser, used)
    browser.post("/logout", {})
    clock.shift(30)
    services_of(app).background.wait()
    browser.ask(ada)
    typed = letter_link(outbox)
    browser.enter(browser.code_sent_to(ada))
    browser.post("/logout", {})
    clock.shift(30)
    browser.ask(ada)
    live, live_stop = letter_link(outbox), letter_link(outbox, kind="not-me")
    assert len({used, typed, live}) == 3
    seed, mac = live[-64:-32], live[-32:]
    paths = {
        "used by its button": used,
        "used by its code": typed,
        "garbage": "/login/link/" + "0" * 64,
        "the token of not-me": "/login/link/" + live_stop[-64:],
        "another challenge's signature": f"/login/link/{seed}{used[-32:]}",
        "another challenge": f"/login/link/{used[-64:-32]}{mac}",
        "a bit flipped": f"{live[:-1]}{int(live[-1], 16) ^ 1:x}",
        "capitals": f"/login/link/{seed}{mac.upper()}",
        "cut short": live[:-1],
        "one digit more": live + "0",
        "huge": "/login/link/" + "a" * 3_900,
        "a line feed": live + "%0A",
        "a NUL": live + "%00",
        "beyond ASCII": "/login/link/" + "%D9%A0" * 64,
    }
    before = rows(app)
    for name, path in paths.items():
        for visitor in (browser, phone):
            assert press(visitor, path).status_code == 404, name
            assert visitor.heading == DEAD, name
            assert not is_signed_in(visitor), name
    assert press(phone, "/login/not-me/" + live[-64:]).status_code == 404
    assert press(phone, stop).status_code == 200, "it tells when that code was used"
    assert rows(app) == before
    clock.shift(600)
    assert press(browser, live).status_code == 404
    assert not is_signed_in(browser)


def test_of_ten_buttons_pressed_at_once_one_signs_in(
    app: Flask, browser: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-37, OTP-05."""
    browser.ask(ada)
    path = letter_link(outbox)
    browser.get(path)
    tabs = [BrowserDriver(app, outbox) for _ in range(10)]
    for tab in tabs:
        tab.page = browser.page
        for name in ("portal-browser", "portal-form"):
            tab.client.set_cookie(name, browser.cookie(name) or "")
    answers = in_parallel([partial(tab.post, path, {}) for tab in tabs])
    seen = [answer.status_code for answer in answers if isinstance(answer, TestResponse)]
    assert sorted(seen) == [303] + [404] * 9
    assert sum(is_signed_in(tab) for tab in tabs) == 1


def test_a_forged_host_leaves_the_links_alone(browser: BrowserDriver, outbox: MailSink) -> None:
    """OTP-38."""
    browser.headers |= {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    browser.ask(ADA)
    assert b"evil.example" not in outbox.sent_to(ADA)[-1].raw
    assert letter_link(outbox)
    assert letter_link(outbox, kind="not-me")


def test_a_link_works_after_wrong_codes_have_used_the_guesses_up(
    browser: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-15: whoever mistyped five times still has the letter."""
    browser.ask(ada)
    code = browser.code_sent_to(ada)
    for step in range(1, 6):
        browser.enter(wrong_code(code, step))
    assert browser.enter(code).status_code == 401
    assert press(browser, letter_link(outbox)).location == "/account"


def test_an_approval_after_wrong_codes_lets_the_waiting_page_go_on(
    browser: BrowserDriver, phone: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-37: what the page of the link promises, the page that waits must keep."""
    browser.ask(ada)
    code = browser.code_sent_to(ada)
    for step in range(1, 6):
        browser.enter(wrong_code(code, step))
    assert press(phone, letter_link(outbox)).status_code == 200
    browser.get("/login/code")
    assert 'action="/login/code"' in browser.page
    assert browser.enter("").location == "/account"


def test_the_link_of_a_suspended_person_opens_nothing(
    app: Flask, browser: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """OTP-41: said only to whom reads the letter; the proof is used up."""
    users = services_of(app).users
    user = users.newest(1)[0]
    browser.ask(ada)
    users.suspend(user.id)
    assert press(browser, letter_link(outbox)).status_code == 403
    assert not is_signed_in(browser)
    users.restore(user.id)
    assert press(browser, letter_link(outbox)).status_code == 404
    assert not is_signed_in(browser)


def test_the_buttons_need_the_token_of_their_form(
    app: Flask, browser: BrowserDriver, ada: str, outbox: MailSink
) -> None:
    """SES-16: another site cannot press them."""
    browser.ask(ada)
    before = rows(app)
    for kind in ("link", "not-me"):
        path = letter_link(outbox, kind=kind)
        browser.get(path)
        token = browser.hidden("csrf_token") or ""
        assert browser.post(path, {"csrf_token": ""}).status_code == 403
        assert browser.post(path, {"csrf_token": token}, Sec_Fetch_Site="cross-site").status_code == 403
    assert rows(app) == before
