"""The portal keeps what its OpenAPI document promises, as far as a bounded run of the fuzzer sees (API-14)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from fuzz.__main__ import main
from fuzz.findings import Findings
from fuzz.portals import DATABASES, Fuzzed, portal
from fuzz.run import Plan, run

ME = "/api/v1/auth/me"
CHAINS = [
    ("sendOtpEmail", "loginOtpEmail"),
    ("sendOtp", "loginOtp"),
    ("loginOtpEmail", "completeRegistration"),
    ("completeRegistration", "refreshToken"),
    ("completeRegistration", "getMe"),
    ("addEmail", "proveEmail"),
    ("addPhone", "provePhone"),
    ("listSessions", "endSession"),
]
"""Calls that a scenario has to reach by what the call before answered."""


def found(findings: Findings) -> list[str]:
    return [str(finding) for finding in findings.found]


def quiet(_step: str) -> None:
    """The tests tell nothing."""


@pytest.fixture(params=DATABASES)
def fuzzed(request: pytest.FixtureRequest) -> Iterator[Fuzzed]:
    """A running portal on either database."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database("fuzzed")
    with portal(request.param, url) as started:
        yield started


def test_along_the_links_every_answer_is_as_declared(fuzzed: Fuzzed) -> None:
    findings = run(fuzzed, Plan(seed=3, examples=0, scenarios=40), quiet)

    assert found(findings) == []
    assert [chain for chain in CHAINS if not findings.followed[chain]] == []


@pytest.mark.parametrize("fuzzed", ["sqlite"], indirect=True)
def test_every_operation_keeps_what_the_document_promises(fuzzed: Fuzzed) -> None:
    """Also the successful answer of each operation came: nothing is known of those that only ever refused."""
    findings = run(fuzzed, Plan(seed=3, examples=6, scenarios=30), quiet)

    assert found(findings) == []
    assert findings.unreached == []


@pytest.mark.parametrize("fuzzed", ["sqlite"], indirect=True)
def test_a_promise_that_is_not_kept_is_found(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document of this test declares no 401, and an answer with a member that no answer has."""
    document = requests.get(f"{fuzzed.url}/openapi.json", timeout=20).json()
    document["paths"] = {ME: document["paths"][ME]}
    for operation in document["paths"][ME].values():
        del operation["responses"]["401"]
    document["components"]["schemas"]["Me"]["required"].append("shoeSize")
    monkeypatch.setattr("fuzz.run.read_document", lambda _url: document)

    findings = run(fuzzed, Plan(examples=2, scenarios=0), quiet)

    assert {(finding.where, finding.what) for finding in findings.found} >= {
        (f"GET {ME}", "status_code_conformance: Undocumented status code"),
        (f"GET {ME}", "response_schema_conformance: Response violates schema"),
    }


def test_the_command_says_what_was_called_and_fails_where_not_all_of_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--examples", "0", "--scenarios", "8"]) == 1

    told = capsys.readouterr()
    assert "along the links, seed 1" in told.err
    assert re.search(r"^getMe +200: \d+", told.out, re.MULTILINE)
    assert "never answered: exportMe 200" in told.out
    assert "never answered: getMe 200" not in told.out
