"""Every document that is shown has a Turkish twin of the same build: a heading, row or sample less is a fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auth_portal.settings import GUIDE_LOCALES, ROOT
from auth_portal.web.reference.rendering import slugs_of
from auth_portal.web.reference.shelf import GUIDES, read_text

DOCS = ROOT / "docs"
OPERATIONS = sorted(path.stem for path in (DOCS / "api").glob("*.md"))
SHOWN = [*(name for names in GUIDES.values() for name in names), *(f"api/{name}" for name in OPERATIONS)]
TWINS = [(locale, name) for locale in GUIDE_LOCALES if locale != "en" for name in SHOWN]
MARKDOWN = MarkdownIt("commonmark").enable("table")
SMALL_WORDS = re.compile(r"\b(the|and|of|is|are|with|which|from|no|not|where)\b", re.IGNORECASE)
_STRUCTURE = {
    "heading_open",
    "bullet_list_open",
    "ordered_list_open",
    "list_item_open",
    "table_open",
    "tr_open",
    "th_open",
    "td_open",
    "paragraph_open",
    "blockquote_open",
}


def read(locale: str, name: str) -> str:
    return (DOCS / ("" if locale == "en" else locale) / f"{name}.md").read_text("utf-8")


def structure(markdown: str) -> list[str]:
    """What a document is built of, without its words; samples to the letter, texts for people apart."""
    found = []
    for token in MARKDOWN.parse(markdown):
        if token.type == "fence":
            found.append(f"{token.info}: {token.content if token.info != 'text' else ''}")
        elif token.type in _STRUCTURE:
            found.append(f"{token.tag}:{token.type}")
    return found


def code_of(token: Token) -> list[str]:
    return sorted(child.content for child in token.children or () if child.type == "code_inline")


@pytest.mark.parametrize(("locale", "name"), TWINS)
def test_a_twin_is_built_as_the_english_document_is(locale: str, name: str) -> None:
    english, twin = structure(read("en", name)), structure(read(locale, name))
    assert twin == english


@pytest.mark.parametrize(("locale", "name"), TWINS)
def test_settings_paths_and_codes_are_the_same_in_a_twin(locale: str, name: str) -> None:
    """What stands in backquotes is for machines; only the table of settings, which is made, has more to say."""
    pairs = zip(MARKDOWN.parse(read("en", name)), MARKDOWN.parse(read(locale, name)), strict=True)
    assert [
        (code_of(english), code_of(twin)) for english, twin in pairs if set(code_of(english)) != set(code_of(twin))
    ] == []


@pytest.mark.parametrize(("locale", "name"), TWINS)
def test_a_twin_is_in_its_language(locale: str, name: str) -> None:
    """No text with a small English word in it is the same in both."""
    inline = {
        block: [token.content for token in MARKDOWN.parse(read(block, name)) if token.type == "inline"]
        for block in ("en", locale)
    }
    same = [
        twin
        for english, twin in zip(inline["en"], inline[locale], strict=True)
        if english == twin and SMALL_WORDS.search(re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+", "", twin))
    ]
    assert same == []


@pytest.mark.parametrize("locale", GUIDE_LOCALES)
@pytest.mark.parametrize("name", SHOWN)
def test_every_link_between_documents_leads_to_a_heading_that_is_there(locale: str, name: str) -> None:
    """Fragments are the English ones in every language."""
    folder = (DOCS / f"{name}.md").parent
    links = re.findall(r"\]\((?![a-z]+:)([^)\s#]*)#([^)\s]+)\)", read(locale, name))
    lost = []
    for path, fragment in links:
        target = (folder / path).resolve() if path else DOCS / f"{name}.md"
        if Path(target).is_relative_to(DOCS) and fragment not in slugs_of(target.read_text("utf-8")):
            lost.append(f"{path}#{fragment}")
    assert lost == []


@pytest.mark.parametrize("locale", GUIDE_LOCALES)
@pytest.mark.parametrize("name", SHOWN)
def test_every_document_begins_with_what_it_is_about(locale: str, name: str) -> None:
    text = read_text(name, locale)
    assert text.title
    assert text.summary[:1].isalpha() or text.summary[:2] in ("**", "`m")
    assert 20 <= len(text.summary) <= 240
