"""The command line of the attacks: `python -m attack`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from attack.databases import DATABASES, Database
from attack.report import table
from attack.run import SCENARIOS, Plan, run
from tests.support.portal import PortalFailed
from tests.support.postgres import PostgresUnavailable


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m attack",
        description="Plays attackers against running portals, by a clock that can be moved, and holds what they got "
        "against the bounds. Exit code 1: a bound was broken, or somebody honest did not get in.",
    )
    parser.add_argument("--quick", action="store_true", help="a short version of each scenario")
    parser.add_argument("--database", choices=DATABASES, help="default: both, one after the other")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario alone; may be given again")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    return parser


def _tell_since(started: float) -> Callable[[str], None]:
    def tell(step: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {step}", file=sys.stderr, flush=True)

    return tell


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would leave portals behind
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print the table, and say whether every bound held."""
    options = _parser().parse_args(arguments)
    databases: tuple[Database, ...] = (options.database,) if options.database else DATABASES
    names = tuple(name for name in SCENARIOS if not options.only or name in options.only)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        rows = run(Plan(databases, names, options.quick), _tell_since(time.monotonic()))
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130
    except (PortalFailed, PostgresUnavailable) as fault:
        print(f"the attacks could not be played: {fault}", file=sys.stderr)
        return 1
    notes = "\n".join(f"- {SCENARIOS[name].NOTE}" for name in names)
    result = f"{table(rows)}\n\n{notes}"
    print(result)
    if options.markdown:
        options.markdown.write_text(f"{result}\n", "utf-8")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
