"""What was called, what came of it, and what does not fit the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

_OF_THE_MOMENT = (
    *("code: is not a code", "code: bir kod değil"),
    *("email: is yours already", "email: zaten sizin"),
    *("phoneNumber: is yours already", "phoneNumber: zaten sizin"),
)
"""What may be wrong with a body by who sends it, and when."""
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, or a call that could not be made, that does not fit the document."""

    where: str
    what: str
    details: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n{self.details}"


@dataclass(slots=True)
class Findings:
    """Everything that a run found out."""

    operations: Mapping[str, tuple[int, ...]]
    """The successful statuses of each operation of the document."""
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    other_methods: Counter[int] = field(default_factory=Counter)
    followed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The links that led to a success, by the calls that they connect."""
    found: list[Finding] = field(default_factory=list)

    def count(self, case: schemathesis.Case[Any], status: int) -> None:
        """Note an answer."""
        if case.method.lower() == case.operation.method.lower():
            self.answers[id_of(case), status] += 1
        else:
            self.other_methods[status] += 1

    def add(self, where: str, what: str, details: str) -> None:
        """Note a finding, once."""
        finding = Finding(where, what, details)
        if not any((known.where, known.what) == (where, what) for known in self.found):
            self.found.append(finding)

    @property
    def unreached(self) -> list[str]:
        """The successful answers that never came: so long nothing is known about what follows them."""
        return [
            f"{name} {status}"
            for name, statuses in self.operations.items()
            for status in statuses
            if not self.answers[name, status]
        ]

    def table(self) -> str:
        """How often each operation was answered with which status, and each link followed."""
        rows = [(name, self._statuses(name)) for name in self.operations]
        rows.append(("other methods", _counted(self.other_methods.items())))
        rows.extend((f"{before} > {then}", str(count)) for (before, then), count in sorted(self.followed.items()))
        width = max(len(name) for name, _statuses in rows)
        return "\n".join(f"{name.ljust(width)}  {statuses}" for name, statuses in rows)

    def _statuses(self, name: str) -> str:
        return _counted((status, count) for (called, status), count in self.answers.items() if called == name)


def _counted(answers: Iterable[tuple[int, int]]) -> str:
    return "  ".join(f"{status}: {count}" for status, count in sorted(answers))


def operations_of(document: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The operations of a document, with their successful statuses."""
    return {
        operation["operationId"]: tuple(int(status) for status in operation["responses"] if status.startswith("2"))
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in _METHODS
    }


def id_of(case: schemathesis.Case[Any]) -> str:
    """The ``operationId`` of what a case calls."""
    return str(case.operation.definition.raw["operationId"])


def is_finding(failure: Failure, response: schemathesis.Response) -> bool:
    """Whether a failed check tells something. Refusals of good bodies that no schema can foresee do not.

    A code may be of another length than the one that is waited for, since an address gets longer ones after wrong
    guesses (OTP-28). And an address to add may be the person's own by now. Both are in the words of the document.
    """
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    body = response.json()
    faults = body["errors"][1:] if "isSuccess" in body else [_fault(one) for one in body.get("errors", [])]
    return len(faults) != 1 or faults[0] not in _OF_THE_MOMENT


def _fault(entry: Mapping[str, str]) -> str:
    """A fault of problem details as the envelope says it."""
    return f"{entry['pointer'].removeprefix('#/')}: {entry['detail']}"
