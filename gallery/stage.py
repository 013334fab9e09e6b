"""Starts what is shown: portals in the development environment, from a copy of the checkout, and their apps."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.filling import COMPANY, NEWS, TEAM
from tests.support.portal import ROOT, PortalProcess, development_portal
from tests.support.receiver import Receiver, Reply
from tests.support.relying_apps import register

SHOP = "https://shop.example"
"""Where the app says that it is. Nobody is there: who really goes back to it goes to ``Stage.site``."""
_PAGE = Reply(200, body=b"<!doctype html><title>App</title><h1>Back</h1>", headers={"Content-Type": "text/html"})
_COPIED = ("auth_portal", "static", "templates", "docs", "wsgi.py", "gunicorn.conf.py")
_CHOICES = {"dev": "التطوير", "ops": "التشغيل"}
_FIELDS: list[dict[str, Any]] = [
    COMPANY | {"label": COMPANY["label"] | {"ar": "الشركة"}},
    TEAM
    | {
        "label": TEAM["label"] | {"ar": "الفريق"},
        "choices": {name: words | {"ar": _CHOICES[name]} for name, words in TEAM["choices"].items()},
    },
    NEWS | {"label": NEWS["label"] | {"ar": "النشرة الإخبارية"}},
]
_LATER = COMPANY | {"name": "cost", "label": {"tr": "Masraf yeri", "en": "Cost centre", "ar": "مركز التكلفة"}}
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#8a3ffc"/>'
    '<path fill="#fff" d="M9 12h14l-1.5 12h-11zM12 12a4 4 0 0 1 8 0h-2a2 2 0 0 0-4 0z"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Running portals, and the browser in which they are shown."""

    browser: Browser
    main: PortalProcess
    """As a developer has it, with fields of its own."""
    later: PortalProcess
    """The same database: other terms, one field more, no wait before a resend, two codes an hour to a network."""
    broken: PortalProcess
    """Has a database of its own, for ``spoil``."""
    database: Path
    shop: str
    """The id of an app with a logo and a colour."""
    club: str
    """The id of an app that lets nobody in who is shown here."""
    site: str
    """Another address of the apps, on loopback."""
    screen: str
    """The id of a television's app."""

    def make_old(self) -> None:
        """Let an hour pass since everybody proved who they are: what the page asks then has no other beginning."""
        moment = "strftime('%Y-%m-%d %H:%M:%f000', authenticated_at, '-1 hour')"
        self._change(self.database, f"UPDATE session SET authenticated_at = {moment}")

    def spoil(self, statement: str) -> None:
        """Do this to the database of ``broken``."""
        self._change(self.database.with_name("broken.db"), statement)

    @staticmethod
    def _change(database: Path, statement: str) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(statement)


@contextmanager
def stage(browser: Browser) -> Iterator[Stage]:
    """Start everything. Raises PortalFailed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-gallery-")))
        root, database = _checkout(folder / "checkout"), folder / "portal.db"
        main = stack.enter_context(_portal(root, database, registration_fields=json.dumps(_FIELDS)))
        later = _portal(
            root,
            database,
            registration_fields=json.dumps([*_FIELDS, _LATER]),
            terms_version="2",
            resend_after=0,
            trusted_proxies=1,
            sends_per_source_per_hour=2,
            sends_per_inbox_per_hour=5,
        )
        broken = _portal(root, folder / "broken.db", registration_fields=json.dumps(_FIELDS))
        for portal in (later, broken):
            stack.enter_context(portal)
        (folder / "logo.svg").write_text(_LOGO, "utf-8")
        site = stack.enter_context(Receiver(_PAGE)).url
        shop = _shop(main, site, "Demo Shop", "--color", "#8a3ffc", "--logo", str(folder / "logo.svg"))
        club = _shop(main, site, "Night Club", "--allow", "*@club.example")
        grant = "urn:ietf:params:oauth:grant-type:device_code"
        screen = str(register(main, "--name", "Living Room", "--public", "--grant", grant)["client_id"])
        yield Stage(browser, main, later, broken, database, shop, club, site, screen)


def _portal(root: Path, database: Path, **settings: object) -> PortalProcess:
    words = {
        "terms_url": "https://portal.example/terms",
        "privacy_url": "https://portal.example/privacy",
        "support_email": "help@portal.example",
        "log_level": "error",
    }
    made = development_portal(database, **{**words, **settings})
    return PortalProcess(made.env, port=made.port, root=root)


def _shop(portal: PortalProcess, site: str, name: str, *words: str) -> str:
    addresses = ["--redirect-uri", f"{SHOP}/callback", "--redirect-uri", f"{site}/callback", "--homepage", SHOP]
    return str(register(portal, "--name", name, *addresses, "--no-pkce", *words)["client_id"])


def _checkout(path: Path) -> Path:
    """A copy, so that its mailbox holds nobody else's letters."""
    path.mkdir()
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__", "screenshots"))
        else:
            shutil.copy(ROOT / name, path)
    return path
