"""Searching the reference: all words must occur; titles count most, then headings, summaries, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auth_portal.web.reference.content import Page
from auth_portal.web.reference.rendering import headings_of, plain_text

LONGEST = 100
_AROUND = 70
_EXACT = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A page as it is searched: folded texts, each with its weight."""

    page: Page
    text: str
    folded: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that was found, and some of its words around the first that was sought."""

    page: Page
    excerpt: str


def index_of(pages: Iterable[Page]) -> list[Entry]:
    """The pages, ready to be searched."""
    return [_entry(page) for page in pages]


def _entry(page: Page) -> Entry:
    body = plain_text("\n".join(page.as_markdown()))
    headings = " ".join(words for part in page.parts for words in (part.title, *headings_of(part.body)))
    weighed = ((8, f"{page.title} {page.slug}"), (4, headings), (2, page.summary), (1, body))
    return Entry(page, body, tuple((weight, fold(text)) for weight, text in weighed))


def search(entries: Sequence[Entry], wanted: str) -> list[Hit]:
    """The pages that have all words, the best first."""
    words = fold(wanted[:LONGEST]).split()
    # A single letter is in every text; it counts only where nothing else is sought.
    words = [word for word in words if len(word) > 1] or words
    if not words:
        return []
    scored = [(_score(entry, words), -number, entry) for number, entry in enumerate(entries)]
    found = sorted((one for one in scored if one[0]), reverse=True, key=lambda one: one[:2])
    return [Hit(entry.page, _excerpt(entry, words[0])) for _score, _number, entry in found]


def _score(entry: Entry, words: Sequence[str]) -> int:
    if fold(entry.page.title) == " ".join(words):
        return _EXACT
    scores = [sum(weight for weight, text in entry.folded if word in text) for word in words]
    return sum(scores) if all(scores) else 0


def _excerpt(entry: Entry, word: str) -> str:
    # Folding keeps the number of characters, so a place in the folded text is one in the text.
    at = max(entry.folded[-1][1].find(word), 0)
    earliest = max(at - _AROUND, 0)
    begin = (entry.text.find(" ", earliest, at) + 1 or earliest) if earliest else 0
    end = entry.text.find(" ", at + 2 * _AROUND)
    words = entry.text[begin : end if end > 0 else None]
    return f"{'… ' if begin else ''}{words}{' …' if end > 0 else ''}"


def fold(text: str) -> str:
    """Lower case, with all four i of Turkish and English as one: whoever types has one of the two keyboards."""
    return "".join("i" if letter in "Iıİ" else _lower(letter) for letter in text)


def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else letter
