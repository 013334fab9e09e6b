"""What text messages say: one message each, in the alphabet of the network, with a code that phones fill in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from auth_portal.delivery.gsm import is_gsm, parts, plain
from auth_portal.delivery.texts import TextMessage, Texts
from auth_portal.settings import Settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.callers import Caller
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import AddressLetter, NewsKind
from auth_portal.signin.otp import AskingApp
from tests.conftest import settings_for
from tests.support.sms import code_in
from tests.texting import FIREFOX, MOMENT, NUMBER, code_letter, notice

LONG = "12345678901234567890"
OPERATOR_MARK = " B002"
SETTINGS = settings_for("sqlite:////nowhere/portal.db", "smtp://127.0.0.1:1")
CODE_IS = {"tr": "kodunuz", "en": "code", "de": "ode", "fr": "ode", "es": "odigo"}
"""What stands before the code, in the languages that the alphabet of the network can write."""
NEVER_SHARE = re.compile(r"Never share|Kimseye vermeyin|Nie weitergeben|Gardez-le|Ne le donnez|No lo compartas")
IN_EACH = pytest.mark.parametrize("locale", CODE_IS)
LINK = re.compile(r"\w[/.:@]\w|www\.|//", re.IGNORECASE)
"""What phones make links of."""

codes = st.text("0123456789", min_size=4, max_size=20)
locales = st.sampled_from(list(CODE_IS))
names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=100)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=2, max_size=8).map(".".join).filter(lambda host: len(host) <= 60)


def settings(**overrides: Any) -> Settings:
    """Settings of a portal at portal.example."""
    return SETTINGS.model_copy(update={"public_url": "https://portal.example", **overrides})


def words_of(message: TextMessage) -> str:
    """What a person reads: all but the line for the phone."""
    return message.text.rpartition("\n\n@")[0] or message.text


def is_one(text: str) -> bool:
    """Whether it is one message, the operator's mark included, of the alphabet that has the room for it."""
    return is_gsm(text) and parts(text + OPERATOR_MARK) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3)),
        *(("€" * 80, 1), ("€" * 81, 2), ("{" * 79 + "ab", 1), ("\f" * 80, 1), ("Çöü@_$\n" * 22, 1)),
        # An escape and its letter stay together: the second part begins one septet early.
        *(("a" * 152 + "€" + "a" * 152, 3), ("a" * 151 + "€" + "a" * 153, 2)),
        *(("ş" * 70, 1), ("ş" * 71, 2), ("ş" + "a" * 133, 2), ("ş" * 135, 3)),
        # Outside the basic plane a letter is two units, which stay together too.
        *(("😀" * 35, 1), ("😀" * 36, 2), ("😀" * 66, 2), ("😀" * 67, 3)),
    ],
)
def test_messages_are_counted_as_networks_count_them(text: str, expected: int) -> None:
    """3GPP TS 23.038, sections 6.1.2.1 and 6.2.1."""
    assert parts(text) == expected


def test_the_alphabet_has_every_letter_of_the_standard_and_no_other() -> None:
    """128 places of which one is the escape, and ten letters behind it."""
    assert sum(is_gsm(chr(point)) for point in range(0x11_0000)) == 127 + 10
    assert not any(is_gsm(letter) for letter in "şŞğĞıİç`’…\t\x1b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Çiçekçi Ağı", "Çicekci Agi"),
        ("İŞÇİ Şube", "ISÇI Sube"),
        ("Müşteri Öğretmen Ünlü", "Müsteri Ögretmen Ünlü"),
        ("Café “Zoë” – l’été", 'Café "Zoe" - l\'été'),
        ("Łódź Đà Œuvre", "Lodz Dà OEuvre"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "Full width"),
        ("Pizza 🍕 Express", "Pizza Express"),
        ("a\n@evil.example #1\t b", "a @evil.example #1 b"),
        ("Пример", ""),
        ("مثال", ""),
        ("東京 Tokyo", "Tokyo"),
        ("Пример Co", ""),
        ("🍕", ""),
    ],
)
def test_a_name_is_written_in_the_alphabet_or_left_out(name: str, expected: str) -> None:
    assert plain(name) == expected


@given(st.text())
def test_what_is_written_plainly_is_in_the_alphabet_and_on_one_line(name: str) -> None:
    assert is_gsm(plain(name))
    assert len(plain(name).splitlines()) <= 1


