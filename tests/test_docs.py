"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from auth_portal.cli import portal
from auth_portal.settings import ROOT, Settings

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=str)


def test_the_table_of_settings_is_the_one_that_the_command_prints() -> None:
    printed = CliRunner().invoke(portal, ["settings"]).output
    document = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert printed.count("\n") == len(Settings.model_fields) + 2
    assert document.endswith(printed)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "lint", "bench", "help"} <= targets
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text("utf-8"))) - {"are"}
    assert named <= targets
