"""Every sample on the pages of the reference is run as it stands there, in its language, at a running portal."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.sampling import Ready, Stage
from tests.support.api import Api
from tests.support.portal import ROOT, PortalProcess, development_portal

NODE_MODULES = ROOT / "tests" / "node" / "node_modules"
TSC = NODE_MODULES / ".bin" / "tsc"
STRICT = [
    "--strict",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--lib",
    "es2022,dom",
]
PATIENCE_S = 60
OPERATIONS = sorted(path.stem.replace("-", "_") for path in (ROOT / "docs" / "api").glob("*.md"))
_NODE_GLOBALS = "declare const process: { env: Record<string, string | undefined> };\n"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A development portal that lets one person have codes as fast as a test asks for them."""
    with development_portal(tmp_path_factory.mktemp("samples") / "portal.db", resend_after=0) as running:
        yield running


@pytest.fixture(scope="module")
def stage(portal: PortalProcess) -> Iterator[Stage]:
    with Api(portal.url) as api:
        yield Stage(api)


def samples(portal: PortalProcess, operation: str, locale: str = "en") -> dict[str, str]:
    """The samples of an operation by what their headings say."""
    with Api(portal.url) as api:
        answer = api.get(f"/docs/api/{operation.replace('_', '-')}.md?lang={locale}")
    page = answer.body.decode()
    return dict(re.findall(r"^### (curl|Python|TypeScript)\n\n```\w+\n(.*?)```", page, re.MULTILINE | re.DOTALL))


def run(command: list[str], ready: Ready, folder: Path) -> str:
    """What a program prints that ends well."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        command,
        cwd=folder,
        env=inherited | ready.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_sample_for_curl_does_what_it_shows(
    portal: PortalProcess, stage: Stage, operation: str, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        unavailable("curl")
    ready = stage.prepare(operation)
    sample = ready.filled(samples(portal, operation)["curl"])
    answer = json.loads(run(["sh", "-euc", sample], ready, tmp_path))
    assert answer["isSuccess"] is True, answer


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_sample_in_python_does_what_it_shows(
    portal: PortalProcess, stage: Stage, operation: str, tmp_path: Path
) -> None:
    ready = stage.prepare(operation)
    (tmp_path / "sample.py").write_text(ready.filled(samples(portal, operation)["Python"]), "utf-8")
    printed = run([sys.executable, "sample.py"], ready, tmp_path)
    assert isinstance(ast.literal_eval(printed), dict)


@pytest.fixture(scope="module")
def compiled(portal: PortalProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples in TypeScript as programs; they and the portal's own types hold under the strictest reading."""
    if not TSC.exists() or shutil.which("node") is None:
        unavailable("Node.js with tests/node (make test installs it)")
    folder = tmp_path_factory.mktemp("typescript")
    with Api(portal.url) as api:
        (folder / "types.d.ts").write_bytes(api.get("/docs/types.d.ts?lang=en").body)
    (folder / "node.d.ts").write_text(_NODE_GLOBALS)
    (folder / "package.json").write_text('{"type": "module"}')
    for operation in OPERATIONS:
        (folder / f"{operation}.ts").write_text(samples(portal, operation)["TypeScript"], "utf-8")
    assert faults(folder) == ""
    return folder


def faults(folder: Path) -> str:
    """What the compiler complains of."""
    files = [str(path) for path in sorted(folder.glob("*.ts"))]
    return subprocess.run([str(TSC), *STRICT, *files], cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_sample_in_typescript_does_what_it_shows(
    compiled: Path, stage: Stage, operation: str, tmp_path: Path
) -> None:
    ready = stage.prepare(operation)
    (tmp_path / "sample.mjs").write_text(ready.filled((compiled / f"{operation}.js").read_text("utf-8")), "utf-8")
    run(["node", "sample.mjs"], ready, tmp_path)


def test_live_answers_fit_the_types_to_the_member(
    portal: PortalProcess, compiled: Path, stage: Stage, tmp_path: Path
) -> None:
    """A literal may have no member more or less than its type, so the compiler compares them."""
    shutil.copy(compiled / "types.d.ts", tmp_path)
    lines = ['import type { Envelope, Failure, Operations, Problem } from "./types";\n']
    for operation in OPERATIONS:
        ready = stage.prepare(operation)
        answer = run(["sh", "-euc", ready.filled(samples(portal, operation)["curl"])], ready, tmp_path)
        first, *others = operation.split("_")
        name = first + "".join(other.capitalize() for other in others)
        lines.append(f'export const {name}: Envelope<Operations["{name}"]["data"]> = {answer};')
    with Api(portal.url) as api:
        login = "/api/v1/auth/login-otp-email"
        lines.append(f"export const failure: Failure = {api.post(login, {}).body.decode()};")
        problem = api.post(login, {}, {"Accept": "application/problem+json"})
        assert problem.headers.get_content_type() == "application/problem+json"
        lines.append(f"export const problem: Problem = {problem.body.decode()};")
    (tmp_path / "answers.ts").write_text("\n".join(lines), "utf-8")
    assert faults(tmp_path) == ""
    # The same with a member more, and one less: the comparison is one.
    for changed in ('"termsAccepted"', '"ended"'):
        text = "\n".join(lines).replace(changed, '"unknownMember"', 1)
        (tmp_path / "answers.ts").write_text(text, "utf-8")
        assert "unknownMember" in faults(tmp_path)


def test_the_samples_are_the_same_in_every_language(portal: PortalProcess) -> None:
    for operation in OPERATIONS:
        assert samples(portal, operation, "tr") == samples(portal, operation, "en")
