"""What a page of the reference is made of, before it is HTML or Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auth_portal.web.reference.calls import Call


@dataclass(frozen=True, slots=True)
class Item:
    """One of several things of a kind, that people open one at a time."""

    label: str
    body: str


@dataclass(frozen=True, slots=True)
class Part:
    """A section: its id and title (none for the first one), what it says, and what can be opened in it."""

    id: str
    title: str
    body: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A guide or an operation. ``slug`` is its address below ``/docs/``; links count from ``folder``."""

    slug: str
    title: str
    summary: str
    group: str
    folder: str
    parts: tuple[Part, ...]
    call: Call | None = None

    def as_markdown(self) -> Iterator[str]:
        """The same as Markdown."""
        yield f"# {self.title}\n"
        for part in self.parts:
            if part.title:
                yield f"## {part.title}\n"
            if part.body:
                yield part.body.strip() + "\n"
            for item in part.items:
                yield f"### {item.label}\n"
                yield item.body.strip() + "\n"
