"""The mailbox of a development portal: what it shows, and that production has none (contract, section 3)."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask

from auth_portal.app import create_app
from auth_portal.settings import ROOT
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.otp import SentCode
from tests.conftest import Made, services_of, settings_for
from tests.drivers import BrowserDriver
from tests.support.sms import SmsSink
from tests.support.smtp import MailSink

MAILBOX = "/dev/mailbox"
_numbers = itertools.count()


@pytest.fixture
def development(database_url: str) -> Iterator[Flask]:
    """A development portal that catches its mail. The mailbox is the checkout's own: other letters lie there too."""
    app = create_app(settings_for(database_url, "", env="development"))
    yield app
    services_of(app).engine.dispose()


@pytest.fixture
def visitor(development: Flask, outbox: MailSink) -> BrowserDriver:
    """A browser at the development portal."""
    return BrowserDriver(development, outbox)


@pytest.fixture
def email() -> str:
    """An address that nobody else writes to."""
    return f"person{os.getpid()}.{next(_numbers)}@example.com"


def letters_to(email: str, page: str) -> list[str]:
    """The letters to this address as the page shows them, in its order."""
    articles = re.findall(r"<article.*?</article>", page, re.DOTALL)
    return [article for article in articles if f">{email}<" in article]


def code_in(article: str) -> str:
    """The code that stands beside a letter."""
    found = re.search(r'<p class="mailbox-code"[^>]*>(\d+)</p>', article)
    assert found, article
    return found[1]


def test_a_letter_is_caught_and_its_code_signs_in(visitor: BrowserDriver, email: str, outbox: MailSink) -> None:
    visitor.ask(email)
    tab = visitor.another_tab()
    tab.get(MAILBOX)
    [letter] = letters_to(email, tab.page)
    assert visitor.enter(code_in(letter)).location == "/register"
    assert outbox.messages == []


def test_the_newest_letter_is_on_top(
    visitor: BrowserDriver, email: str, development: Flask, outbox: MailSink
) -> None:
    codes = []
    for _ in range(3):
        browser = BrowserDriver(development, outbox)
        browser.ask(email)
        visitor.get(MAILBOX)
        codes.append(code_in(letters_to(email, visitor.page)[0]))
    assert [code_in(letter) for letter in letters_to(email, visitor.page)] == codes[::-1]


def test_a_letter_says_when_it_was_sent(visitor: BrowserDriver, email: str) -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    visitor.ask(email)
    visitor.get(MAILBOX)
    found = re.search(r'<time datetime="([^"]+)"', letters_to(email, visitor.page)[0])
    assert found
    assert datetime.fromisoformat(found[1]) >= before


def test_every_page_before_the_account_leads_to_the_mailbox(visitor: BrowserDriver, email: str) -> None:
    visitor.get("/login")
    assert f'href="{MAILBOX}"' in visitor.page
    visitor.ask(email)
    assert f'href="{MAILBOX}"' in visitor.page


def test_the_html_of_a_letter_is_shown_in_a_sandbox(visitor: BrowserDriver, email: str) -> None:
    """WEB-02: mail is foreign markup."""
    visitor.ask(email)
    visitor.get(MAILBOX)
    [letter] = letters_to(email, visitor.page)
    found = re.search(rf'href="({MAILBOX}/[^"]+)"', letter)
    assert found
    answer = visitor.client.get(found[1])
    policy = [directive.strip() for directive in answer.headers["Content-Security-Policy"].split(";")]
    assert answer.mimetype == "text/html"
    assert code_in(letter) in answer.text
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not [directive for directive in policy if directive.startswith(("script", "sandbox allow"))]


TRICKS = (
    "../secret_key",
    "..%2fsecret_key",
    "%2e%2e%2f%2e%2e%2fwsgi",
    "..\\..\\wsgi",
    "/etc/passwd",
    "%00",
    ".",
    "..",
    "new",
    "*",
    "x" * 300,
)


