"""Codes: derived evenly from one key, read as people type them, repeated while their key is honoured."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_portal.errors import InvalidInput
from auth_portal.signin.codes import codes_match, derive_code, parse_code
from auth_portal.signin.keyring import KeyRing
from auth_portal.signin.texts import is_printable
from tests.conftest import Made
from tests.drivers import ApiDriver, data_of, outcome
from tests.support.letters import code_in
from tests.support.smtp import MailSink

ADA = "ada@example.com"
OLD, NEW = "former secret of the tests/" * 2, "present secret of the tests/" * 2
REFUSED = (401, "code_invalid")
IDS = 20_000
CHI_SQUARE_9 = 39.3  # exceeded by chance once in 100,000 times with 9 degrees of freedom


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    """The keys of one secret."""
    return KeyRing([OLD])


def test_every_digit_is_as_likely_at_each_position(ring: KeyRing) -> None:
    """OTP-01: chi-square over 20,000 ids; and the digits of one code do not depend on each other."""
    codes = [derive_code(ring, ring.code_key_id, f"{number:032x}", 4) or "" for number in range(IDS)]
    for position in range(4):
        seen = Counter(code[position] for code in codes)
        assert sum((seen[digit] - IDS / 10) ** 2 / (IDS / 10) for digit in "0123456789") < CHI_SQUARE_9
    pairs = Counter(code[:2] for code in codes)
    assert sum((pairs[f"{pair:02}"] - IDS / 100) ** 2 / (IDS / 100) for pair in range(100)) < 170


@pytest.mark.parametrize("length", [4, 6, 8, 12])
def test_a_code_has_its_length_and_keeps_leading_zeros(ring: KeyRing, length: int) -> None:
    """OTP-01."""
    codes = [derive_code(ring, ring.code_key_id, f"{number:032x}", length) or "" for number in range(200)]
    assert {len(code) for code in codes} == {length}
    assert any(code.startswith("0") for code in codes)


def test_codes_of_two_lengths_share_no_digits_by_rule(ring: KeyRing) -> None:
    """A shorter code is not the tail of a longer one: knowing one gives no part of the other."""
    ids = [f"{number:032x}" for number in range(100)]
    short = [derive_code(ring, ring.code_key_id, one, 4) for one in ids]
    tails = [(derive_code(ring, ring.code_key_id, one, 6) or "")[-4:] for one in ids]
    assert sum(code == tail for code, tail in zip(short, tails, strict=True)) < 3


def test_a_code_is_the_same_each_time_it_is_derived() -> None:
    codes = {derive_code(KeyRing([OLD]), KeyRing([OLD]).code_key_id, "a" * 32, 6) for _ in range(3)}
    assert len(codes) == 1


def test_the_key_id_selects_one_key_only() -> None:
    """OTP-07: with two honoured keys a challenge still has one code, the one of the key it was made with."""
    both, former = KeyRing([NEW, OLD]), KeyRing([OLD])
    assert derive_code(both, former.code_key_id, "a" * 32, 12) == derive_code(
        former, former.code_key_id, "a" * 32, 12
    )
    assert derive_code(both, both.code_key_id, "a" * 32, 12) != derive_code(both, former.code_key_id, "a" * 32, 12)


def test_new_codes_are_made_with_the_present_key() -> None:
    assert KeyRing([NEW, OLD]).code_key_id == KeyRing([NEW]).code_key_id


@pytest.mark.parametrize("key_id", ["", "0" * 16, KeyRing([NEW]).code_key_id])
def test_a_key_that_is_not_honoured_gives_no_code(ring: KeyRing, key_id: str) -> None:
    assert derive_code(ring, key_id, "a" * 32, 4) is None


def test_no_code_matches_where_there_is_none() -> None:
    """OTP-25."""
    assert not codes_match(None, "1234")
    assert codes_match("0123", "0123")
    assert not codes_match("0123", "123")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        (" \t", "missing"),
        ("123", "not_a_code"),
        ("12345", "not_a_code"),
        ("12a4", "not_a_code"),
        ("¹²³⁴", "not_a_code"),
        ("१२३४", "not_a_code"),
        ("①②③④", "not_a_code"),
        ("12.34", "not_a_code"),
        ("+1234", "not_a_code"),
        ("1_234", "not_a_code"),
        ("0x12", "not_a_code"),
        ("12\x0034", "not_a_code"),
        ("1234\u200b", "not_a_code"),
        ("12\ud80034", "not_a_code"),
        ("----", "not_a_code"),
        (" " * 100 + "1234", "not_a_code"),
    ],
)
def test_what_is_no_code_is_refused_with_its_reason(text: str, reason: str) -> None:
    """OTP-27: nothing else than the listed digits and separators."""
    with pytest.raises(InvalidInput) as refusal:
        parse_code(text, {4})
    assert refusal.value.faults == {"code": reason}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12))
def test_whatever_is_typed_gives_ascii_digits_or_a_refusal(text: str) -> None:
    try:
        code = parse_code(text, {4})
    except InvalidInput:
        return
    assert len(code) == 4
    assert set(code) <= set("0123456789")
    assert [str(unicodedata.digit(one)) for one in text if one.isdigit()] == list(code)


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\nb", "a\u2028b", "a\u2029b", "a\x7fb", "\ud800", "\ue000", "a\u202eb", "a\u2066b"]
)
def test_a_name_with_this_in_it_is_not_printable(text: str) -> None:
    """Control characters, separators, lone surrogates, private use, and what turns the reading direction round."""
    assert not is_printable(text)


@pytest.mark.parametrize("text", ["Ada", "Şükrü İpek", "Zoë", "李", "O’Brien-Smith", "نیکی\u200cنام", "👩\u200d💻"])
def test_names_of_people_are_printable(text: str) -> None:
    assert is_printable(text)


TYPED = ["{0} {1} {2} {3}", " {0}{1}-{2}{3}\n", "{0}{1}\u2013{2}{3}", "{0}\u00a0{1}{2}{3}"]


def test_separators_and_digits_of_other_keyboards_do_not_matter(api: ApiDriver) -> None:
    """OTP-27: spaces, hyphens, full-width, Arabic-Indic and Persian digits."""
    ways = [lambda code, way=way: way.format(*code) for way in TYPED]
    ways += [lambda code, zero=zero: "".join(chr(ord(zero) + int(digit)) for digit in code) for zero in "０٠۰"]
    for number, way in enumerate(ways):
        email = f"ada{number}@example.com"
        api.send(email)
        assert api.login(email, way(api.code_sent_to(email))).status_code == 200, way("1234")


def test_a_malformed_code_costs_no_attempt(api: ApiDriver) -> None:
    """OTP-28."""
    api.send(ADA)
    for code in ("123", "12345", "12a4", "", "    ", "१२३४", "1234\x00", "1" * 10_000) * 3:
        assert outcome(api.login(ADA, code)) == (400, "validation_failed")
    assert api.login(ADA, api.code_sent_to(ADA)).status_code == 200


def test_a_code_in_flight_survives_the_rotation_of_the_secret(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    """OPS-15: the same code is repeated and taken."""
    ApiDriver(make_app(secret_key=OLD), outbox).send(ADA)
    rotated = ApiDriver(make_app(secret_key=NEW, secret_key_fallbacks=OLD), outbox)
    clock.shift(31)
    rotated.send(ADA)
    assert len({code_in(mail) for mail in outbox.sent_to(ADA)}) == 1
    assert rotated.login(ADA, rotated.code_sent_to(ADA)).status_code == 200


def test_without_the_former_secret_a_new_code_is_sent_and_works(
    make_app: Made, outbox: MailSink, clock: time_machine.Traveller
) -> None:
    handle = data_of(ApiDriver(make_app(secret_key=OLD), outbox).send(ADA))["challengeId"]
    changed = ApiDriver(make_app(secret_key=NEW), outbox)
    assert outcome(changed.login(ADA, changed.code_sent_to(ADA))) == REFUSED
    clock.shift(31)
    assert data_of(changed.send(ADA))["challengeId"] != handle
    assert changed.login(ADA, changed.code_sent_to(ADA)).status_code == 200
