"""One normal form of a phone number: what people type, which numbers get text messages, and where these go at all."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_portal.errors import InvalidInput
from auth_portal.settings import Settings, load_settings
from auth_portal.signin.addresses import Destination
from auth_portal.signin.phones import MAX_LENGTH, parse_phone, range_of
from tests.conftest import environment

ADA = "+905551112233"
EVERYWHERE = "+"


def portal(**overrides: object) -> Settings:
    """The settings of a portal that sends everywhere, unless said otherwise."""
    wanted = {"sms_destinations": EVERYWHERE, **overrides}
    return load_settings(environment("sqlite:////tmp/x.db", "smtp://127.0.0.1:1", **wanted))


PORTAL = portal()


def normal(text: str, portal: Settings = PORTAL, region: str | None = None) -> str:
    """The normal form, or the reason of the refusal."""
    try:
        return parse_phone(text, portal, region).value
    except InvalidInput as refusal:
        return " ".join(refusal.faults.values())


SPELLINGS = [
    "+905551112233",
    "0555 111 22 33",
    "5551112233",
    "05551112233",
    "905551112233",
    "00905551112233",
    "+90 (555) 111-22-33",
    "+90 (0) 555 111 22 33",
    "(+90) 555.111.22.33",
    "0555/1112233",
    "  +90 555 111 22 33\n",
    "\u202a+90 555 111 22 33\u202c",
    "+90\u00a0555\u2009111\u201122\u201333",
    "＋９０５５５１１１２２３３",
    "٠٥٥٥١١١٢٢٣٣",
    "+۹۰۵۵۵۱۱۱۲۲۳۳",
    "०५५५१११२२३३",
]


@pytest.mark.parametrize("typed", SPELLINGS)
def test_every_spelling_of_a_number_is_one_number(typed: str) -> None:
    """MAIL-09 for phones: or one person would have several accounts, limits and ledgers."""
    assert parse_phone(typed, PORTAL) == Destination("sms", ADA)


@pytest.mark.parametrize(
    ("typed", "region", "value"),
    [
        ("(415) 555-2671", "US", "+14155552671"),
        ("415 555 2671", "us", "+14155552671"),
        ("07400 123456", "GB", "+447400123456"),
        ("011 44 7400 123456", "US", "+447400123456"),
        ("0171/1234567", "DE", "+491711234567"),
        ("312 345 6789", "IT", "+393123456789"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+905551112233", "US", ADA),
        ("0555 111 22 33", "US", "not_a_phone"),
        ("011 44 7400 123456", "TR", "not_a_phone"),
    ],
)
def test_a_national_number_is_of_the_region_that_was_named(typed: str, region: str, value: str) -> None:
    """Contract, section 2."""
    assert normal(typed, region=region) == value


def test_without_a_region_it_is_of_the_portals() -> None:
    assert normal("07400 123456", portal(default_region="GB")) == "+447400123456"
    assert normal("07400 123456") == "not_a_phone"


@pytest.mark.parametrize("region", ["", "T", "TUR", "ZZ", "001", "90", "+9", "ＴＲ", "tr\x00", "T" * 5_000])
def test_a_region_that_is_no_country_is_named_as_the_fault(region: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_phone(ADA, PORTAL, region)
    assert refusal.value.faults == {"region": "malformed"}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "missing"),
        (" \n\t", "missing"),
        ("+", "not_a_phone"),
        ("-", "not_a_phone"),
        ("0", "not_a_phone"),
        ("112", "not_a_phone"),
        ("+90", "not_a_phone"),
        ("+90555111223", "not_a_phone"),
        ("+9055511122334", "not_a_phone"),
        ("+905921234567", "not_a_phone"),
        ("+999555111223344", "not_a_phone"),
        ("++905551112233", "not_a_phone"),
        ("+90+5551112233", "not_a_phone"),
        ("00+905551112233", "not_a_phone"),
        ("+905551112233 ext 4", "not_a_phone"),
        ("+905551112233x4", "not_a_phone"),
        ("+905551112233;ext=4", "not_a_phone"),
        ("+905551112233,4", "not_a_phone"),
        ("+905551112233#4", "not_a_phone"),
        ("*905551112233", "not_a_phone"),
        ("tel:+905551112233", "not_a_phone"),
        ("0555 FLOWERS", "not_a_phone"),
        ("ada@example.com", "not_a_phone"),
        ("+90555111223³", "not_a_phone"),
        ("+90555111223Ⅲ", "not_a_phone"),
        ("+9055511\x0012233", "not_a_phone"),
        ("+90555111\n2233", "not_a_phone"),
        ("0555 111 22 33, 0555 111 22 34", "not_a_phone"),
        ("+905551112233" + " " * MAX_LENGTH, "too_long"),
        ("5" * 100_000, "too_long"),
    ],
)
def test_what_is_no_number_is_refused(typed: str, reason: str) -> None:
    """MAIL-15; letters and extensions lead to other people, or nowhere."""
    assert normal(typed) == reason


@pytest.mark.parametrize(
    ("typed", "outcome"),
    [
        ("+905551112233", ADA),
        ("+14155552671", "+14155552671"),  # who has it may have ported it to a mobile
        ("0212 123 45 67", "not_mobile"),
        ("0800 123 45 67", "not_mobile"),
        ("0900 123 45 67", "not_mobile"),
        ("444 1 444", "not_mobile"),
        ("+441481960194", "not_mobile"),
        ("+44 70 1123 4567", "not_mobile"),
        ("+44 84 3123 4567", "not_mobile"),
        ("+1 900 555 0123", "not_mobile"),
        ("0850 123 45 67", "+908501234567"),
        ("+44 56 1234 5678", "+445612345678"),
    ],
)
def test_only_what_may_be_a_mobile_is_sent_to(typed: str, outcome: str) -> None:
    """OTP-19: nothing of landlines, of numbers that cost the caller, and of the receiver's choice."""
    assert normal(typed) == outcome


