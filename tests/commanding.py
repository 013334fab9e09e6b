"""How tests run ``auth-portal client``, and what they read of what it printed and did."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from auth_portal.cli import portal
from auth_portal.oidc.clients import Client
from tests.conftest import environment, services_of
from tests.operating import connections_closed

RETURN = "https://app.example/cb"
Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    """Runs ``auth-portal client …`` in this process against the test's database."""

    def invoke(*words: str) -> Result:
        with connections_closed():
            env = environment(database_url, "smtp://127.0.0.1:1")
            return CliRunner().invoke(portal, ["client", *words], env=env)

    return invoke


def one(result: Result) -> dict[str, Any]:
    """The object that a successful command printed."""
    assert result.exit_code == 0, result.output
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


def create(run: Run, *words: str) -> dict[str, Any]:
    """A new client as its ``create`` printed it."""
    return one(run("create", "--name", "Wiki", "--redirect-uri", RETURN, *words, "--json"))


def find(app: Flask, client_id: str) -> Client:
    """The client as a running portal sees it."""
    found = services_of(app).clients.find(client_id)
    assert found is not None
    return found
