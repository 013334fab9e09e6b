"""A new SQLite file that several processes open at the same moment: each gets it, none is refused."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.portal import ROOT

ROUNDS, NODES = 200, 4
NODE = """
import sys
from sqlalchemy import create_engine
from auth_portal.db import configure_engine, engine_options
for path in sys.stdin:
    url, options = engine_options(f"sqlite:///{path.strip()}", 1)
    engine = create_engine(url, **options)
    configure_engine(engine)
    with engine.begin() as connection:
        print(connection.exec_driver_sql("PRAGMA journal_mode").scalar(), flush=True)
"""


def test_nodes_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    command, pipe = [sys.executable, "-c", NODE], subprocess.PIPE
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
            for _ in range(NODES)
        ]
        for number in range(ROUNDS):
            for node in nodes:
                assert node.stdin is not None
                node.stdin.write(f"{tmp_path / str(number)}.db\n")
                node.stdin.flush()
            assert [node.stdout.readline() for node in nodes if node.stdout] == ["wal\n"] * NODES
        for node in nodes:
            node.communicate(timeout=30)
    assert [node.returncode for node in nodes] == [0] * NODES
