"""Each operation alone: schemathesis' phases examples, coverage and fuzzing, with all its checks."""

from __future__ import annotations

from collections.abc import Iterator

from schemathesis import engine
from schemathesis.engine import events
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema

from fuzz.findings import Findings

_SHOWN = 400  # characters of a body


def fuzz_alone(schema: BaseSchema, findings: Findings) -> None:
    """Call every operation in all phases for single ones, and note what is found."""
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for what, details in _failures(event.recorder):
                findings.add(event.label or "", what, details)
        elif isinstance(event, events.NonFatalError):
            findings.add(event.label, event.info.title, event.info.message)
        elif isinstance(event, events.FatalError):
            raise event.exception


def _failures(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                yield f"{check.name}: {failure.title}", f"{failure.message}\n{_exchange(recorder, case_id)}"


def _exchange(recorder: ScenarioRecorder, case_id: str) -> str:
    """The request and its answer, without headers: they have tokens."""
    interaction = recorder.interactions[case_id]
    request, response = interaction.request, interaction.response
    asked = f"{request.method} {request.uri} {str(request.body)[:_SHOWN]}"
    answered = f"{response.status_code} {response.text[:_SHOWN]}" if response is not None else "no answer"
    return f"{asked}\n-> {answered}"