@pytest.mark.parametrize(("profile", "outcome"), [("lenient", "+908501234567"), ("strict", "internet_phone")])
def test_the_strict_profile_takes_no_internet_telephony(profile: str, outcome: str) -> None:
    """OTP-33."""
    strict = portal(guess_profile=profile)
    assert normal("0850 123 45 67", strict) == outcome
    assert normal(ADA, strict) == ADA


@pytest.mark.parametrize(
    ("given", "served", "refused"),
    [
        ({}, [ADA], ["+14155552671", "+447400123456", "+491711234567"]),
        ({"default_region": "US"}, ["+14155552671"], [ADA, "+18765551234", "+14165551234"]),
        ({"default_region": "GB"}, ["+447400123456"], ["+447624012345", "+447797712345"]),
        ({"sms_destinations": "TR, DE"}, [ADA, "+491711234567"], ["+33612345678"]),
        ({"sms_destinations": "DE"}, ["+491711234567"], [ADA]),
        ({"sms_destinations": "TR,+4917"}, [ADA, "+491711234567"], ["+4915112345678"]),
        ({"sms_destinations": "+1"}, ["+14155552671", "+18765551234"], [ADA]),
        ({"sms_destinations": "+"}, [ADA, "+14155552671", "+33612345678"], []),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_numbers_elsewhere_are_refused(given: dict[str, str], served: list[str], refused: list[str]) -> None:
    """OTP-19, ASVS 6.6.4: of those who share a country code, too, for there text messages are dear."""
    here = portal(**{"sms_destinations": None, **given})
    assert [normal(number, here) for number in served] == served
    assert [normal(number, here) for number in refused] == ["not_served"] * len(refused)


def test_development_sends_everywhere_and_without_limits() -> None:
    """Contract, section 1: nothing leaves there."""
    development, production = (portal(env=env, sms_destinations=None) for env in ("development", "production"))
    assert normal("+14155552671", development) == "+14155552671"
    assert normal("+14155552671", production) == "not_served"


def test_a_range_is_ten_thousand_numbers() -> None:
    assert {range_of(f"+90555111{last:04}") for last in (0, 2233, 9999)} == {"+90555111"}
    assert range_of("+905551122233") != range_of(ADA)


def read(typed: str, region: str | None = None) -> Destination | set[str]:
    """What comes of a text: a destination, or the names of the fields that are wrong."""
    try:
        return parse_phone(typed, PORTAL, region, "phone")
    except InvalidInput as refusal:
        return set(refusal.faults)


@given(st.text(st.sampled_from(string.digits + "+ -()./x;,#٣０\u202a\x00aé"), max_size=40))
@settings(max_examples=500, deadline=None)
def test_whatever_is_typed_is_a_mobile_in_its_normal_form_or_refused(typed: str) -> None:
    found = read(typed)
    if isinstance(found, Destination):
        assert re.fullmatch(r"\+[0-9]{7,15}", found.value)
        assert read(found.value) == found
    else:
        assert found == {"phone"}


@given(st.text(max_size=80), st.text(max_size=4) | st.none())
@settings(max_examples=300, deadline=None)
def test_nothing_that_can_be_written_is_more_than_refused(typed: str, region: str | None) -> None:
    found = read(typed, region)
    assert isinstance(found, Destination) or found in ({"phone"}, {"region"})
    assert read(typed, region) == found
