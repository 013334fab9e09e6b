"""The documents of ``docs/``: guides, and what the operations do in words. English, with a twin in each language.

A language without a twin gets the English one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from auth_portal.marks import _
from auth_portal.settings import ROOT

DOCS = ROOT / "docs"
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[\w`*\[])")
_BRIEF = 160
GUIDES = {
    _("Start"): ("quick-start", "pages", "openid-connect", "clients", "forward-auth"),
    _("JSON API"): ("api", "tokens", "errors", "limits", "client-libraries"),
    _("Accounts"): ("accounts", "registration", "phone", "sessions", "audit"),
    _("Running it"): ("security", "deployment", "operations", "settings"),
}
"""The guides that are shown, by their groups. The other files of docs/ are for who works on the portal."""


@dataclass(frozen=True, slots=True)
class Text:
    """One document. ``summary`` is how its first paragraph begins; ``body`` begins with that, behind the title."""

    title: str
    summary: str
    body: str
    folder: str
    """Where its links count from, below ``docs/``: empty, or ``api/``."""


@lru_cache(maxsize=512)
def read_text(name: str, locale: str) -> Text:
    """The document ``docs/<name>.md`` in a language. Raises FileNotFoundError."""
    twin = DOCS / locale / f"{name}.md"
    path = twin if locale != "en" and twin.is_file() else DOCS / f"{name}.md"
    title, _newline, body = path.read_text("utf-8").partition("\n")
    body = body.strip()
    folder = name.rpartition("/")[0]
    return Text(title.removeprefix("#").strip(), _summary(body), body + "\n", f"{folder}/" if folder else "")


def _summary(body: str) -> str:
    """The first sentences of the first paragraph: one, and more while they are short."""
    first, *others = _SENTENCE_END.split(" ".join(body.partition("\n\n")[0].split()))
    for sentence in others:
        if len(first) + len(sentence) > _BRIEF:
            break
        first = f"{first} {sentence}"
    return first
