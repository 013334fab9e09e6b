"""The benchmark runs from end to end. Its figures are no matter of tests: machines are shared."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.portal import ROOT


def test_the_benchmark_signs_in_at_both_programs() -> None:
    """At the portal and at the floor that it is compared with, one at a time and many at once."""
    command = [sys.executable, "-m", "bench", "--users=40", "--sign-ins=2", "--rounds=1", "--databases=sqlite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]
    rows = re.findall(r"^\| +sqlite \| +40 \| +(\d+) \| +[\d.]+ / [\d.]+ \|", done.stdout, re.MULTILINE)
    assert rows == ["1", "8", "32"]
    assert re.search(r"^\| sqlite \| 40 \| [\d.]+ \| [\d.]+ \| 3 \+ 8 \+ 1 \|$", done.stdout, re.MULTILINE)