@given(
    code=codes,
    locale=locales,
    brand=names,
    host=hosts,
    app=st.none() | st.builds(AskingApp, names),
    purpose=st.sampled_from(["sign_in", "add_address"]),
    seconds=st.integers(1, 600),
)
@example("0471", "tr", "Ğ" * 60, "a" * 29 + "." + "b" * 30, None, "add_address", 600)
@example(LONG, "en", "€" * 60, "a" * 29 + "." + "b" * 30, None, "add_address", 600)
@example(LONG, "tr", "[" * 60, "a" * 29 + "." + "b" * 30, AskingApp("]" * 100), "sign_in", 1)
def test_a_code_is_one_message_with_the_code_once_and_a_warning_and_no_link(
    code: str, locale: str, brand: str, host: str, app: AskingApp | None, purpose: Any, seconds: int
) -> None:
    """MAIL-13, MAIL-15."""
    assume(code not in brand and (app is None or code not in app.name))
    letter = code_letter(code, locale, app=app, purpose=purpose)
    message = Texts(settings(brand_name=brand, public_url=f"https://{host}:8443/path")).code(letter)
    words = words_of(message)
    assert is_one(message.text)
    assert code_in(message.text, host) == code
    assert re.findall(r"(?<!\d)\d{4,}(?!\d)", words.rpartition(CODE_IS[locale])[2])[0] == code
    assert words.count(code) == 1
    assert NEVER_SHARE.search(words)
    assert not LINK.search(words)
    assert (message.to, message.kind, message.lives_for_s) == (NUMBER, "code", 600)


@given(code=codes, locale=locales, host=st.lists(labels, min_size=10, max_size=20).map(".".join))
def test_however_long_the_host_is_the_code_and_its_line_are_there(code: str, locale: str, host: str) -> None:
    message = Texts(settings(public_url=f"https://{host}")).code(code_letter(code, locale))
    assert code_in(message.text, host) == code
    assert words_of(message).count(code) == 1


@given(brand=names, locale=locales, device=st.text(max_size=60))
def test_a_notice_is_one_message_without_a_code(brand: str, locale: str, device: str) -> None:
    """MAIL-15, OTP-30."""
    texts = Texts(settings(brand_name=brand, signup="closed"))
    told = [
        texts.no_account(code_letter(LONG, locale)),
        texts.wrong_codes(notice(locale)),
        texts.new_sign_in(notice(locale, Caller.api("192.0.2.7", device))),
    ]
    assert [message.kind for message in told] == ["no_account", "wrong_codes", "new_sign_in"]
    for message in told:
        assert is_one(message.text)
        assert (message.to, message.lives_for_s) == (NUMBER, None)
        assert not re.search(r"@\S+ #\S+\Z", message.text)
        assert LONG not in message.text


UNDO = f"https://portal.example/account/undo/{'0f' * 32}"
RESTORE = f"https://portal.example/account/restore/{'Zm' * 24}"


@IN_EACH
@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("brand", ["Auth Portal", "The Very Long and Winding Company of Very Long Names Limited"])
def test_a_deletion_is_told_in_one_message(locale: str, month: int, brand: str) -> None:
    """PRIV-03, MAIL-15: the names of months have letters that the alphabet lacks, too."""
    letter = LeavingLetter(Destination("sms", NUMBER), MOMENT, locale, MOMENT.replace(month=month), RESTORE)
    text = Texts(settings(brand_name=brand)).account_deleted(letter).text
    assert is_one(text)
    assert text.endswith(f" {RESTORE}")


@IN_EACH
@pytest.mark.parametrize("brand", ["Auth Portal", "€" * 60])
@pytest.mark.parametrize("kind", ["main_changed", "removed", "added", "restored"])
def test_a_change_of_numbers_is_told_in_the_alphabet_with_the_room(kind: NewsKind, brand: str, locale: str) -> None:
    """MAIL-15: one message, and two where it has a link."""
    undo = UNDO if kind in ("main_changed", "removed") else None
    letter = AddressLetter(Destination("sms", NUMBER), MOMENT, FIREFOX, locale, kind, "sms", "…33", "…66", undo)
    text = Texts(settings(brand_name=brand)).address_news(letter).text
    assert is_gsm(text)
    assert parts(text + OPERATOR_MARK) == (2 if undo else 1)
    assert text.endswith(f": {UNDO}") or undo is None


