"""``auth-portal openapi``: the document without a server, and the clients' types, which are made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from auth_portal.cli import portal
from auth_portal.settings import ROOT

CLIENTS = ROOT / "clients"


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A runner in the development environment, whose database nobody ever made."""
    monkeypatch.setenv("AUTH_PORTAL_ENV", "development")
    monkeypatch.setenv("AUTH_PORTAL_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    return CliRunner()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("typescript", CLIENTS / "typescript" / "src" / "types.ts"),
        ("python", CLIENTS / "python" / "src" / "auth_portal_client" / "types.py"),
    ],
)
def test_the_clients_have_the_types_of_the_document(printed: CliRunner, kind: str, path: Path) -> None:
    """`make types` writes them anew."""
    assert printed.invoke(portal, ["openapi", "--as", kind]).output == path.read_text("utf-8")


def test_the_types_know_every_code_that_the_errors_page_names(printed: CliRunner) -> None:
    named = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    codes = printed.invoke(portal, ["openapi", "--as", "typescript"]).output.partition("ErrorCode =")[2]
    assert len(named) > 20
    assert sorted(named) == re.findall(r"\| \"(\w+)\"", codes.partition(";")[0])


def test_the_document_is_printed_in_the_language_that_is_asked_for(printed: CliRunner) -> None:
    turkish = json.loads(printed.invoke(portal, ["openapi", "--locale", "tr"]).output)
    english = json.loads(printed.invoke(portal, ["openapi"]).output)
    assert turkish["paths"].keys() == english["paths"].keys()
    assert english["tags"][0] == {"name": "Signing in"}
    assert turkish["tags"] != english["tags"]
    assert printed.invoke(portal, ["openapi", "--as", "cobol"]).exit_code == 2
