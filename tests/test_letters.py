"""Every letter in every language: what it says in both parts, and how it looks where stylesheets are dropped."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import Any

import pytest

from auth_portal.delivery.colors import OWN, accent_of, contrast
from auth_portal.delivery.letters import Letters
from auth_portal.delivery.samples import Sample, Samples
from auth_portal.settings import LOCALES, ROOT
from tests.conftest import settings_for

PORTAL = "https://signin.example"
IN_EACH = pytest.mark.parametrize("locale", LOCALES)
NAMES = """code code-without-link code-long code-of-app code-adds-address no-account welcome new-sign-in wrong-codes
address-main-changed address-main-changed-with-undo address-added address-removed address-removed-with-undo
address-restored number-main-changed number-added number-removed number-restored account-closed account-deleted"""
NO_ISOLATES = dict.fromkeys(range(0x2066, 0x206A))
"""For ``str.translate``. What they do is only in the text part: HTML has elements for it."""
CARD_IN_THE_DARK = (0x17, 0x1C, 0x1B)


@cache
def letters(locale: str, **overrides: Any) -> dict[str, Sample]:
    """All letters by name."""
    values = {"public_url": PORTAL, "support_email": "help@signin.example", **overrides}
    settings = settings_for("sqlite:////nowhere/portal.db", "smtp://relay.example", **values)
    return {sample.name: sample for sample in Samples(settings).letters(locale)}


def words(html: str) -> str:
    """What a reader of HTML sees, in one line."""
    body = html.partition("<body")[2].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def rgb(color: str) -> tuple[int, int, int]:
    """``#rrggbb`` as numbers."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def dark(html: str) -> str:
    """The rules for dark mode."""
    found = re.search(r"<style[^>]*>.*@media \(prefers-color-scheme: dark\) \{(.*?\})\n\}", html, re.DOTALL)
    assert found, "no rules for the dark"
    return found[1]


@IN_EACH
def test_there_is_a_sample_of_each_letter(locale: str) -> None:
    assert list(letters(locale)) == NAMES.split()
    kinds = {name.replace("_", "-") for name in vars(Letters) if not name.startswith("_")}
    begun = {"account-deleted": "account-closed", "address-news": "address-added"}
    assert {begun.get(kind, kind) for kind in kinds} <= set(letters(locale)), "a kind of letter without a sample"


@IN_EACH
def test_text_and_html_of_a_letter_say_the_same(locale: str) -> None:
    """MAIL-04. A link stands in a line of its own, and behind words in HTML."""
    for name, letter in letters(locale).items():
        seen = words(letter.html).replace(" .", ".")
        for line in letter.text.splitlines():
            line = " ".join(line.translate(NO_ISOLATES).split())
            if line.startswith("https://"):
                assert f'href="{line}"' in letter.html, (name, line)
            elif not line.startswith("@"):
                told = line.split(": ", 1) if ": " in line and line not in seen else [line.removesuffix(":").rstrip()]
                told = [part for sentence in told for part in re.split(r"(?<=[.:؟?]) ", sentence)]
                missing = [part for part in told if part not in seen]
                assert all(in_other_words(part, locale) for part in missing), (name, missing)
        links = set(re.findall(r'href="([^"]*)"', letter.html))
        assert links == {line for line in letter.text.splitlines() if line.startswith("https://")}, name


def in_other_words(sentence: str, locale: str) -> bool:
    """Whether this is what only the text part says: it has a link below where the HTML has a button."""
    code = letters(locale)["code"]
    return sentence in code.text and sentence not in words(code.html)


@IN_EACH
def test_each_element_that_looks_like_something_says_so_itself(locale: str) -> None:
    """Mail clients drop style elements: what is left in one is for the dark and for phones only."""
    for name, letter in letters(locale).items():
        tags = re.findall(r"<[a-z][^>]*>", letter.html)
        with_class = [tag for tag in tags if " class=" in tag]
        assert len(with_class) > 8, name
        assert [tag for tag in with_class if " style=" not in tag] == [], name
        assert "\ue000" not in letter.html, name
        [style] = re.findall(r"<style[^>]*>(.*?)</style>", letter.html, re.DOTALL)
        outside = re.sub(r"@media [^{]*\{\n(?:  .*\n)+\}", "", style).strip()
        assert outside == ":root { color-scheme: light dark; supported-color-schemes: light dark; }", name
        assert letter.html.index("<meta charset") < 200, name


