"""Along the document's links: send, login, register, refresh and what else follows, with the tokens carried along."""

from __future__ import annotations

import hypothesis
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.stateful.state_machine import APIStateMachine, StepInput, StepOutput
from schemathesis.schemas import BaseSchema

from fuzz.findings import Findings, id_of
from fuzz.people import People
from fuzz.proofs import Bearer, Kind, Tokens

SIGNING_IN = ["sendOtpEmail", "loginOtpEmail", "sendOtp", "loginOtp", "completeRegistration", "refreshToken"]
"""What people do before anything else."""
_KINDS: tuple[Kind, ...] = ("accessToken", "registrationToken")


def fuzz_links(schema: BaseSchema, people: People, findings: Findings, *, scenarios: int, seed: int) -> None:
    """Play that many scenarios, and note what is found: half of them about signing in, half about everything else."""
    for part in (schema.include(operation_id=[*SIGNING_IN, "getMe"]), schema.exclude(operation_id=SIGNING_IN)):
        _play(hypothesis.seed(seed)(_machine(part, people, findings)), findings, scenarios // 2)


def _play(machine: type[APIStateMachine], findings: Findings, scenarios: int) -> None:
    settings = hypothesis.settings(
        max_examples=scenarios,
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        machine.run(settings=settings)
    except FailureGroup as group:
        for failure in group.exceptions:
            findings.add(failure.operation or "", failure.title, str(group))


def _machine(schema: BaseSchema, people: People, findings: Findings) -> type[APIStateMachine]:
    base = schema.as_state_machine()

    class Walk(base):  # type: ignore[misc, valid-type]
        """A scenario: somebody new, and what they were given so far."""

        def setup(self) -> None:
            people.forget()
            self._held: dict[str, Tokens] = {}

        def step(self, input: StepInput) -> StepOutput:
            """Call with the tokens of the call before, and keep those of the answer."""
            proof = input.case._auth
            before = self.recorder.find_parent(case_id=input.case.id)
            carried = self._held[before.id] if before is not None else {}
            if isinstance(proof, Bearer):
                proof.carried = carried
            output: StepOutput = super().step(input)
            used = proof.sent if isinstance(proof, Bearer) else {}
            self._held[input.case.id] = {**carried, **used, **_tokens(output)}
            if before is not None and output.response.status_code < 300:
                findings.followed[id_of(before), id_of(input.case)] += 1
            return output

    return Walk


def _tokens(output: StepOutput) -> Tokens:
    data = output.response.json().get("data") if output.response.status_code < 300 else None
    return {kind: data[kind] for kind in _KINDS if data.get(kind)} if data else {}
