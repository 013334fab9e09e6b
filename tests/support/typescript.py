"""Owns the built package of clients/typescript, made by the compiler that the tests pin."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.portal import ROOT

NODE = ROOT / "tests" / "node"
PACKAGE = ROOT / "clients" / "typescript"


class TypeScriptUnavailable(Exception):
    """Node.js or the compiler is missing."""


def needed_tools() -> None:
    """Raise TypeScriptUnavailable where they are missing."""
    if shutil.which("node") is None or not (NODE / "node_modules" / "typescript").exists():
        raise TypeScriptUnavailable("no TypeScript: Node.js and npm are needed")


def build_package(directory: Path) -> Path:
    """The package as an app beside it finds it: in `node_modules` of the directory."""
    needed_tools()
    package = directory / "node_modules" / "auth-portal-client"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("dist", "node_modules"))
    compile_files(package)
    return package


def compile_files(directory: Path, *words: str) -> None:
    """Run the compiler there; AssertionError with what it says."""
    command = [str(NODE / "node_modules" / ".bin" / "tsc"), *words]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