def test_a_made_up_letter_is_not_found(visitor: BrowserDriver) -> None:
    """Ids are compared with the letters that are there; no path is made of them."""
    assert (ROOT / "wsgi.py").is_file()
    for trick in TRICKS:
        for path in (f"{MAILBOX}/{trick}.html", f"{MAILBOX}/{trick}"):
            assert visitor.client.get(path, follow_redirects=True).status_code == 404, path


def test_the_mailbox_is_in_the_persons_language(development: Flask, outbox: MailSink, email: str) -> None:
    """Contract, section 7."""
    turkish = BrowserDriver(development, outbox, language="tr")
    turkish.ask(email)
    turkish.get(MAILBOX)
    assert '<html lang="tr"' in turkish.page
    assert turkish.heading not in ("", "Mailbox")


def test_production_has_no_mailbox(browser: BrowserDriver) -> None:
    """Contract, section 3."""
    browser.get("/login")
    assert MAILBOX not in browser.page
    for path in (MAILBOX, f"{MAILBOX}/", f"{MAILBOX}/1.html"):
        assert browser.get(path).status_code == 404, path


def test_a_development_portal_with_a_relay_and_a_gateway_has_no_mailbox(
    make_app: Made, outbox: MailSink, sms: SmsSink, email: str
) -> None:
    """Contract, section 1 (MAIL_URL, SMS_URL): what is sent goes out."""
    app = make_app(env="development", sms_url=sms.setting)
    browser = BrowserDriver(app, outbox)
    browser.ask(email)
    assert MAILBOX not in browser.page
    assert browser.get(MAILBOX).status_code == 404
    assert len(outbox.sent_to(email)) == 1


@pytest.fixture
def number() -> str:
    """A number that nobody else writes to."""
    return f"+90555{os.getpid() % 10_000:04}{next(_numbers) % 1_000:03}"


def text_to(app: Flask, number: str, locale: str = "en") -> SentCode:
    """Have a code sent to a number."""
    return services_of(app).otp.send_code(Destination("sms", number), Caller.api("192.0.2.7"), locale)


def test_a_text_is_caught_and_shown_with_number_and_code(
    development: Flask, visitor: BrowserDriver, number: str, outbox: MailSink
) -> None:
    """Contract, section 1 (SMS_URL)."""
    sent = text_to(development, number)
    visitor.get(MAILBOX)
    [article] = letters_to(number, visitor.page)
    assert code_in(article) == sent.code
    assert f"@127.0.0.1 #{sent.code}</pre>" in article
    assert "<h2" in article
    assert "paid as 1 message" in article
    assert "HTML" not in article
    assert outbox.messages == []


def test_letters_and_texts_lie_in_one_order(
    development: Flask, visitor: BrowserDriver, number: str, email: str
) -> None:
    text_to(development, number)
    visitor.ask(email)
    visitor.get(MAILBOX)
    assert visitor.page.index(f">{email}<") < visitor.page.index(f">{number}<")


def test_a_text_has_no_page_of_its_own(development: Flask, visitor: BrowserDriver, number: str) -> None:
    text_to(development, number)
    visitor.get(MAILBOX)
    [article] = letters_to(number, visitor.page)
    found = re.search(r'id="letter-([^"]+)"', article)
    assert found
    assert visitor.client.get(f"{MAILBOX}/{found[1]}.html").status_code == 404


def test_a_development_portal_with_a_relay_only_catches_its_texts(
    make_app: Made, outbox: MailSink, email: str, number: str
) -> None:
    """Contract, section 1 (SMS_URL)."""
    app = make_app(env="development")
    browser = BrowserDriver(app, outbox)
    browser.ask(email)
    text_to(app, number)
    browser.get(MAILBOX)
    assert len(outbox.sent_to(email)) == 1
    assert (len(letters_to(number, browser.page)), letters_to(email, browser.page)) == (1, [])
