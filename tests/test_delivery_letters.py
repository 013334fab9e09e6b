"""What letters are made of, as a relay receives them: parts, headers, encodings, and nothing slipped in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import mktime_tz, parseaddr, parsedate_tz
from html import unescape
from typing import Any

import pytest
from flask import Flask

from auth_portal.db import utcnow
from auth_portal.delivery.deliverer import LetterDeliverer, MailChannel
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.message import Message, UnsafeHeader
from auth_portal.delivery.relays import SmtpRelay
from auth_portal.errors import InvalidInput
from auth_portal.settings import SettingsError, parse_relay
from auth_portal.signin.addresses import Destination, parse_email
from auth_portal.signin.callers import Caller
from auth_portal.signin.notices import NoticeLetter
from auth_portal.signin.otp import CodeLetter
from tests.conftest import settings_for
from tests.support.smtp import MailSink, ReceivedMail, code_in, html_of, text_of

PORTAL = "https://signin.example:8443"
LINK, NOT_ME = f"{PORTAL}/login/link/{'0f' * 32}", f"{PORTAL}/login/not-me/{'e1' * 32}"
TO, LONG = "ada@example.com", "12345678901234567890"
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BROWSER = Caller.browser("secret", "192.0.2.7", "Firefox/Windows")
IN_BOTH = pytest.mark.parametrize("locale", ["tr", "en"])
Send = Callable[..., ReceivedMail]


@pytest.fixture
def deliver(outbox: MailSink) -> Send:
    """Sends a letter of ``LetterDeliverer``'s method of that name and gives it as it arrived; settings by name."""

    def make(kind: str, facts: CodeLetter | NoticeLetter, **overrides: object) -> ReceivedMail:
        settings = settings_for("sqlite:////nowhere/portal.db", outbox.url, **overrides)
        relay = SmtpRelay(parse_relay(outbox.url), settings.public_host)
        with Flask(__name__).app_context():
            getattr(LetterDeliverer(MailChannel(Letters(settings), [relay])), f"send_{kind}")(facts)
        return outbox.messages[-1]

    return make


@pytest.fixture
def letter(deliver: Send) -> Send:
    """Sends one letter with a code."""

    def make(
        to: str = TO,
        code: str = "0471",
        locale: str = "en",
        *,
        link: str | None = None,
        not_me: str = NOT_ME,
        **overrides: object,
    ) -> ReceivedMail:
        facts = CodeLetter(Destination("email", to), code, 600, utcnow(), BROWSER, locale, link, not_me)
        return deliver("code", facts, **overrides)

    return make


@pytest.fixture
def notice(deliver: Send) -> Send:
    """Sends one notice of something that happened at ``MOMENT``."""

    def make(kind: str, locale: str = "en", caller: Caller | None = BROWSER, **overrides: object) -> ReceivedMail:
        facts = NoticeLetter(Destination("email", TO), MOMENT, caller, locale)
        return deliver(kind, facts, public_url=PORTAL, **overrides)

    return make


def words_of(mail: ReceivedMail) -> str:
    """What a reader of the HTML part sees, in one line."""
    body = html_of(mail).partition("<body")[2].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def links_of(mail: ReceivedMail) -> list[str]:
    """Where the HTML part leads."""
    return [unescape(address) for address in re.findall(r'href="([^"]*)"', html_of(mail))]


@IN_BOTH
def test_a_letter_is_an_alternative_of_text_and_html_with_the_same_code(locale: str, letter: Send) -> None:
    mail = letter(code="0471", locale=locale, public_url=PORTAL)

    assert mail.parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.parsed.iter_parts()] == ["text/plain", "text/html"]
    assert code_in(mail) == "0471"
    assert re.findall(r">\s*(\d{4})\s*<", html_of(mail)) == ["0471"]
    assert "0471" not in str(mail.parsed["Subject"]), "a lock screen shows subjects"
    assert text_of(mail).rstrip("\n").splitlines()[-1] == "@signin.example #0471"
    assert mail.parsed["Content-Language"] == locale
    assert ("Type it on the page" in text_of(mail)) == (locale == "en")
    assert f'lang="{locale}"' in html_of(mail)


@IN_BOTH
def test_a_letter_says_what_the_code_does_who_asked_and_to_keep_it(locale: str, letter: Send) -> None:
    """OTP-29: service, purpose, lifetime, time and coarse origin, and never to give it to anybody."""
    mail = letter(locale=locale, public_url=PORTAL, brand_name="Acme")
    keep = {"tr": "Kodu kimseyle paylaşmayın.", "en": "Do not give it to anybody."}[locale]
    device = {"tr": "Windows üzerinde Firefox", "en": "Firefox on Windows"}[locale]
    facts = ["Acme", "signin.example", "10 ", device, "192.0.2.x", TO, keep]
    for part in (text_of(mail), words_of(mail)):
        assert [fact for fact in facts if fact not in part] == []
        assert re.search(r"\d\d:\d\d UTC", part)
        assert "192.0.2.7" not in part


@IN_BOTH
@pytest.mark.parametrize("code", ["0471", "04711234", LONG])
def test_the_code_comes_first_and_plain_digits_last(code: str, locale: str, letter: Send) -> None:
    """MAIL-12, MAIL-14: what looks for a code in a letter finds no other digits before it."""
    mail = letter(code=code, locale=locale, link=LINK, public_url=PORTAL)
    shown = "1234 5678 9012 3456 7890" if code == LONG else code
    first, *_rest, last = text_of(mail).rstrip("\n").splitlines()
    before, _, _ = text_of(mail).partition(shown)

    assert before == f"{first}\n\n"
    assert re.search(r"\d", first) is None
    assert f"\n{shown}\n" in text_of(mail)
    assert last == f"@signin.example #{code}"
    assert words_of(mail).startswith(f"{shown} · ")
    assert re.findall(r"<td[^>]*>([\d ]+)</td>", html_of(mail)) == [shown]


