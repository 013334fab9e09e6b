"""The command line of the fuzzer: `python -m fuzz`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from fuzz.portals import DATABASES, portal
from fuzz.run import Plan, run
from tests.support.portal import PortalFailed
from tests.support.postgres import PostgresUnavailable


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz",
        description="Holds a running portal against its OpenAPI document: calls every operation with what its "
        "schemas allow and forbid, and along its links. "
        "Exit code 1: an answer did not fit, or a successful one never came.",
    )
    parser.add_argument("--examples", type=int, default=Plan.examples, help="for each operation (%(default)s)")
    parser.add_argument("--scenarios", type=int, default=Plan.scenarios, help="along the links (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0, help="go on with other seeds for so long")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="the first one (%(default)s)")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    return parser


def _tell_since(started: float) -> Callable[[str], None]:
    def tell(step: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {step}", file=sys.stderr, flush=True)

    return tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, print what was called and found, and say whether all of it fits."""
    options = _parser().parse_args(arguments)
    plan = Plan(options.seed, options.examples, options.scenarios, options.seconds)
    try:
        with portal(options.database) as fuzzed:
            findings = run(fuzzed, plan, _tell_since(time.monotonic()))
    except KeyboardInterrupt:
        return 130
    except (PortalFailed, PostgresUnavailable) as fault:
        print(f"there is nothing to fuzz: {fault}", file=sys.stderr)
        return 1
    print(findings.table())
    for finding in findings.found:
        print(f"\n{finding}")
    for name in findings.unreached:
        print(f"\nnever answered: {name}")
    return 1 if findings.found or findings.unreached else 0


if __name__ == "__main__":
    sys.exit(main())
