"""What letters are made of, as a relay receives them: parts, headers, encodings, and nothing slipped in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import mktime_tz, parseaddr, parsedate_tz
from typing import Any

import pytest
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.delivery.deliverer import MailDeliverer
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.message import Message, UnsafeHeader
from auth_portal.delivery.relays import SmtpRelay
from auth_portal.errors import InvalidInput
from auth_portal.settings import SettingsError, parse_relay
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.callers import Caller
from auth_portal.signin.otp import CodeLetter
from tests.conftest import settings_for
from tests.support.smtp import MailSink, ReceivedMail, code_in, html_of, text_of

TO = "ada@example.com"


@pytest.fixture
def letter(outbox: MailSink) -> Callable[..., ReceivedMail]:
    """Sends one letter through a real relay and gives it as it arrived; settings by name."""

    def make(to: str = TO, code: str = "0471", locale: str = "en", **overrides: object) -> ReceivedMail:
        settings = settings_for("sqlite:////nowhere/portal.db", outbox.url, **overrides)
        relay = SmtpRelay(parse_relay(outbox.url), settings.public_host)
        facts = CodeLetter(Destination("email", to), code, 600, utcnow(), Caller.api("192.0.2.7"), locale)
        with Flask(__name__).app_context():
            MailDeliverer(Letters(settings), [relay]).send_code(facts)
        return outbox.messages[-1]

    return make


@pytest.mark.parametrize("locale", ["tr", "en"])
def test_a_letter_is_an_alternative_of_text_and_html_with_the_same_code(
    locale: str, letter: Callable[..., ReceivedMail]
) -> None:
    mail = letter(code="0471", locale=locale, public_url="https://signin.example:8443")

    assert mail.parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.parsed.iter_parts()] == ["text/plain", "text/html"]
    assert code_in(mail) == "0471"
    assert re.findall(r">\s*(\d{4})\s*<", html_of(mail)) == ["0471"]
    assert "0471" not in str(mail.parsed["Subject"]), "a lock screen shows subjects"
    assert text_of(mail).rstrip("\n").splitlines()[-1] == "@signin.example #0471"
    assert mail.parsed["Content-Language"] == locale
    assert ("Type it on the page" in text_of(mail)) == (locale == "en")
    assert f'lang="{locale}"' in html_of(mail)


def test_the_headers_say_who_when_and_that_no_human_wrote_it(letter: Callable[..., ReceivedMail]) -> None:
    mails = [letter(mail_from="Portal Ünlü <hello@mail.example>") for _ in range(3)]

    for mail in mails:
        for name in ("From", "To", "Date", "Subject", "Message-ID", "MIME-Version"):
            assert len(mail.parsed.get_all(name, [])) == 1, name
        assert str(mail.parsed["From"]) == "Portal Ünlü <hello@mail.example>"
        assert (mail.envelope_from, mail.recipients) == ("hello@mail.example", [TO])
        assert parseaddr(str(mail.parsed["To"]))[1] == TO
        sent_at = parsedate_tz(str(mail.parsed["Date"]))
        assert sent_at is not None
        assert abs(mktime_tz(sent_at) - time.time()) < 60
        assert mail.parsed["Auto-Submitted"] == "auto-generated"
        assert not [name for name in mail.parsed if name.lower().startswith(("list-", "precedence", "bcc"))]
    ids = {str(mail.parsed["Message-ID"]) for mail in mails}
    assert len(ids) == 3
    assert all(re.fullmatch(r"<[^<>@\s]+@mail\.example>", message_id) for message_id in ids)


@pytest.mark.parametrize("locale", ["tr", "en"])
def test_whatever_the_names_a_letter_is_seven_bit_with_short_lines(
    locale: str, letter: Callable[..., ReceivedMail]
) -> None:
    long_url = "https://" + "a" * 60 + "." + "b" * 60 + ".example" + "/path" * 180
    brand = "Ğüzel Şirket & <b>İş</b> \x85From:\u2028日本 %(brand)s {{ 7*7 }}"
    mail = letter(locale=locale, brand_name=brand, public_url=long_url, support_email="yardım@destek.example")

    assert mail.raw.isascii()
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
    assert b"\r" not in mail.raw.replace(b"\r\n", b"")
    assert b"\n" not in mail.raw.replace(b"\r\n", b"")
    encodings = {part["Content-Transfer-Encoding"] for part in mail.parsed.iter_parts()}
    assert encodings <= {"7bit", "quoted-printable"}
    assert len(mail.parsed.get_all("From", [])) == 1
    for text in (text_of(mail), html_of(mail)):
        assert "Ğüzel Şirket" in text
        assert "{{ 7*7 }}" in text
        assert long_url in text
    assert "<b>İş</b>" not in html_of(mail)
    assert code_in(mail) == "0471"


def test_an_international_domain_is_punycode_in_the_envelope_and_in_the_header(
    letter: Callable[..., ReceivedMail],
) -> None:
    mail = letter(to=parse_email("Ada@Bücher.example").value)

    assert mail.recipients == ["ada@xn--bcher-kva.example"]
    assert str(mail.parsed["To"]) == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("name", ["sender", "recipient", "subject", "headers"])
@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\0", "\x0b", "\x7f"])
def test_no_field_of_a_letter_takes_a_control_character(name: str, control: str) -> None:
    bad = f"a{control}Bcc: eve@evil.example"
    good: dict[str, Any] = {"sender": "a@b.example", "recipient": TO, "subject": "s", "headers": {}}
    fields = good | {name: {"X-A": bad} if name == "headers" else bad}

    with pytest.raises(UnsafeHeader):
        Message(text="", html="", **fields)


@pytest.mark.parametrize("control", ["\r\nBcc: eve@evil.example", "\nX: y", "\0"])
def test_settings_and_addresses_cannot_bring_a_header_in(control: str) -> None:
    for name, value in (("brand_name", "Portal"), ("mail_from", "Portal <a@b.example>")):
        with pytest.raises(SettingsError):
            settings_for("sqlite:////nowhere/portal.db", "smtp://relay.example", **{name: value + control + "x"})
    with pytest.raises(InvalidInput):
        parse_email(f"ada@example.com{control}.example")


def test_a_sender_that_could_never_be_mailed_from_is_refused_at_the_start_or_works(
    letter: Callable[..., ReceivedMail],
) -> None:
    try:
        mail = letter(mail_from="Portal <hello@bücher.example>")
    except SettingsError:
        return
    assert mail.envelope_from == "hello@xn--bcher-kva.example"
