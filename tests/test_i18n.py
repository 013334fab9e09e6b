"""Languages: which one an answer is in, and whether their catalogues are whole (contract, section 7)."""

from __future__ import annotations

import ast
import re
from functools import cache
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask

from auth_portal.delivery.letters import TRANSLATIONS
from auth_portal.settings import LOCALES, ROOT
from auth_portal.web import errors
from tests.conftest import Made
from tests.drivers import ApiDriver, BrowserDriver, cookies_of
from tests.support.letters import text_of
from tests.support.smtp import MailSink

ADA = "ada@example.com"
CATALOGUES = [language for language in LOCALES if language != "en"]
in_each_language = pytest.mark.parametrize("language", CATALOGUES)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%[sd]")
Id = str | tuple[str, ...]


def language_of(page: str) -> str:
    """What the page says that it is written in; its heading must agree."""
    found = re.search(r'<html lang="(\w+)" dir="(?:ltr|rtl)">', page)
    assert found, page[:200]
    assert ("Sign in" in page) is (found[1] == "en")
    return found[1]


WISHES = {
    "nothing": (None, "tr"),
    "Turkish": ("tr", "tr"),
    "Turkish of Turkey": ("tr-TR,tr;q=0.9,en-US;q=0.8", "tr"),
    "English": ("en", "en"),
    "American English": ("en-US,en;q=0.9", "en"),
    "English before Turkish": ("tr;q=0.3, en;q=0.7", "en"),
    "German before English": ("de-DE, de;q=0.9, en;q=0.5", "de"),
    "Italian before French": ("it-IT, it;q=0.9, fr-CA;q=0.8, en;q=0.5", "fr"),
    "Spanish of Mexico": ("es-MX", "es"),
    "Arabic": ("ar-EG,ar;q=0.9", "ar"),
    "Italian only": ("it", "tr"),
    "anything": ("*", "tr"),
    "no English": ("en;q=0", "tr"),
    "nonsense": (";;q=,,=\u00e9", "tr"),
    "a path": ("../../etc/passwd", "tr"),
}


def test_a_page_is_in_the_language_that_the_browser_wishes_and_turkish_otherwise(app: Flask) -> None:
    client = app.test_client()
    for name, (wish, language) in WISHES.items():
        headers = {"Accept-Language": wish} if wish is not None else {}
        assert language_of(client.get("/login", headers=headers).text) == language, name


def test_another_default_may_be_set(make_app: Made) -> None:
    """Contract, section 1 (DEFAULT_LOCALE)."""
    client = make_app(default_locale="en").test_client()
    assert language_of(client.get("/login").text) == "en"
    assert language_of(client.get("/login", headers={"Accept-Language": "tr"}).text) == "tr"


def test_a_chosen_language_stays_chosen(browser: BrowserDriver) -> None:
    chosen = browser.get("/login?lang=tr")
    assert language_of(browser.page) == "tr"
    [cookie] = [cookie for cookie in cookies_of(chosen).values() if cookie.value == "tr"]
    assert int(cookie["max-age"]) >= 180 * 86_400
    browser.get("/login")
    assert language_of(browser.page) == "tr"
    browser.get("/login?lang=en")
    assert language_of(browser.page) == "en"


def test_a_language_that_is_not_there_changes_nothing(browser: BrowserDriver) -> None:
    for language in ("xx", "it", "", "EN", "en_US", "../tr", "<b>"):
        answer = browser.get(f"/login?lang={language}")
        assert language_of(browser.page) == "en", language
        assert language not in [cookie.value for cookie in cookies_of(answer).values()]


def test_each_page_offers_itself_in_the_other_language(browser: BrowserDriver) -> None:
    browser.get("/login")
    assert re.findall(r'<a href="([^"]+)" hreflang="(\w+)" lang="\w+"', browser.page) == [
        (f"/login?lang={language}", language) for language in LOCALES
    ]
    browser.ask(ADA)
    assert 'href="/login/code?lang=tr"' in browser.page


