"""The command line of the benchmark: `python -m bench`."""

import argparse
import os
import platform
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bench.load import SignInError
from bench.measure import AT_ONCE, Database, Plan, measure
from bench.oidc import FlowError, describe
from bench.programs import FloorError, Program
from bench.report import ratios, table
from bench.sink import LetterError
from tests.support.portal import PortalFailed
from tests.support.postgres import PostgresUnavailable

_DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")
_PROGRAMS: tuple[Program, ...] = ("portal", "floor")
_FAULTS = (FloorError, FlowError, LetterError, OSError, PortalFailed, PostgresUnavailable, SignInError)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.replace("_", "").split(","))


def _databases(text: str) -> tuple[Database, ...]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(_DATABASES):
        raise argparse.ArgumentTypeError(f"unknown database: {', '.join(sorted(unknown))}")
    return tuple(name for name in _DATABASES if name in chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a complete sign-in costs.")
    parser.add_argument("--quick", action="store_true", help="1,000 users only and few sign-ins")
    parser.add_argument("--users", type=_sizes, help="sizes, comma-separated (default: 1000,1000000)")
    parser.add_argument("--databases", type=_databases, default=_DATABASES, help="default: sqlite,postgresql")
    parser.add_argument("--only", choices=_PROGRAMS, help="measure one program alone")
    parser.add_argument("--sign-ins", type=int, help="per program, concurrency and round (default: 240)")
    parser.add_argument("--rounds", type=int, help="figures are medians of so many (default: 5)")
    parser.add_argument("--workers", type=int, default=2, help="gunicorn workers of each program (default: 2)")
    parser.add_argument("--threads", type=int, default=8, help="threads of each worker (default: 8)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the result there, too")
    return parser


def _plan(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Plan:
    plan = Plan(
        databases=options.databases,
        users=options.users or ((1_000,) if options.quick else (1_000, 1_000_000)),
        programs=(options.only,) if options.only else _PROGRAMS,
        sign_ins=options.sign_ins or (60 if options.quick else 240),
        rounds=options.rounds or (3 if options.quick else 5),
        workers=options.workers,
        threads=options.threads,
    )
    if min(plan.users) < plan.sign_ins + max(AT_ONCE):
        parser.error(f"{plan.sign_ins} sign-ins need at least {plan.sign_ins + max(AT_ONCE)} users")
    return plan


def _tell_since(started: float) -> Callable[[str], None]:
    def tell(step: str) -> None:
        print(f"[{time.monotonic() - started:4.0f} s] {step}", file=sys.stderr, flush=True)

    return tell


def _conditions(plan: Plan) -> str:
    return (
        f"{plan.workers} workers with {plan.threads} threads, {os.cpu_count()} CPUs shared with the load"
        f" generator and the database; Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}."
        f" Medians of {plan.rounds} rounds of {plan.sign_ins} sign-ins; every commit is synced to disk."
    )


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would leave servers behind
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its result; 0 if it was measured, whatever the figures are."""
    parser = _parser()
    options = parser.parse_args(arguments)
    plan = _plan(parser, options)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        samples, flows = measure(plan, _tell_since(time.monotonic()))
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130
    except _FAULTS as fault:
        print(f"the benchmark failed: {fault}", file=sys.stderr)
        return 1
    verdicts = "\n".join(f"- {line}" for line in ratios(samples, plan))
    result = f"{table(samples, plan)}\n\n{_conditions(plan)}\n\n{verdicts}\n"
    if flows:
        result += f"\nAn app's code flow for somebody who is signed in, one after the other:\n\n{describe(flows)}\n"
    print(result)
    if options.markdown:
        options.markdown.write_text(f"# Cost of a complete sign-in\n\n{result}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
