"""Plays the rounds: each operation alone, then along the links; every round with a seed of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.schemas import BaseSchema

from auth_portal.web.problem import PROBLEM_TYPE
from fuzz import formats
from fuzz.alone import fuzz_alone
from fuzz.findings import Findings, id_of, is_finding, operations_of
from fuzz.links import fuzz_links
from fuzz.people import People
from fuzz.portals import TEXT_LENGTH, Fuzzed
from fuzz.proofs import Bearer, Proofs

ALONE = ("examples", "coverage", "fuzzing")
_PATIENCE = 20.0
_SIGNING_OUT = ("logout", "logoutAll", "deleteMe", "endSession")


@dataclass(frozen=True)
class Plan:
    """``examples`` for each operation, ``scenarios`` along the links; again with other seeds for ``seconds``."""

    seed: int = 1
    examples: int = 30
    scenarios: int = 60
    seconds: float = 0.0


def run(fuzzed: Fuzzed, plan: Plan, tell: Callable[[str], None]) -> Findings:
    """Fuzz a running portal."""
    formats.register(fuzzed.client_id, TEXT_LENGTH)
    people = People(fuzzed.url, fuzzed.fields)
    findings = Findings({})
    started = time.monotonic()
    seed = plan.seed
    while True:
        if plan.examples:
            tell(f"each operation alone, seed {seed}")
            fuzz_alone(_schema(fuzzed, _config(fuzzed.url, plan, seed, ALONE), people, findings), findings)
            tell(f"each operation alone, by a caller that wants problem details, seed {seed}")
            config = _config(fuzzed.url, plan, seed + 1, ("fuzzing",), Accept=PROBLEM_TYPE)
            fuzz_alone(_schema(fuzzed, config, people, findings), findings)
        if plan.scenarios:
            tell(f"along the links, seed {seed}")
            schema = _schema(fuzzed, _config(fuzzed.url, plan, seed, ("stateful",)), people, findings)
            fuzz_links(schema, people, findings, scenarios=plan.scenarios, seed=seed)
        seed += 1
        if findings.found or time.monotonic() - started >= plan.seconds:
            return findings


def _config(url: str, plan: Plan, seed: int, phases: tuple[str, ...], **headers: str) -> SchemathesisConfig:
    """Every check of schemathesis is on, as it is by default.

    Two have nothing to do: ``max_response_time`` is given no limit, for time is measured by `make bench`; and
    ``object_level_authorization`` wants identities that stay for the whole run, and ours come and go. That nobody
    gets at what is somebody else's is tested in tests/test_api_sessions.py and tests/test_api_addresses.py.
    """
    enabled: dict[str, Any] = {name: {"enabled": name in phases} for name in (*ALONE, "stateful")}
    enabled["stateful"]["inference"] = {"algorithms": []}  # the document's own links, none that are guessed
    # Refusals lead nowhere; that bad calls are refused is seen where each operation is called alone.
    enabled["stateful"]["generation"] = {"mode": "positive"}
    generation = {"max-examples": plan.examples or 1, "deterministic": True, "database": "none"}
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": url,
            "continue-on-failure": True,
            "headers": headers,
            "generation": generation,
            "phases": enabled,
        }
    )


def read_document(url: str) -> dict[str, Any]:
    """The document of a running portal, read anew."""
    document: dict[str, Any] = requests.get(f"{url}/openapi.json", timeout=_PATIENCE).json()
    return document


def _schema(fuzzed: Fuzzed, config: SchemathesisConfig, people: People, findings: Findings) -> BaseSchema:
    """The portal's document, ready to be called."""
    document = read_document(fuzzed.url)
    findings.operations = operations_of(document)
    if config.projects.get_default().phases.stateful.enabled:
        # Schemathesis begins no scenario with a call that names something which no other call makes, as apps are.
        for name in ("SendEmailCode", "SendPhoneCode"):
            del document["components"]["schemas"][name]["properties"]["clientId"]
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.auth.providers.append(Proofs(people))

    @schema.hook("after_call")
    def count(
        _context: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response
    ) -> None:
        findings.count(case, response.status_code)
        is_over = response.status_code == 401 and isinstance(case._auth, Bearer)
        if is_over or (response.status_code == 200 and id_of(case) in _SIGNING_OUT):
            people.forget()

    @schema.hook("filter_failure")
    def judge(
        _context: schemathesis.HookContext,
        failure: Failure,
        _case: schemathesis.Case[Any],
        response: schemathesis.Response,
    ) -> bool:
        return is_finding(failure, response)

    return schema