def test_a_page_with_an_error_leads_to_the_same_step_in_the_other_language(browser: BrowserDriver) -> None:
    """Who changes the language after a wrong code must not begin again."""
    browser.ask(ADA)
    browser.enter("12")
    assert 'href="/login/code?lang=tr"' in browser.page
    browser.enter(browser.code_sent_to(ADA))
    browser.get("/register")
    browser.post("/register", {"first_name": ""})
    assert 'href="/register?lang=tr"' in browser.page


@pytest.mark.parametrize("language", ["tr", "en"])
def test_the_letter_is_in_the_language_of_the_page(app: Flask, outbox: MailSink, language: str) -> None:
    browser = BrowserDriver(app, outbox, language=language)
    browser.ask(ADA)
    [letter] = outbox.sent_to(ADA)
    assert letter.parsed["Content-Language"] == language
    assert ("sign-in code" in letter.parsed["Subject"]) is (language == "en")
    assert ("Your code for" in text_of(letter)) is (language == "en")


def test_no_english_is_left_on_a_turkish_walk(app: Flask, outbox: MailSink) -> None:
    """Each page of the sign-in, errors included, has none of the English texts that have a Turkish one."""
    browser = BrowserDriver(app, outbox, language="tr")
    pages = [(browser.get("/login"), browser.page)[1]]
    pages += [(browser.post("/login", {"email": "ada"}), browser.page)[1], (browser.get("/nowhere"), browser.page)[1]]
    browser.ask(ADA)
    pages += [browser.page, (browser.enter("12"), browser.page)[1]]
    browser.get("/login/code")
    pages += [(browser.enter("0000" if browser.code_sent_to(ADA) != "0000" else "1111"), browser.page)[1]]
    browser.enter(browser.code_sent_to(ADA))
    pages += [(browser.get("/register"), browser.page)[1]]
    pages += [(browser.post("/register", {"first_name": ""}), browser.page)[1]]
    browser.post("/register", {"first_name": "Ada", "last_name": "Lovelace", "terms": "y"})
    pages += [(browser.get("/account"), browser.page)[1]]
    english = {text for ids in texts_of_the_code() for text in ([ids] if isinstance(ids, str) else ids)}
    for page in pages:
        shown = {" ".join(unescape(text).split()) for text in re.findall(r">([^<]+)<", page)}
        assert (
            shown & {text for text in english if catalogue("tr").get(text) and catalogue("tr")[text].string != text}
            == set()
        )


