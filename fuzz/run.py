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
from fuzz.findings import Findings, is_finding, operations_of
from fuzz.links import fuzz_links
from fuzz.people import People
from fuzz.portals import TEXT_LENGTH, Fuzzed
from fuzz.proofs import Proofs

ALONE = ("examples", "coverage", "fuzzing")
_PATIENCE = 20.0
SIGNING_OUT = ("logout", "logoutAll", "deleteMe", "endSession")


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
    """All checks are on: they are by default.

    But for ``max_response_time``, for a test of time belongs into `make bench`, and ``object_level_authorization``,
    which wants two identities that are the same for the whole run: ours come and go.
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
        if response.status_code == 401 or (response.status_code == 200 and _signs_out(case)):
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


def _signs_out(case: schemathesis.Case[Any]) -> bool:
    return case.operation.definition.raw["operationId"] in SIGNING_OUT
