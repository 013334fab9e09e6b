"""The letter that welcomes somebody: once, by mail, after the answer; and the page that shows all letters."""

from __future__ import annotations

import logging

import pytest
from flask import Flask

from auth_portal.app import create_app
from tests.conftest import Made, services_of, settings_for
from tests.drivers import ApiDriver, BrowserDriver
from tests.support.outboxes import Outboxes
from tests.support.smtp import Fault, MailSink, html_of, text_of

ADA = "ada@example.com"
PORTAL = "http://127.0.0.1:8000"


def settle(app: Flask) -> None:
    """Wait for letters that nobody waits for."""
    services_of(app).background.wait()


def test_who_registers_is_welcomed_once(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    browser.register(ADA)
    settle(app)
    BrowserDriver(app, outbox).prove(ADA)
    settle(app)

    [letter] = outbox.welcomes
    assert letter.recipients == [ADA]
    assert letter.parsed["Auto-Submitted"] == "auto-generated"
    assert f"{PORTAL}/account" in text_of(letter).splitlines()
    assert f'href="{PORTAL}/account"' in html_of(letter)
    assert [line for line in text_of(letter).splitlines() if line.isdigit()] == []


def test_who_registers_by_the_json_api_is_welcomed_too(app: Flask, api: ApiDriver, outbox: MailSink) -> None:
    api.register(ADA)
    settle(app)
    assert [letter.recipients for letter in outbox.welcomes] == [[ADA]]


def test_the_welcome_is_in_the_language_of_the_registration(
    app: Flask, browser: BrowserDriver, outbox: MailSink
) -> None:
    browser.get("/login?lang=de")
    browser.register(ADA)
    settle(app)
    [letter] = outbox.welcomes
    assert letter.parsed["Content-Language"] == "de"
    assert "Ihr Konto ist eingerichtet" in html_of(letter)


def test_a_number_is_not_welcomed(make_app: Made, outboxes: Outboxes) -> None:
    """A text message costs money."""
    app = make_app(sms_url=outboxes.sms.setting)
    BrowserDriver(app, outboxes).register("+905551234567")
    settle(app)
    assert outboxes.mail.welcomes == []
    assert [text.kind for text in outboxes.sms.sent_to("+905551234567")] == ["code"]


def test_a_relay_that_takes_no_welcome_keeps_nobody_out(app: Flask, browser: BrowserDriver, outbox: MailSink) -> None:
    browser.ask(ADA)
    browser.enter(outbox.code_sent_to(ADA))
    outbox.fault = "reject_5xx"
    answer = browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    settle(app)
    assert answer.location == "/account"
    assert outbox.welcomes == []


@pytest.mark.parametrize("fault", [None, "reject_5xx", "reject_data"])
def test_a_code_in_a_subject_reaches_no_log(
    fault: Fault | None,
    make_app: Made,
    outbox: MailSink,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """OPS-02."""
    caplog.set_level(logging.DEBUG)
    app = make_app(code_in_subject="true", log_level="debug")
    BrowserDriver(app, outbox).ask(ADA)
    code = outbox.code_sent_to(ADA)
    assert code in str(outbox.messages[-1].parsed["Subject"])
    outbox.fault = fault
    BrowserDriver(app, outbox).ask(ADA)
    settle(app)
    assert "is your sign-in code" not in caplog.text + "".join(capfd.readouterr())


@pytest.fixture
def development(database_url: str) -> Flask:
    """A development portal."""
    return create_app(settings_for(database_url, "", env="development"))


def test_all_letters_can_be_looked_at_in_development(development: Flask) -> None:
    client = development.test_client()
    for locale in ("en", "ar"):
        page = client.get(f"/dev/letters?lang={locale}").text
        for name in ("code", "code-of-app", "welcome", "number-removed", "account-deleted"):
            assert f'id="email-{name}"' in page
            answer = client.get(f"/dev/letters/{name}.html?lang={locale}")
            assert f'<html lang="{locale}"' in answer.text
            directives = answer.headers["Content-Security-Policy"].split("; ")
            assert {"sandbox", "default-src 'none'", "frame-ancestors 'none'"} <= set(directives)
        assert 'id="sms-address-added"' in page
        assert page == client.get(f"/dev/letters?lang={locale}").text
    assert 'href="/dev/letters"' in client.get("/dev/mailbox").text
    assert client.get("/dev/letters/nobody.html").status_code == 404


def test_production_shows_no_letters(app: Flask) -> None:
    for path in ("/dev/letters", "/dev/letters/code.html"):
        assert app.test_client().get(path).status_code == 404, path