@cache
def texts_of_the_code() -> frozenset[Id]:
    """The message ids of code and templates, as they are now."""
    with (ROOT / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = extract_from_dir(str(ROOT), methods, options, DEFAULT_KEYWORDS)
    return frozenset(message for _file, _line, message, _comments, _context in found)


def written(language: str) -> Path:
    """The file of a catalogue."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


@cache
def catalogue(language: str) -> Catalog:
    """The texts of a language."""
    with written(language).open("rb") as file:
        return read_po(file, locale=language)


def strings_of(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """One text, or all forms of a plural."""
    return [text] if isinstance(text, str) else list(text)


def test_texts_of_code_and_templates_are_found() -> None:
    """The tests below have something to look at: marked in code, in a table, in templates, in letters."""
    texts = texts_of_the_code()
    assert {"You are signed out.", "is required", "Enter your code", "Was it not you?"} <= texts
    assert ("%(num)d try left.", "%(num)d tries left.") in texts
    table = {refusal.message for refusal in (*errors.TABLE.values(), *errors.HTTP.values(), errors.INTERNAL)}
    assert table | set(errors.REASONS.values()) <= texts


@in_each_language
def test_every_text_is_there_in_each_language(language: str) -> None:
    missing = [
        ids for ids in texts_of_the_code()
        if not (entry := catalogue(language).get(strings_of(ids)[0])) or not all(strings_of(entry.string))
    ]  # fmt: skip
    assert missing == []


@in_each_language
def test_no_text_is_a_guess_or_of_a_text_that_is_gone(language: str) -> None:
    assert [entry.id for entry in catalogue(language) if entry.fuzzy and entry.id] == []
    used = {strings_of(ids)[0] for ids in texts_of_the_code()}
    assert [entry.id for entry in catalogue(language) if entry.id and strings_of(entry.id)[0] not in used] == []
    assert catalogue(language).obsolete == {}


@in_each_language
def test_a_text_has_the_placeholders_of_the_english_one(language: str) -> None:
    for entry in catalogue(language):
        if entry.id:
            wanted = set(PLACEHOLDER.findall(strings_of(entry.id)[-1]))
            for string in strings_of(entry.string):
                assert set(PLACEHOLDER.findall(string)) == wanted, entry.id


@in_each_language
def test_names_in_code_are_the_same_in_each_language(language: str) -> None:
    """Settings, headers and fields are not translated."""
    for entry in catalogue(language):
        if isinstance(entry.id, str) and entry.id:
            assert sorted(re.findall(r"`[^`]+`", str(entry.string))) == sorted(re.findall(r"`[^`]+`", entry.id))


PLURALS = {"tr": 1, "de": 2, "fr": 2, "es": 2, "ar": 6}


@in_each_language
def test_a_language_has_its_plural_forms(language: str) -> None:
    plurals = [entry for entry in catalogue(language) if not isinstance(entry.id, str)]
    assert plurals
    assert {len(strings_of(entry.string)) for entry in plurals} == {catalogue(language).num_plurals}
    assert catalogue(language).num_plurals == PLURALS[language]


def test_arabic_counts_as_its_speakers_do() -> None:
    """CLDR: none, one, two, few (3 to 10), many (11 to 99), other (100 to 102)."""
    counted = Translations.load(TRANSLATIONS, ["ar"])
    forms = [counted.ngettext("%(num)d try left.", "%(num)d tries left.", num) for num in (0, 1, 2, 5, 11, 99, 101)]
    entry = catalogue("ar").get("%(num)d try left.")
    assert entry is not None
    zero, one, two, few, many, other = strings_of(entry.string)
    assert forms == [zero, one, two, few, many, many, other]


@in_each_language
def test_the_compiled_catalogue_says_what_the_written_one_says(language: str) -> None:
    """What runs is the .mo; `make catalogue` makes it."""
    compiled = read_mo(BytesIO(written(language).with_suffix(".mo").read_bytes()))
    texts = {strings_of(entry.id)[0]: strings_of(entry.string) for entry in catalogue(language) if entry.id}
    assert {strings_of(entry.id)[0]: strings_of(entry.string) for entry in compiled if entry.id} == texts


REFUSALS = {
    "validation": ("send-otp-email", {"email": "ada"}, "Validation failed", "Please check what you entered."),
    "code": (
        "login-otp-email",
        {"email": ADA, "code": "1234"},
        "Doğrulama kodu hatalı veya süresi dolmuş",
        "The code is wrong or has expired.",
    ),
    "token": ("logout", {}, "Unauthorized", "Please sign in."),
    "path": ("nowhere", {}, "Resource not found", "There is nothing here."),
}


@pytest.mark.parametrize(("path", "body", "fixed", "english"), REFUSALS.values(), ids=REFUSALS)
def test_an_api_refusal_is_in_the_callers_language(
    api: ApiDriver, path: str, body: dict[str, str], fixed: str, english: str
) -> None:
    """Contract, section 2: to the letter without the header, and the same reason beside it in every language."""

    def said(**headers: str) -> tuple[str, str]:
        answer = api.post(path, body, **headers)
        assert answer.json is not None
        return answer.json["errors"][0], answer.headers["X-Error-Code"]

    reason = said()[1]
    assert said() == (fixed, reason)
    assert said(Accept_Language="*") == said(Accept_Language="it") == (fixed, reason)
    assert said(Accept_Language="en-GB,en;q=0.9") == (english, reason)
    for language in CATALOGUES:
        assert said(Accept_Language=language) == (catalogue(language)[english].string, reason)
    path += "?lang=tr"
    assert said(Accept_Language="en", Cookie="lang=tr; portal-lang=tr; portal-language=tr") == (english, reason)


def marked() -> set[str]:
    """The texts that the code marks, also where extraction does not look: within f-strings."""
    found: set[str] = set()
    for path in (ROOT / "auth_portal").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "gettext"):
                found |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return found


def test_every_text_that_the_code_marks_is_in_the_catalogue() -> None:
    known = {message.id for message in catalogue("tr")}
    assert marked() - known == set()
