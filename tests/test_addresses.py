"""One normal form of an address: who is the same person, who is not, and what is no address at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_portal.errors import InvalidInput
from auth_portal.signin.addresses import MAX_LENGTH, parse_email
from tests.drivers import ApiDriver
from tests.support.smtp import MailSink

LONG_DOMAIN = ".".join(["d" * 61] * 3)  # with a dot and a short label: 254 octets are easy to hit


def normal(text: str) -> str | None:
    """The normal form; None for what is refused."""
    try:
        return parse_email(text).value
    except InvalidInput:
        return None


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ADA@EXAMPLE.COM", "ada@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("\u00a0ada@example.com\u3000", "ada@example.com"),
        ("a.d.a@example.com", "a.d.a@example.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("Ada_O'Brien-1@Example.com", "ada_o'brien-1@example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("1@1.example.com", "1@1.example.com"),
        ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de"),
        ("ada@mu\u0308nchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de"),
        ("ada@XN--MNCHEN-3YA.DE", "ada@xn--mnchen-3ya.de"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
    ],
)
def test_what_people_type_has_one_normal_form(typed: str, value: str) -> None:
    """MAIL-09: case and IDN fold, dots and tags stay."""
    assert normal(typed) == value


@pytest.mark.parametrize(
    "typed",
    [
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@a@example.com",
        "ada@example.com@evil.example",
        "ada @example.com",
        "a da@example.com",
        "ada@exam ple.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@-example.com",
        "ada@example-.com",
        "ada@ex_ample.com",
        '"ada"@example.com',
        '"a b"@example.com',
        "(comment)ada@example.com",
        "ada@example.com(comment)",
        "ada(c)@example.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com;eve@example.com",
        "@relay.example:ada@example.com",
        "ada%evil.example@",
        "mailto:ada@example.com",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@127.0.0.1",
        "ada@localhost",
        "ada@example",
        "ada\r\nBcc: eve@example.com",
        "ada@example.com\r\nBcc: eve@evil.example",
        "ada\n@example.com",
        "ada\x00@example.com",
        "ada@example.com\x00",
        "ada\x7f@example.com",
        "ada\u200b@example.com",
        "ada@exam\u00adple.com\u202e",
        "\ud800@example.com",
        "ada@\udfff.com",
        "ada@xn--a.com",
        "ada@xn--.com",
        "ada@xn---.com",
        f"{'a' * 65}@example.com",
        f"ada@{'d' * 64}.com",
        f"{'a' * 64}@{LONG_DOMAIN}.abcd.com",
        "a" * 10_000,
        "ada@" + "a." * 126 + "com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    """MAIL-08: several, quoted, commented, routed, literal, over-long, or with anything that could end a header."""
    assert normal(typed) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "missing"), (" \t\r\n", "missing"), ("a" * (MAX_LENGTH + 1), "too_long"), ("ada", "not_an_address")],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_email(text, "to")
    assert refusal.value.faults == {"to": reason}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a.da@example.com", "ada@example.com"),
        ("ada+x@example.com", "ada@example.com"),
        ("ada-x@example.com", "ada@example.com"),
        ("ada@example.com", "ada@example.co"),
        ("ada@mail.example.com", "ada@example.com"),
        ("ada@ex\u0430mple.com", "ada@example.com"),
        ("ada@exampl\u0435.com", "ada@example.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("mike@example.org", "m\u0131ke@example.org"),
        ("ada@\u0131nfo.example", "ada@info.example"),
        ("ada@stra\u00dfe.de", "ada@strasse.de"),
        ("paypa1@example.com", "paypal@example.com"),
    ],
)
def test_addresses_that_only_look_alike_are_two_people(one: str, two: str) -> None:
    """MAIL-09: homoglyphs, dots, tags and providers' habits never share an account."""
    assert normal(one) != normal(two)


@pytest.mark.parametrize(
    "typed",
    [
        "m\u0131ke@example.org",  # Turkish dotless i
        "M\u0130KE@example.org",  # its capital with a dot
        "\u212aate@example.com",  # the Kelvin sign, which folds to k
        "\u017fam@example.com",  # long s, which folds to s
        "\uff41da@example.com",  # full-width a
        "\u00e4da@example.com",
        "\u0430da@example.com",  # Cyrillic a
        "a\u0301da@example.com",
        "ﬁ@example.com",
        "ada＠example.com",
    ],
)
def test_a_local_part_outside_ascii_never_becomes_somebody_elses(typed: str) -> None:
    """Folding such letters is how accounts were taken over (rivals.md, section 3, row 11)."""
    assert normal(typed) is None


@pytest.mark.parametrize("typed", ["\u212aate@\u212aelvin.example", "ada@\u212aelvin.example", "ada@ſam.example"])
def test_whatever_a_domain_folds_to_the_letter_goes_to_the_folded_one(typed: str) -> None:
    value = normal(typed)
    assert value is None or (value.isascii() and value == normal(value))


LETTERS = st.text(st.sampled_from('aZ0.+-_@ıİKſＡü\u0308ß。.xn-\u200d\x00\n"(<,') | st.characters(), max_size=30)


@settings(max_examples=300, deadline=None)
@given(
    LETTERS | st.builds("{}@{}.{}".format, LETTERS, LETTERS, st.sampled_from(["com", "DE", "テスト"])) | st.emails()
)
def test_the_normal_form_is_ascii_bounded_and_its_own_normal_form(text: str) -> None:
    value = normal(text)
    if value is None:
        return
    assert value.isascii()
    assert value.isprintable()
    assert value == value.lower()
    assert value.count("@") == 1
    assert len(value) <= MAX_LENGTH
    assert normal(value) == value


def test_the_letter_goes_to_the_normal_form(api: ApiDriver, outbox: MailSink) -> None:
    """What is mailed is what owns the account, never what was typed."""
    assert api.send(" ADA@MÜNCHEN.de ").json["data"]["email"] == "ada@xn--mnchen-3ya.de"
    assert [mail.recipients for mail in outbox.messages] == [["ada@xn--mnchen-3ya.de"]]


def test_every_spelling_signs_into_the_same_account(api: ApiDriver) -> None:
    user = api.register("ada+work@xn--mnchen-3ya.de")["user"]
    api.at("203.0.113.9").send("Ada+Work@MÜNCHEN.de")
    code = api.code_sent_to("ada+work@xn--mnchen-3ya.de")
    assert api.at("203.0.113.9").login("ADA+WORK@mu\u0308nchen.DE", code).json["data"]["user"] == user
