"""The command line of the gallery: `python -m gallery`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gallery.person import Shown
from gallery.pictures import THEMES, WIDTHS, Kind, picture, resize
from gallery.stage import stage
from gallery.walks import WALKS
from tests.support.chromium import ChromiumUnavailable, launched_chromium
from tests.support.portal import ROOT, PortalFailed

FOLDER = ROOT / "docs" / "screenshots"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gallery",
        description="Takes pictures of every page, wide and narrow, light and dark, in English, Turkish and Arabic.",
    )
    parser.add_argument("--png", type=Path, metavar="DIR", help=f"write PNG there, not WebP to {FOLDER.name}")
    parser.add_argument("--only", metavar="NAME", help="pages whose name begins so; all are walked")
    return parser


def pictures_of(shown: Shown, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """Name and picture, in each language, width and theme."""
    page = shown.person.page
    for language in shown.each_language():
        for width in WIDTHS:
            resize(page, width)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                yield f"{shown.name}-{language}-{width}-{theme}.{kind}", picture(page, kind)


def _write(folder: Path, kind: Kind, only: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    size = count = 0
    with launched_chromium() as browser, stage(browser) as started:
        for walk in WALKS:
            for shown in walk(started):
                if not shown.name.startswith(only):
                    continue
                print(shown.name, file=sys.stderr, flush=True)
                for name, data in pictures_of(shown, kind):
                    (folder / name).write_bytes(data)
                    size, count = size + len(data), count + 1
    print(f"{count} pictures, {size / 2**20:.1f} MiB")
    return 0 if count else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures, and say how large they are together."""
    options = _parser().parse_args(arguments)
    try:
        return _write(options.png or FOLDER, "png" if options.png else "webp", options.only or "")
    except (ChromiumUnavailable, PortalFailed) as fault:
        print(f"there is nothing to show: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