@IN_BOTH
def test_a_letter_with_a_link_leads_to_it_from_both_parts(locale: str, letter: Send) -> None:
    """OTP-37."""
    mail = letter(locale=locale, link=LINK, public_url=PORTAL)
    lines = text_of(mail).splitlines()

    assert [line for line in lines if "://" in line] == [LINK, NOT_ME, PORTAL]
    assert links_of(mail) == [LINK, NOT_ME, PORTAL]
    assert lines.index(LINK) > lines.index({"en": "Network: 192.0.2.x", "tr": "Ağ: 192.0.2.x"}[locale])
    button = {"en": "Sign in", "tr": "Giriş yap"}[locale]
    assert re.search(f'<a [^>]*href="{LINK}"[^>]*>{button}</a>', html_of(mail))
    stop = {"en": "Stop this code", "tr": "Bu kodu geçersiz kıl"}[locale]
    assert re.search(f'<a [^>]*href="{NOT_ME}"[^>]*>{stop}</a>', html_of(mail))
    assert lines[lines.index(NOT_ME) - 1] == f"{stop}:"


def test_a_letter_without_a_link_does_not_speak_of_one(letter: Send) -> None:
    mail = letter(public_url=PORTAL)

    assert links_of(mail) == [NOT_ME, PORTAL]
    assert [line for line in text_of(mail).splitlines() if "://" in line] == [NOT_ME, PORTAL]
    assert "Type it on the page where you asked for it." in text_of(mail)
    for word in ("link", "button", "Sign in"):
        assert word not in text_of(mail) + words_of(mail), word


def test_each_letter_has_links_of_its_own() -> None:
    """Letters are kept as skeletons: nothing of one person's may be left in the next one's."""
    letters = Letters(settings_for("sqlite:////nowhere/portal.db", "smtp://relay.example", public_url=PORTAL))
    for number in ("1", "2"):
        to, link, not_me = f"ada{number}@example.com", f"{PORTAL}/link{number}", f"{PORTAL}/not{number}"
        facts = CodeLetter(Destination("email", to), number * 4, 600, utcnow(), BROWSER, "en", link, not_me)
        mail = letters.code(facts)
        assert re.findall(r'href="([^"]*)"', mail.html or "") == [link, not_me, PORTAL]
        assert re.findall(r"^http.*", mail.body or "", re.MULTILINE) == [link, not_me, PORTAL]
        assert set(re.findall(r"ada\d@example.com", f"{mail.body}{mail.html}")) == {to}


NOTICES = {
    ("new_sign_in", "en"): ("New sign-in to Auth Portal", "New sign-in to your account"),
    ("new_sign_in", "tr"): ("Auth Portal: yeni giriş", "Hesabınıza yeni bir giriş yapıldı"),
    ("wrong_codes", "en"): ("Wrong codes at Auth Portal", "Wrong codes were typed for your address"),
    ("wrong_codes", "tr"): ("Auth Portal: yanlış kodlar", "Adresiniz için yanlış kodlar girildi"),
}


@pytest.mark.parametrize(("kind", "locale"), NOTICES)
def test_a_notice_says_in_both_parts_what_happened_and_what_to_do(kind: str, locale: str, notice: Send) -> None:
    """OTP-30, MAIL-19."""
    mail = notice(kind, locale, support_email="help@signin.example")
    subject, heading = NOTICES[kind, locale]
    device, moment = {
        "en": ("Firefox on Windows", "4 March 2026 05:06 UTC"),
        "tr": ("Windows üzerinde Firefox", "4 Mart 2026 05:06 UTC"),
    }[locale]

    assert (str(mail.parsed["Subject"]), text_of(mail).splitlines()[0]) == (subject, heading)
    assert mail.parsed["Content-Language"] == locale
    assert mail.parsed["Auto-Submitted"] == "auto-generated"
    facts = (TO, moment, device, "192.0.2.x")
    for line in text_of(mail).replace(PORTAL, "signin.example").splitlines():
        for part in line.split(": ", 1) if line.endswith(facts) else [line]:
            assert part in words_of(mail), part
    for fact in (*facts, "help@signin.example"):
        assert fact in text_of(mail), fact
    assert links_of(mail) == [PORTAL]


@pytest.mark.parametrize(("kind", "locale"), NOTICES)
def test_a_notice_of_nobody_in_particular_names_no_device(kind: str, locale: str, notice: Send) -> None:
    mail = notice(kind, locale, caller=None)
    for text in (text_of(mail), words_of(mail)):
        for word in ("None", "Device", "Network", "Cihaz", "Ağ:"):
            assert word not in text, word


@IN_BOTH
def test_the_notice_of_wrong_codes_counts_nothing_and_blames_nobody(locale: str, notice: Send) -> None:
    """BUD-07."""
    text = text_of(notice("wrong_codes", locale, caller=None))
    told = [line for line in text.splitlines() if not line.endswith((" UTC", PORTAL))]
    assert re.findall(r"\d", "".join(told)) == []
    assert {"en": "perhaps you", "tr": "belki de siz"}[locale] in text


def test_the_headers_say_who_when_and_that_no_human_wrote_it(letter: Send) -> None:
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


@IN_BOTH
def test_whatever_the_names_a_letter_is_seven_bit_with_short_lines(locale: str, letter: Send) -> None:
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
    letter: Send,
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
    letter: Send,
) -> None:
    try:
        mail = letter(mail_from="Portal <hello@bücher.example>")
    except SettingsError:
        return
    assert mail.envelope_from == "hello@xn--bcher-kva.example"
