"""Documents as HTML: CommonMark with tables, coloured code, headings that can be linked to, links that lead on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

LinkTo = Callable[[str], str | None]
"""Gives a link's address on the page, None where it leads to nothing that is shown."""
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
_FORMATTER = HtmlFormatter(nowrap=True, classprefix="c-")
_NOT_IN_SLUGS = re.compile(r"[^\w\- ]")


def _colour(code: str, language: str, _attributes: str) -> str:
    try:
        lexer = get_lexer_by_name({"ts": "typescript", "sh": "bash"}.get(language, language or "text"))
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return (
        f'<pre class="code" tabindex="0" dir="ltr"><code>{highlight(code, lexer, _FORMATTER).rstrip()}</code></pre>\n'
    )


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "highlight": _colour}).enable("table")


def slug_of(heading: str) -> str:
    """A heading's id, the same that code forges give it."""
    return _NOT_IN_SLUGS.sub("", heading.lower()).replace(" ", "-")


def slugs_of(markdown: str) -> list[str]:
    """The ids of a document's headings, in their order; the second of a name gets a number."""
    seen: dict[str, int] = {}
    slugs = []
    for heading in headings_of(markdown):
        slug = slug_of(heading)
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        slugs.append(f"{slug}-{count}" if count else slug)
    return slugs


def render(markdown: str, link_to: LinkTo, slugs: Sequence[str] = ()) -> Markup:
    """The document as HTML. ``slugs``: the ids of its headings, else made of their words."""
    tokens = _MARKDOWN.parse(markdown)
    ids = iter(slugs or slugs_of(markdown))
    for token in tokens:
        if token.type == "heading_open":
            token.attrSet("id", next(ids, ""))
        elif token.type == "inline":
            token.children = list(_with_links(token.children or (), link_to))
    html = str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
    # A wide table scrolls by itself, also for who has no mouse; the page never does.
    html = html.replace("<table>", '<div class="table" tabindex="0"><table>').replace("</table>", "</table></div>")
    # A column without a name is not read out as one.
    html = html.replace("<th></th>", "<td></td>")
    return Markup(html)  # noqa: S704  raw HTML is off: all text was escaped


def without_links(markdown: str) -> str:
    """The document with the words of its links alone."""
    return with_links(markdown, lambda _href: None)


def summary(markdown: str) -> Markup:
    """One line of a document as HTML, without its links: it stands within one."""
    return Markup(_MARKDOWN.renderInline(without_links(markdown)))  # noqa: S704  as above


def with_links(markdown: str, link_to: LinkTo) -> str:
    """The document with its links as ``link_to`` gives them; where it gives none, the words alone."""
    parts = _FENCE.split(markdown)

    def replaced(match: re.Match[str]) -> str:
        address = link_to(match[2])
        return match[1] if address is None else f"[{match[1]}]({address})"

    return "".join(part if index % 2 else _LINK.sub(replaced, part) for index, part in enumerate(parts))


def resolve(href: str, folder: str) -> tuple[str, str] | None:
    """A relative link of a document in this folder as document and fragment; None for other sites' addresses."""
    if re.match(r"[a-z]+:", href):
        return None
    path, _sign, fragment = href.partition("#")
    name = posixpath.normpath(folder + path).removesuffix(".md") if path else ""
    return name, f"#{fragment}" if fragment else ""


def leading_to(known: Container[str], folder: str, base: str, suffix: str = "") -> LinkTo:
    """Where the links of a document in this folder lead: to the known ones below ``base``, else nowhere."""

    def address(href: str) -> str | None:
        resolved = resolve(href, folder)
        if resolved is None:
            return href
        name, fragment = resolved
        if not name:
            return fragment
        return f"{base}/{name}{suffix}{fragment}" if name in known else None

    return address


def outline(markdown: str, slugs: Sequence[str]) -> list[tuple[str, str]]:
    """Ids and words of the document's main headings."""
    found = zip(_headings(markdown), slugs, strict=False)
    return [(slug, words) for (level, words), slug in found if level == "h2"]


def headings_of(markdown: str) -> list[str]:
    """The words of all headings."""
    return [words for _level, words in _headings(markdown)]


def _headings(markdown: str) -> list[tuple[str, str]]:
    """All headings: the level of each, and its words."""
    around = pairwise(_MARKDOWN.parse(markdown))
    return [(opening.tag, _plain(inline)) for opening, inline in around if opening.type == "heading_open"]


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _with_links(children: Iterable[Token], link_to: LinkTo) -> Iterable[Token]:
    dropped = False
    for child in children:
        if child.type == "link_open":
            address = link_to(str(child.attrGet("href")))
            dropped = address is None
            if address is not None:
                child.attrSet("href", address)
        if dropped and child.type in ("link_open", "link_close"):
            dropped = child.type == "link_open"
            continue
        yield child


def plain_text(markdown: str) -> str:
    """The words of a document, for searching."""
    words: list[str] = []
    for token in _MARKDOWN.parse(markdown):
        content: Any = token.content if token.type in ("inline", "fence") else ""
        words.append(re.sub(r"\]\([^)]*\)|[`*\[\]]", "", content))
    return " ".join(" ".join(words).split())
