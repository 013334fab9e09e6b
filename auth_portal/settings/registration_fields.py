"""The portal's own registration fields: what ``REGISTRATION_FIELDS`` may say, read once, and frozen.

What a value of such a field must be is decided in ``signin/fields.py``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from auth_portal.settings.reserved_claims import is_reserved

FieldType = Literal["text", "number", "date", "boolean", "choice", "url"]
Texts = Mapping[str, str]
"""A text in each language."""
MOST_FIELDS = 20
_LENGTHS: Mapping[str, int] = {"text": 200, "url": 300}
"""How long the values of a type may be where ``maxLength`` says nothing."""
_MOST_CHARACTERS = 4_000
"""Of all values together: a form with so many of the longest ones still fits into the body that we take (64 KiB)."""


@dataclass(frozen=True, slots=True)
class RegistrationField:
    """Something that an operator asks people for beside their names. ``longest``: characters of a text or an address.

    ``choices``: the values that may be chosen, in their order, each with its words.
    """

    name: str
    type: FieldType
    is_required: bool
    labels: Texts
    choices: Mapping[str, Texts]
    longest: int
    claim: str
    fallback: str

    def label(self, locale: str) -> str:
        """What people read, in this language or else the portal's first."""
        return self.labels.get(locale) or self.labels[self.fallback]

    def words(self, choice: str, locale: str) -> str:
        """A choice as people read it, in this language or else the portal's first."""
        return self.choices[choice].get(locale) or self.choices[choice][self.fallback]


_Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Name = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]{0,39}$")]
_Claim = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.:/-]{0,99}$")]
_Value = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


class _Declared(BaseModel):
    """One entry of the setting. Unknown members are refused: they are typing errors."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="forbid", hide_input_in_errors=True)

    name: _Name
    type: FieldType
    label: dict[str, _Text]
    required: bool = False
    choices: dict[_Value, dict[str, _Text]] = Field(default={}, max_length=100)
    max_length: Annotated[int, Field(ge=1, le=1_000)] | None = None
    claim: _Claim | None = None

    def faults(self, locale: str) -> Iterator[str]:
        """What is wrong with it by our rules. Members that are malformed are not there."""
        texts = {f"choice {value}": words for value, words in self.choices.items()}
        if "label" in self.model_fields_set:
            texts["label"] = self.label
        for what, words in texts.items():
            if locale not in words:
                yield f"{what} has no text for {locale!r}, the portal's language"
        if "type" in self.model_fields_set:
            if (self.type == "choice") != bool(self.choices):
                yield "choices belong to the type 'choice', which needs some"
            if self.max_length is not None and self.type not in _LENGTHS:
                yield f"maxLength belongs to the types {' and '.join(map(repr, _LENGTHS))}"
        name = self.name if "name" in self.model_fields_set else ""
        if is_reserved(self.claim or name):
            yield f"the claim {self.claim or name!r} means something else already, choose another with 'claim'"
        elif is_reserved(name):
            yield f"the name {name!r} means something else already"

    def frozen(self, locale: str) -> RegistrationField:
        """As the portal uses it."""
        return RegistrationField(
            name=self.name,
            type=self.type,
            is_required=self.required,
            labels=MappingProxyType(self.label),
            choices=MappingProxyType({value: MappingProxyType(words) for value, words in self.choices.items()}),
            longest=self.max_length or _LENGTHS.get(self.type, 0),
            claim=self.claim or self.name,
            fallback=locale,
        )


@lru_cache(maxsize=16)
def read_fields(text: str, locale: str) -> tuple[tuple[RegistrationField, ...], tuple[str, ...]]:
    """The fields that a JSON text declares, and every fault. Where there is one, the fields are not to be used.

    ``locale``: the portal's language, which every label must have. Where another one is missing, this one is shown.
    """
    if not text:
        return (), ()
    try:
        entries = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        return (), ("is not a list of fields in JSON, without a name twice in an object",)
    faults = [] if len(entries) <= MOST_FIELDS else [f"has more than {MOST_FIELDS} fields"]
    found: list[RegistrationField] = []
    for number, entry in enumerate(entries, start=1):
        try:
            declared = _Declared.model_validate(entry)
        except ValidationError as error:
            faults += [f"field {number}: {_say(fault)}" for fault in error.errors()]
            declared = _rest(entry, error)
        else:
            found.append(declared.frozen(locale))
        faults += [f"field {number}: {fault}" for fault in declared.faults(locale)]
    if sum(field.longest for field in found) > _MOST_CHARACTERS:
        faults.append(
            f"the values may have more than {_MOST_CHARACTERS:,} characters together: give less as maxLength"
        )
    for what, names in (("name", [field.name for field in found]), ("claim", [field.claim for field in found])):
        faults += [f"the {what} {name!r} is there twice" for name, count in Counter(names).items() if count > 1]
    return tuple(found), tuple(faults)


def _rest(entry: Any, error: ValidationError) -> _Declared:
    """What of an entry is not malformed: it is judged, too, so that one start tells everything."""
    malformed = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
    members = entry if isinstance(entry, dict) else {}
    return _Declared.model_construct(**{name: value for name, value in members.items() if name not in malformed})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members


def _say(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '?', where)}: {fault['msg']}" if where else "is not an object"
