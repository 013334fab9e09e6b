"""Somebody new follows the quick start to the letter: up to a first token, and to a first app that signs people in.

Commands and programs are read from the page; only addresses are others, so that it runs beside everything else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jwt
import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import unavailable
from tests.support.portal import ROOT, PortalProcess
from tests.support.ports import free_port

QUICK_START = ROOT / "docs" / "quick-start.md"
TOKENS = ROOT / "docs" / "tokens.md"
PATIENCE_S = 30


class Guide:
    """The page, with the addresses of this run."""

    def __init__(self, portal: str, app_port: int) -> None:
        others = {
            "http://127.0.0.1:8000": portal,
            "5001": str(app_port),
            # The mailbox is the checkout's: other tests write to Ada, too.
            "ada@example.com": f"ada.newcomer{os.getpid()}@example.com",
        }
        self.text = QUICK_START.read_text("utf-8")
        for said, meant in others.items():
            assert said in self.text
            self.text = self.text.replace(said, meant)
        self.app = f"http://127.0.0.1:{app_port}/"
        self.mailbox = f"{portal}/dev/mailbox"
        self.address = others["ada@example.com"]

    @property
    def fences(self) -> list[tuple[str, str]]:
        """What is to be typed (``sh``) and to be saved (``python``), in order."""
        return re.findall(r"^```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    @property
    def buttons(self) -> list[str]:
        """What is to be clicked, in order."""
        steps = re.findall(r"^\d\. .*?(?=^\d\. |\n\n)", self.text, re.MULTILINE | re.DOTALL)
        return re.findall(r"\*\*([^*]+)\*\*", "".join(steps))


class Terminal:
    """One ``sh`` that keeps its folder and its variables; a command that fails ends it. A context manager."""

    _DONE = "-- done --"

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self._shell = subprocess.Popen(
            ["sh", "-eu"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def enter(self, commands: str) -> str:
        """What they print."""
        self.begin(f"{commands}\necho '{self._DONE}'\n")
        assert self._shell.stdout is not None
        printed = ""
        for line in self._shell.stdout:
            if line.strip() == self._DONE:
                return printed
            printed += line
        return pytest.fail(f"the page's commands failed:\n{commands}\n{printed}")

    def begin(self, commands: str) -> None:
        """Type them, and wait for nothing."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(commands)
        self._shell.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.communicate(timeout=PATIENCE_S)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[PortalProcess]:
    """The portal as `make run` starts it, with a database and a port of its own."""
    port = free_port()
    env = {
        "AUTH_PORTAL_ENV": "development",
        "PORT": str(port),
        "AUTH_PORTAL_DATABASE_URL": f"sqlite:///{tmp_path / 'portal.db'}",
    }
    with PortalProcess(env, port=port, migrate=False) as running:
        yield running


@pytest.fixture
def terminal(portal: PortalProcess, tmp_path: Path) -> Iterator[Terminal]:
    """In a folder that has what the page uses of a clone after `make run`: the virtual environment."""
    if shutil.which("curl") is None:
        unavailable("no curl")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / ".venv").symlink_to(sys.prefix)
    with Terminal(clone, {**portal.env, "PYTHONPATH": str(ROOT)}) as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window of the newcomer."""
    context = chromium.new_context(locale="en-US")
    yield context.new_page()
    context.close()


def test_whoever_follows_the_quick_start_has_a_token_and_an_app(
    portal: PortalProcess, terminal: Terminal, page: Page
) -> None:
    guide = Guide(portal.url, free_port())
    start, *steps, last = guide.fences
    assert start == ("sh", "make run\n")  # the fixture did that
    folder = terminal.folder / "first-steps"
    printed = [_do(terminal, folder, *step) for step in steps]

    me = next(json.loads(text) for text in printed if '"emails"' in text)["data"]
    assert (me["firstName"], me["email"]) == ("Ada", guide.address)
    assert f"subject: {me['id']}\n" in printed
    token = json.loads((folder / "answer.json").read_text("utf-8"))["data"]["accessToken"]
    _refuses_a_forged_token(folder, token)
    _tells_the_claims(portal, token, me["id"])

    terminal.begin(last[1])
    _wait_for(guide.app)
    sign_in, send, allow = guide.buttons
    page.goto(guide.app)
    page.get_by_role("link", name=sign_in).click()
    page.locator("[name=email]").fill(guide.address)
    page.get_by_role("button", name=send).click()
    page.wait_for_url("**/login/code**")
    page.locator("[name=code]").press_sequentially(_newest_code(page, guide))
    page.get_by_role("button", name=allow, exact=True).click()
    page.wait_for_url(guide.app)
    said = page.locator("body").inner_text()
    assert said == "Hello, Ada Lovelace!"
    assert f"`{said}`" in guide.text


def _do(terminal: Terminal, folder: Path, language: str, text: str) -> str:
    """Type commands, or save a program under the name that its first line says."""
    if language == "sh":
        return terminal.enter(text)
    name = re.match(r"# (\w+\.py)\n", text)
    assert name is not None, text
    (folder / name[1]).write_text(text, "utf-8")
    return ""


def _refuses_a_forged_token(folder: Path, token: str) -> None:
    """The page's program says no to a token whose signature is another one's."""
    command = [sys.executable, "verify.py", _forged(token)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "subject" not in done.stdout


def _tells_the_claims(portal: PortalProcess, token: str, subject: str) -> None:
    """So does the program of the page about tokens."""
    sample: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", TOKENS.read_text("utf-8"), re.DOTALL)
    exec(code.replace("https://login.example.com", portal.url), sample)
    assert sample["claims_of"](token)["sub"] == subject
    with pytest.raises(jwt.PyJWTError):
        sample["claims_of"](_forged(token))


def _forged(token: str) -> str:
    signed, _dot, signature = token.rpartition(".")
    return f"{signed}.{signature[::-1]}"


def _newest_code(page: Page, guide: Guide) -> str:
    tab = page.context.new_page()
    tab.goto(guide.mailbox)
    code = tab.locator("article", has_text=guide.address).locator(".mailbox-code").first.inner_text()
    tab.close()
    return code


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the app of the page did not start")
