"""The whole reference of one portal: its document, pages and search, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from flask import Flask, current_app
from flask_babel import force_locale, gettext
from markupsafe import Markup

from auth_portal.settings import Settings
from auth_portal.web.envelope import to_json
from auth_portal.web.reference import rendering
from auth_portal.web.reference.calls import GROUPS, Call, find_calls
from auth_portal.web.reference.content import Page, Part
from auth_portal.web.reference.document import OpenApi, build_document
from auth_portal.web.reference.errors_page import errors_of, operations_of
from auth_portal.web.reference.operation_page import parts_of
from auth_portal.web.reference.searching import Entry, index_of
from auth_portal.web.reference.servers import Server, servers_of
from auth_portal.web.reference.shelf import GUIDES, read_text
from auth_portal.web.reference.typescript import definitions

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class RenderedPart:
    """A part of a page as HTML; ``outline`` has ids and words of its main headings."""

    id: str
    title: str
    body: Markup
    items: list[tuple[str, Markup]]
    outline: list[tuple[str, str]]


_KEY = "auth_portal_reference"


class Reference:
    """What there is to read, in each language. Kept once it is made: it changes with a release only."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._made: dict[tuple[str, str], Any] = {}
        self.servers: tuple[Server, ...] = servers_of(settings)

    def document(self, locale: str) -> OpenApi:
        """The OpenAPI document."""
        make = partial(build_document, self.calls, self._settings, self.servers, locale)
        return self._once("document", locale, make)

    def document_text(self, locale: str) -> str:
        """The same as it is sent."""
        return self._once("text", locale, lambda: to_json(self.document(locale)))

    def definitions(self, locale: str) -> str:
        """The TypeScript definitions."""
        return self._once("definitions", locale, lambda: definitions(self.document(locale)))

    @property
    def calls(self) -> list[Call]:
        """The operations."""
        return self._once("calls", "", partial(find_calls, self._app))

    def pages(self, locale: str) -> Mapping[str, Page]:
        """All pages by their addresses, in the order in which they are read."""
        return self._once("pages", locale, partial(self._make_pages, locale))

    def groups(self, locale: str) -> dict[str, list[Page]]:
        """The pages by what they are about."""
        found: dict[str, list[Page]] = {}
        for page in self.pages(locale).values():
            found.setdefault(page.group, []).append(page)
        return found

    def index(self, locale: str) -> list[Entry]:
        """The pages, ready to be searched."""
        return self._once("index", locale, lambda: index_of(self.pages(locale).values()))

    def neighbours(self, slug: str, locale: str) -> tuple[Page | None, Page | None]:
        """The pages before and behind one."""
        pages = [None, *self.pages(locale).values(), None]
        around = zip(pairwise(pages), pages[2:], strict=False)
        return next((before, behind) for (before, page), behind in around if page is not None and page.slug == slug)

    def rendered(self, page: Page, locale: str, base: str) -> list[RenderedPart]:
        """The page's parts as HTML, for pages below ``base``."""
        return self._once(f"html {base} {page.slug}", locale, partial(self._render, page, base))

    def _render(self, page: Page, base: str) -> list[RenderedPart]:
        link_to = self._link_to(page, base)
        found = []
        for number, part in enumerate(page.parts):
            # In every language the ids are the English ones, so that links hold.
            slugs = rendering.slugs_of(self.pages("en")[page.slug].parts[number].body)
            body = rendering.render(part.body, link_to, slugs)
            items = [(item.label, rendering.render(item.body, link_to)) for item in part.items]
            found.append(RenderedPart(part.id, part.title, body, items, rendering.outline(part.body, slugs)))
        return found

    def as_markdown(self, page: Page, base: str) -> str:
        """The page as Markdown, whose links lead to other such pages."""
        return rendering.with_links("\n".join(page.as_markdown()), self._link_to(page, base, ".md"))

    def _link_to(self, page: Page, base: str, suffix: str = "") -> rendering.LinkTo:
        return rendering.leading_to(self.pages("en"), page.folder, base, suffix)

    def _make_pages(self, locale: str) -> dict[str, Page]:
        pages = {}
        for group, names in GUIDES.items():
            for name in names:
                pages[name] = self._guide(name, gettext(group), locale)
            if "api" in names:
                pages |= {f"api/{call.slug}": self._operation(call, locale) for call in self.calls}
        return pages

    def _guide(self, name: str, group: str, locale: str) -> Page:
        text = read_text(name, locale)
        body = text.body
        for marker, make in {"<!-- errors -->": errors_of, "<!-- operations -->": operations_of}.items():
            if marker in body:
                body = body.replace(marker, make(self.calls, self.document(locale)))
        return Page(name, text.title, text.summary, group, text.folder, (Part("", "", body),))

    def _operation(self, call: Call, locale: str) -> Page:
        text = read_text(f"api/{call.slug}", locale)
        parts = parts_of(call, text.body, self.document(locale), self._settings.public_url)
        group = gettext(GROUPS[call.door])
        return Page(f"api/{call.slug}", text.title, text.summary, group, text.folder, tuple(parts), call)

    def _once(self, what: str, locale: str, make: Callable[[], Made]) -> Made:
        key = (what, locale)
        if key not in self._made:
            with force_locale(locale or "en"):
                self._made[key] = make()
        made: Made = self._made[key]
        return made


def init_reference(app: Flask, settings: Settings) -> None:
    """Have a reference of this application."""
    app.jinja_env.filters["markdown_line"] = rendering.summary
    app.extensions[_KEY] = Reference(app, settings)


def reference() -> Reference:
    """The reference of the application that serves the request."""
    found: Reference = current_app.extensions[_KEY]
    return found
