"""A logo, the portal's or a client's: told by its content, and unable to do anything but be seen."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from xml.parsers import expat

FILE_SIZE = 65_536
"""The most bytes of a logo."""
_SVG = "http://www.w3.org/2000/svg svg"
"""The first element of an SVG; without its namespace no browser draws it."""
_ACTIVE_ELEMENTS = ("script", "foreignobject", "iframe", "object", "embed", "animate", "set", "handler", "listener")
_REMOTE_STYLE = re.compile(r"\\|//|@import|url\((?!\s*[\"']?#)", re.IGNORECASE)


@lru_cache(maxsize=4)
def picture_of(path: str) -> tuple[bytes, str]:
    """A logo's file and its media type, read once. Raises OSError, and ValueError for what is no logo."""
    with Path(path).open("rb") as file:
        content = file.read(FILE_SIZE + 1)
    return content, picture_type(content)


def picture_type(content: bytes) -> str:
    """The media type of a logo, told by its content. Raises ValueError."""
    if len(content) > FILE_SIZE:
        raise ValueError(f"the logo has more than {FILE_SIZE} bytes")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    _check_svg(content)
    return "image/svg+xml"


def _check_svg(content: bytes) -> None:
    """Raises ValueError for what is no SVG, or one that could do or fetch something. Entities are never expanded."""
    parser = expat.ParserCreate(namespace_separator=" ")
    elements: list[str] = []
    styles: list[str] = []

    def refuse(*_: object) -> None:
        raise ValueError("the logo is an SVG with a document type, an entity or a processing instruction")

    def start(name: str, attributes: dict[str, str]) -> None:
        if not elements and name != _SVG:
            raise ValueError(f'the logo is XML, but begins with no <svg xmlns="{_SVG.partition(" ")[0]}">')
        elements.append(name.rpartition(" ")[2].lower())
        if elements[-1] in _ACTIVE_ELEMENTS:
            raise ValueError(f"the logo is an SVG that may not have the element {elements[-1][:30]!a}")
        if any(_is_unsafe(attribute.rpartition(" ")[2].lower(), value) for attribute, value in attributes.items()):
            raise ValueError("the logo is an SVG with a script or a reference to something outside")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: elements.pop()
    parser.CharacterDataHandler = lambda data: styles.append(data) if "style" in elements else None
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError):
        raise ValueError("the logo is no PNG, JPEG, WebP or SVG") from None
    if _REMOTE_STYLE.search("".join(styles)):
        raise ValueError("the logo is an SVG with a style sheet that refers to something outside")


def _is_unsafe(attribute: str, value: str) -> bool:
    """Whether an attribute of an SVG runs or fetches something. A reference within the picture is good."""
    if attribute.startswith("on"):
        return True
    if attribute in ("href", "src"):
        return not value.strip().startswith(("#", "data:image/png;", "data:image/jpeg;", "data:image/webp;"))
    if attribute == "style":
        return _REMOTE_STYLE.search(value) is not None
    return re.search(r"\\|url\((?!\s*[\"']?#)|javascript:", value, re.IGNORECASE) is not None