def test_a_code_says_whose_it_is_and_for_what() -> None:
    """OTP-31: whoever adds a number is not told of a sign-in."""
    texts = Texts(settings())
    assert texts.code(code_letter()).text == (
        "Auth Portal: Your sign-in code is 0471. It works for 10 minutes. Never share it, not even with us."
        "\n\n@portal.example #0471"
    )
    shop = AskingApp("Çiçekçi", "#ff0000")
    assert texts.code(code_letter(app=shop, purpose="add_address")).text.startswith(
        "Çicekci: Your code to add this number is 0471."
    )


def test_an_arabic_code_is_one_message_too_at_a_host_of_a_usual_length() -> None:
    """MAIL-15: a message in its letters has half the room."""
    for purpose in ("sign_in", "add_address"):
        text = Texts(settings()).code(code_letter("0471", "ar", purpose=purpose)).text
        assert not is_gsm(text)
        assert parts(text + OPERATOR_MARK) == 1
        assert code_in(text, "portal.example") == "0471"
        assert "لا تشاركه" in text


def test_turkish_is_turkish() -> None:
    """Contract, section 7."""
    texts = Texts(settings())
    assert texts.code(code_letter(locale="tr")).text == (
        "Auth Portal: Oturum kodunuz: 0471. Süresi 10 dakika. Kimseye vermeyin, bize bile.\n\n@portal.example #0471"
    )
    assert texts.code(code_letter(locale="tr", purpose="add_address")).text.startswith(
        "Auth Portal: Numara ekleme kodunuz: 0471."
    )
    assert "Yeni oturum: Windows üzerinde Firefox, 4 Sub 05:06 UTC." in texts.new_sign_in(notice("tr")).text


def test_an_unknown_language_is_the_portals_own() -> None:
    texts = Texts(settings(default_locale="en"))
    assert texts.code(code_letter(locale="xx")).text == texts.code(code_letter(locale="en")).text


def test_a_name_that_leaves_no_room_is_cut_before_the_warning_is() -> None:
    host = "a-portal-with-a-rather-long-name.accounts.example"
    name = "The Very Long and Winding Company of Very Long Names Limited"
    message = Texts(settings(brand_name=name, public_url=f"https://{host}")).code(code_letter(LONG))
    assert words_of(message) == f"The Very Long and: Your sign-in code is {LONG}. Never share it."


@pytest.mark.parametrize(
    "name",
    [
        *("https://evil.example/x", "www.evil.example", "a@evil.example", "Booking.com"),
        # Full stops, slashes and spaces that the GSM alphabet lacks become ones that it has, or nothing.
        *("evil\uff0eexample", "evil\u2024example", "evil\u3002example", "evil.\u2028example"),
        *("\u2100vil.\x1cexample", "evil.\u200bexample", "evil.\u2603example", "evil\ufe52example", "\uff20evil"),
        "evil\uff0f\uff0fexample",
    ],
)
@IN_EACH
def test_a_name_that_phones_would_make_a_link_of_is_taken_apart(name: str, locale: str) -> None:
    """MAIL-15."""
    message = Texts(settings()).code(code_letter(locale=locale, app=AskingApp(name)))
    assert not LINK.search(words_of(message))


def test_a_name_cannot_bring_a_last_line_of_its_own() -> None:
    """MAIL-13: a code for another host would be filled in there."""
    message = Texts(settings(brand_name="Shop\n\n@evil.example #9999")).code(code_letter())
    assert code_in(message.text, "portal.example") == "0471"
    assert message.text.count("@") == 1


@IN_EACH
def test_a_notice_names_what_is_known(locale: str) -> None:
    texts = Texts(settings())
    known = texts.new_sign_in(notice(locale)).text
    unknown = texts.new_sign_in(notice(locale, Caller.api("192.0.2.7"))).text
    assert "Firefox" in known
    assert "05:06 UTC" in known
    assert "05:06 UTC" in unknown
    assert "None" not in unknown
    assert "05:06 UTC" in texts.new_sign_in(notice(locale, None)).text


def test_two_texts_are_never_taken_for_one() -> None:
    texts = Texts(settings())
    assert texts.code(code_letter()).id != texts.code(code_letter()).id


def test_a_text_that_is_shown_by_a_debugger_tells_nothing() -> None:
    """OPS-03."""
    shown = repr(Texts(settings()).code(code_letter()))
    assert not [secret for secret in ("0471", NUMBER, "55511") if secret in shown]
