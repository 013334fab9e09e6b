"""Letters that nobody asked for: a sign-in that was not like those before, and wrong codes (OTP-30)."""

from __future__ import annotations

import time

import pytest
import time_machine
from flask import Flask

from auth_portal.delivery import deliverer
from tests.conftest import services_of
from tests.drivers import ApiDriver, BrowserDriver, outcome, wrong_code
from tests.support.letters import ReceivedMail, code_in, html_of, text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
BOB = "bob@example.com"
NEW, WRONG = "New sign-in to Auth Portal", "Wrong codes at Auth Portal"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
HOUR, DAY = 3_600, 86_400


@pytest.fixture
def ada(clock: time_machine.Traveller, browser: BrowserDriver, app: Flask, outbox: MailSink) -> BrowserDriver:
    """The browser with which Ada registered, signed out; she has had no letter since."""
    browser.register(ADA)
    browser.post("/logout", {})
    services_of(app).background.wait()
    clock.shift(60)
    outbox.clear()
    return browser


@pytest.fixture
def stranger(app: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser that nobody has signed in with."""
    visitor = BrowserDriver(app, outbox, "198.51.100.7")
    visitor.headers["User-Agent"] = SAFARI
    return visitor


def has_code(mail: ReceivedMail) -> bool:
    """Whether it is the letter of a code, in whatever language."""
    return "/login/not-me/" in text_of(mail)


def newest_code(outbox: MailSink, email: str = ADA) -> str:
    """The code of the newest letter that has one."""
    return next(code_in(mail) for mail in reversed(outbox.sent_to(email)) if has_code(mail))


def notices(app: Flask, outbox: MailSink, email: str = ADA) -> list[ReceivedMail]:
    """The letters to this address that have no code, once all were sent."""
    services_of(app).background.wait()
    return [mail for mail in outbox.sent_to(email) if not has_code(mail)]


def subjects(app: Flask, outbox: MailSink, email: str = ADA) -> list[str]:
    """What the notices to this address are about."""
    return [str(mail.parsed["Subject"]) for mail in notices(app, outbox, email)]


def sign_in(app: Flask, browser: BrowserDriver, email: str = ADA, wrong: int = 0) -> None:
    """Sign in, after so many wrong codes, and out again."""
    services_of(app).background.wait()
    browser.ask(email)
    code = browser.code_sent_to(email)
    for step in range(1, wrong + 1):
        browser.enter(wrong_code(code, step))
    assert browser.enter(code).location == "/account"
    browser.post("/logout", {})


def use_up(api: ApiDriver, outbox: MailSink, email: str = ADA) -> None:
    """Have a code sent and guess wrong until it is dead."""
    assert api.send(email).status_code == 201
    code = newest_code(outbox, email)
    for step in range(1, 6):
        assert outcome(api.login(email, wrong_code(code, step))) == (401, "code_invalid")


def test_a_sign_in_in_a_new_browser_is_told_once_with_where_it_was(
    app: Flask, ada: BrowserDriver, stranger: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30."""
    sign_in(app, stranger)
    assert subjects(app, outbox) == [NEW]
    letter = notices(app, outbox)[0]
    assert letter.recipients == [ADA]
    for part in (text_of(letter), html_of(letter)):
        assert all(fact in part for fact in (ADA, "Safari on iPhone", "198.51.100.x", "22 May 2026 16:12 UTC"))
        assert "/login/" not in part, "a link that could be mistaken for one that signs in"
    clock.shift(60)
    sign_in(app, stranger)
    assert subjects(app, outbox) == [NEW], "it is known by now"


def test_what_is_not_new_is_not_told(
    app: Flask, ada: BrowserDriver, browser: BrowserDriver, outbox: MailSink
) -> None:
    """OTP-30: neither a known browser, nor the first sign-in of all, nor a code that is only asked for."""
    sign_in(app, ada)
    BrowserDriver(app, outbox).register(BOB)
    BrowserDriver(app, outbox).ask(ADA)
    assert subjects(app, outbox) + subjects(app, outbox, BOB) == []


def test_a_sign_in_by_the_letters_link_is_told_too(
    app: Flask, ada: BrowserDriver, stranger: BrowserDriver, outbox: MailSink
) -> None:
    """OTP-30, OTP-37."""
    stranger.ask(ADA)
    path = text_of(outbox.sent_to(ADA)[-1]).partition("http://127.0.0.1:8000/login/link/")[2].split()[0]
    stranger.get(f"/login/link/{path}")
    assert stranger.post(f"/login/link/{path}", {}).location == "/account"
    assert subjects(app, outbox) == [NEW]


def test_an_app_is_new_by_its_words(
    app: Flask, ada: BrowserDriver, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30: it keeps no cookie, so what it says of itself is all there is."""
    for agent, many in (("curl/8.5", 1), ("curl/8.9", 1), (SAFARI, 2), (SAFARI, 2)):
        clock.shift(60)
        api.post("send-otp-email", {"email": ADA}, User_Agent=agent)
        code = newest_code(outbox)
        answer = api.post("login-otp-email", {"email": ADA, "code": code}, User_Agent=agent)
        assert answer.status_code == 200
        assert subjects(app, outbox) == [NEW] * many, agent
    assert "curl" in text_of(notices(app, outbox)[0])
    assert "Safari on iPhone" in text_of(notices(app, outbox)[1])


def test_wrong_codes_are_told_once_a_day_whoever_types_them(
    app: Flask, ada: BrowserDriver, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30, BUD-07: the letter names no number and blames nobody."""
    for host in range(3):
        use_up(api.at(f"203.0.113.{host}"), outbox)
    assert subjects(app, outbox) == [WRONG]
    letter = notices(app, outbox)[0]
    assert letter.recipients == [ADA]
    assert "203.0.113" not in text_of(letter) + html_of(letter)
    clock.shift(DAY - 1)
    use_up(api.at("203.0.113.8"), outbox)
    assert subjects(app, outbox) == [WRONG]
    clock.shift(1)
    use_up(api.at("203.0.113.9"), outbox)
    assert subjects(app, outbox) == [WRONG, WRONG]


def test_an_account_whose_codes_get_longer_is_told_though_no_code_was_used_up(
    app: Flask, ada: BrowserDriver, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30: one guess at each of five codes spends the budget; a later slip is not worth a letter."""
    for host, length in enumerate((4, 4, 4, 4, 4, 6)):
        assert subjects(app, outbox) == ([WRONG] if length == 6 else [])
        clock.shift(602 if host < 5 else DAY)
        guesser = api.at(f"203.0.113.{host}")
        guesser.send(ADA)
        code = newest_code(outbox)
        assert len(code) == length
        guesser.login(ADA, wrong_code(code))
    assert subjects(app, outbox) == [WRONG]


def test_some_wrong_codes_are_not_worth_a_letter(app: Flask, ada: BrowserDriver, outbox: MailSink) -> None:
    """OTP-30: people mistype."""
    ada.ask(ADA)
    code = ada.code_sent_to(ADA)
    for step in range(1, 5):
        ada.enter(wrong_code(code, step))
    assert subjects(app, outbox) == []


def test_strangers_and_suspended_people_are_told_nothing(
    app: Flask, ada: BrowserDriver, api: ApiDriver, outbox: MailSink
) -> None:
    """OTP-30, OTP-41: an address without an account is no target for letters, a closed account neither."""
    users = services_of(app).users
    users.suspend(users.newest(1)[0].id)
    for email in (ADA, "nobody@example.com"):
        use_up(api, outbox, email)
        assert subjects(app, outbox, email) == []


def test_a_sign_in_that_is_not_like_others_is_told_even_of_a_known_browser(
    app: Flask, ada: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30: success after many wrong codes."""
    sign_in(app, ada, wrong=2)
    assert subjects(app, outbox) == []
    clock.shift(60)
    sign_in(app, ada, wrong=3)
    assert subjects(app, outbox) == [NEW]


def test_a_sign_in_with_an_escalated_code_is_told(
    app: Flask, ada: BrowserDriver, api: ApiDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30: somebody has guessed before; the app's words are not new."""
    agent = {"User_Agent": "curl/8.5"}
    for length, many in ((4, 1), (6, 2)):
        clock.shift(60)
        api.post("send-otp-email", {"email": ADA}, **agent)
        code = newest_code(outbox)
        assert len(code) == length
        assert api.post("login-otp-email", {"email": ADA, "code": code}, **agent).status_code == 200
        assert subjects(app, outbox).count(NEW) == many
        use_up(api.at("203.0.113.1"), outbox)


def test_sign_ins_are_told_five_times_a_day_at_most(
    app: Flask, ada: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30; for each account."""
    BrowserDriver(app, outbox).register(BOB)
    clock.shift(60)
    for host in range(7):
        sign_in(app, BrowserDriver(app, outbox, f"198.51.100.{host}"))
    assert subjects(app, outbox) == [NEW] * 5
    sign_in(app, BrowserDriver(app, outbox), BOB)
    assert subjects(app, outbox, BOB) == [NEW]
    clock.shift(DAY)
    sign_in(app, BrowserDriver(app, outbox))
    assert len(subjects(app, outbox)) == 6


@pytest.mark.parametrize("locale", ["tr", "en"])
def test_a_notice_is_in_the_language_of_its_reader(app: Flask, api: ApiDriver, outbox: MailSink, locale: str) -> None:
    """OTP-30: the account's, not that of whoever signs in."""
    token = api.proven(ADA)["registrationToken"]
    body = {"firstName": "Ada", "lastName": "Lovelace", "acceptTerms": True, "locale": locale}
    assert api.post("complete-registration", body, token=token).status_code == 201
    visitor = BrowserDriver(app, outbox, language="en" if locale == "tr" else "tr")
    sign_in(app, visitor)
    use_up(api.at("203.0.113.1"), outbox)
    told = notices(app, outbox)
    assert [mail.parsed["Content-Language"] for mail in told] == [locale, locale]


def test_a_relay_that_is_gone_loses_the_notice_and_never_the_sign_in(
    app: Flask, ada: BrowserDriver, stranger: BrowserDriver, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OTP-30, OPS: and the next notice is sent."""
    stranger.ask(ADA)
    outbox.fault = "reject_5xx"
    assert stranger.enter(stranger.code_sent_to(ADA)).location == "/account"
    assert subjects(app, outbox) == []
    assert stranger.get("/account").status_code == 200
    outbox.fault = None
    sign_in(app, BrowserDriver(app, outbox))
    assert subjects(app, outbox) == [NEW]


def test_nobody_waits_for_a_notice(app: Flask, outbox: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """OTP-21, OTP-30: known or unknown, slow relay or not, the answer to a wrong or right code comes at once."""
    BrowserDriver(app, outbox).register(ADA)
    api, visitor = ApiDriver(app, outbox, "203.0.113.1"), BrowserDriver(app, outbox, "198.51.100.7")
    api.send(ADA)
    guessed = api.code_sent_to(ADA)
    visitor.ask(ADA)
    code = visitor.code_sent_to(ADA)
    before = len(outbox.messages)
    for name in ("RELAY_BUDGET_S", "SEND_BUDGET_S"):
        monkeypatch.setattr(deliverer, name, 30)
    outbox.fault = "slow_reply"
    began = time.perf_counter()
    for step in range(1, 6):
        api.login(ADA, wrong_code(guessed, step))
    assert visitor.enter(code).location == "/account"
    took = time.perf_counter() - began
    assert len(outbox.messages) == before
    outbox.fault = None
    outbox.drop_connections()
    services_of(app).background.wait()
    assert took < 9, "a reply of the relay takes 10"
    assert len(outbox.messages) > before, "there was nothing to wait for"
