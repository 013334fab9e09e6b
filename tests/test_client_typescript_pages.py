"""clients/typescript in the pages of a browser, and as its guide shows it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.packing import package
from tests.support.app_api import AppApi
from tests.support.portal import ROOT, PortalProcess, development_portal
from tests.support.ports import free_port
from tests.support.receiver import Asked, Receiver, Reply
from tests.support.typescript import NODE, compile_files

__all__ = ["package"]

GUIDE = ROOT / "docs" / "client-libraries.md"


@pytest.fixture(scope="module")
def page_port() -> int:
    """Where the page of an app is, which may call the portal."""
    return free_port()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, page_port: int) -> Iterator[PortalProcess]:
    """A portal that tells codes, and that this page may call."""
    database = tmp_path_factory.mktemp("client") / "portal.db"
    with development_portal(database, allowed_origins=f"http://127.0.0.1:{page_port}") as running:
        yield running


PAGE = b"""<!doctype html><title>App</title><script type="module">
import { AuthPortal } from '/index.js';
const open = () => new Promise((resolve, reject) => {
  const request = indexedDB.open('portal', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('texts');
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const ask = (mode, work) => open().then((database) => new Promise((resolve, reject) => {
  const transaction = database.transaction('texts', mode);
  const request = work(transaction.objectStore('texts'));
  transaction.oncomplete = () => { database.close(); resolve(request.result); };
  transaction.onerror = () => reject(transaction.error);
}));
const storages = {
  local: {
    get: () => localStorage.getItem('portal'),
    set: (text) => (text === null ? localStorage.removeItem('portal') : localStorage.setItem('portal', text)),
  },
  indexed: {
    get: () => ask('readonly', (texts) => texts.get('portal')),
    set: (text) => ask('readwrite', (texts) => (text === null ? texts.delete('portal') : texts.put(text, 'portal'))),
  },
};
window.ends = 0;
const asked = new URLSearchParams(location.search);
window.storage = storages[asked.get('storage')];
window.portal = new AuthPortal({ url: asked.get('portal'), storage, onSignedOut: () => { window.ends += 1; } });
</script>"""
SIGN_IN = """async (email) => {
  const { code, challengeId } = await portal.sendOtpEmail({ email });
  const { registrationToken } = await portal.loginOtpEmail({ email, code, challengeId });
  const person = { firstName: 'Ada', lastName: 'Lovelace', acceptTerms: true };
  return (await portal.completeRegistration(registrationToken, person)).user.email;
}"""
TOGETHER = """() => Promise.all(Array.from({ length: 10 }, () => portal.getMe())).then((people) => people.length)"""
MAKE_OLD = """async () => {
  await storage.set(JSON.stringify({ ...JSON.parse(await storage.get()), renewAt: 0, overAt: 0 }));
}"""
IS_OLD = "async () => JSON.parse(await storage.get()).renewAt === 0"
BEGIN = f"() => {{ window.done = ({TOGETHER})(); }}"


class AppPage(Receiver):
    """Serves the page and the built package."""

    def __init__(self, port: int, dist: Path) -> None:
        super().__init__()
        self.port, self._dist = port, dist

    def choose_reply(self, asked: Asked) -> Reply:
        """Files by their names; anything else is the page."""
        file = self._dist / Path(asked.path).name
        if file.suffix == ".js":
            return Reply(200, {"Content-Type": "text/javascript"}, file.read_bytes())
        return Reply(200, {"Content-Type": "text/html"}, PAGE)


@pytest.mark.parametrize(("storage", "most"), [("indexed", 1), ("local", 2)])
def test_two_tabs_of_a_browser_share_a_sign_in_and_its_refreshes(
    package: Path, portal: PortalProcess, page_port: int, chromium: Browser, storage: str, most: int
) -> None:
    """By a Web Lock. Tabs see each other's local storage late: then the second refresh gets the same successor."""
    context = chromium.new_context()
    refreshes: list[str] = []
    context.on("request", lambda asked: refreshes.append(asked.method) if "refresh-token" in asked.url else None)
    with AppPage(page_port, package / "dist") as server:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            tab.goto(f"{server.url}/?portal={portal.url}&storage={storage}")
            tab.wait_for_function("window.portal")
        assert tabs[0].evaluate(SIGN_IN, f"{storage}@example.com") == f"{storage}@example.com"
        tabs[1].wait_for_function("storage.get()")
        tabs[1].evaluate(TOGETHER)
        tabs[0].evaluate(MAKE_OLD)
        tabs[1].wait_for_function(IS_OLD)
        for tab in tabs:
            tab.evaluate(BEGIN)
        assert [tab.evaluate("() => window.done") for tab in tabs] == [10, 10]
        assert 1 <= refreshes.count("POST") <= most
        assert [tab.evaluate(TOGETHER) for tab in tabs] == [10, 10]
        tabs[0].evaluate("() => portal.logout()")
        tabs[1].wait_for_function("async () => !(await storage.get())")
        assert tabs[1].evaluate("() => portal.getMe().catch((error) => error.code)") == "unauthorized"
        assert [tab.evaluate("() => window.ends") for tab in tabs] == [0, 1]
        context.close()


def test_the_samples_of_the_guide_compile_and_sign_somebody_in(package: Path, portal: PortalProcess) -> None:
    samples = re.findall(r"```ts\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    directory, names = package.parents[1], ["signing.mts", "keeping.mts", "wording.mts"]
    with AppApi() as api:
        for name, sample in zip(names, samples, strict=True):
            here = sample.replace("https://portal.example", portal.url).replace("https://api.example", api.url)
            (directory / name).write_text(here)
        compile_files(directory, "--strict", "--module", "nodenext", "--lib", "es2022,dom", *names)
        command = ["node", "portal_samples.mjs", json.dumps({"directory": str(directory)})]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["questions"] == ["The 4 digits of the code", "Do you accept the terms?", "First name", "Last name"]
    assert (told["user"]["lastName"], told["orders"]) == ("Lovelace", {"orders": []})
    assert told["words"][:2] == ["That code is wrong or too old.", "The portal cannot be reached."]
    assert re.fullmatch(r"Please try again in \d+ seconds\.", told["words"][2])
    assert api.asked[0].headers["authorization"].startswith("Bearer ey")