@IN_EACH
def test_a_letter_runs_from_the_side_where_its_language_begins(locale: str) -> None:
    direction, side, gap = ("rtl", "right", "left") if locale == "ar" else ("ltr", "left", "right")
    for name, letter in letters(locale).items():
        assert f'<html lang="{locale}" dir="{direction}"' in letter.html, name
        assert set(re.findall(r' align="(left|right)"', letter.html)) == {side}, name
        assert set(re.findall(r"padding-(left|right): 16px", letter.html)) == {gap}, name


def test_in_arabic_addresses_and_networks_run_their_own_way_and_devices_the_letters() -> None:
    """UAX #9: else a network's last letter is shown before its first number."""
    letter, other = letters("ar")["new-sign-in"], letters("de")["new-sign-in"]
    for part in ("ada@example.com", "203.0.113.x"):
        assert f": \u2068{part}\u2069\n" in letter.text
        assert f"<bdi>{part}</bdi>" in letter.html
    assert "\u2068\u2067Firefox على Windows\u2069\u2069" in letter.text
    assert '<bdi><bdi dir="rtl">Firefox على Windows</bdi></bdi>' in letter.html
    assert other.text == other.text.translate(NO_ISOLATES)


@IN_EACH
def test_a_letter_fetches_nothing(locale: str) -> None:
    """MAIL-05: nobody learns that it was opened."""
    for name, letter in letters(locale).items():
        assert re.search(r"<img|url\(|@import|<link|<script|background=|srcset", letter.html) is None, name


@pytest.mark.parametrize(
    ("brand", "name", "accent"),
    [
        ("", "new-sign-in", OWN),
        ("", "code", OWN),
        ("#aa2266", "code", accent_of("#aa2266")),
        ("#aa2266", "welcome", accent_of("#aa2266")),
        ("#ffffff", "account-closed", accent_of("#ffffff")),
        ("#aa2266", "code-of-app", accent_of("#ffd400")),
        ("", "code-of-app", accent_of("#ffd400")),
    ],
)
def test_buttons_and_links_have_the_brands_colour_or_the_apps(brand: str, name: str, accent: Any) -> None:
    html = letters("en", brand_color=brand)[name].html
    assert set(re.findall(r'class="link"[^>]* style="color: (#\w+);"', html)) == {accent.color}
    buttons = re.findall(r'class="(?:button|press)"[^>]* style="[^"]*background-color: (#\w+)', html)
    has_button = name != "new-sign-in"
    assert set(buttons) == ({accent.color} if has_button else set())
    assert set(re.findall(r'bgcolor="(#\w+)"', html)) == ({accent.color} if has_button else set())
    assert f".link {{ color: {accent.dark_color} !important; }}" in dark(html)
    button = f"{{ background-color: {accent.dark_color} !important; color: {accent.dark_text} !important; }}"
    assert f".button, .press {button}" in dark(html)


def test_colours_are_computed_against_the_grounds_that_pages_have() -> None:
    """And the portal's own green is that of its pages."""
    light, dark = (ROOT / "static" / "portal.css").read_text().split("@media (prefers-color-scheme: dark)")[:2]
    for rules, *expected in ((light, OWN.color, "#fff"), (dark, OWN.dark_color, "#171c1b")):
        found = [re.findall(rf"--{name}: (#\w+);", rules)[0] for name in ("accent", "card")]
        assert found == expected


@pytest.mark.parametrize("color", ["", "#000000", "#ffffff", "#ffd400", "#aa2266", "#0000ff", "#808080"])
def test_whatever_the_colour_it_can_be_read(color: str) -> None:
    """WCAG 2.2, 1.4.3: in the light and in the dark, as a link and under the words of a button."""
    accent = accent_of(color)
    assert contrast(rgb(accent.color), (255, 255, 255)) >= 4.5
    assert contrast(rgb(accent.dark_color), CARD_IN_THE_DARK) >= 4.5
    assert contrast(rgb(accent.dark_color), rgb(accent.dark_text)) >= 4.5


@IN_EACH
def test_the_code_is_in_the_subject_only_where_a_setting_says_so(locale: str) -> None:
    for name in ("code", "code-long", "code-of-app", "code-adds-address"):
        without, with_it = (letters(locale, code_in_subject=said)[name] for said in ("false", "true"))
        shown = "1234 5678 9012 3456 7890" if name == "code-long" else "0471"
        assert re.search(r"\d", without.subject) is None
        assert shown in with_it.subject
        assert ("Demo Shop" if name == "code-of-app" else "Auth Portal") in with_it.subject
        assert (with_it.text, with_it.html) == (without.text, without.html)
    others = set(NAMES.split()) - {name for name in NAMES.split() if name.startswith("code")}
    subjects = [letters(locale, code_in_subject="true")[name].subject for name in others]
    assert [subject for subject in subjects if re.search(r"\d", subject)] == []
