"""``REGISTRATION_FIELDS`` and ``TERMS_VERSION``: what is refused at the start, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auth_portal.settings import Settings, SettingsError, load_settings
from tests.conftest import environment
from tests.filling import ALL, BORN, COMPANY, TEAM


def loaded(value: object, **more: str) -> Settings:
    """The settings of a portal with these registration fields."""
    text = value if isinstance(value, str) else json.dumps(value)
    values = {"registration_fields": text, **more}
    return load_settings(environment("sqlite:////nowhere/portal.db", "smtp://127.0.0.1:1", **values))


def faults(value: object, **more: str) -> list[str]:
    """Why it does not start."""
    with pytest.raises(SettingsError) as refused:
        loaded(value, **more)
    return [fault.removeprefix("REGISTRATION_FIELDS: ") for fault in refused.value.faults]


def test_without_the_setting_there_are_no_fields(tmp_path: Path) -> None:
    assert loaded("").own_fields == loaded("[]").own_fields == ()


def test_fields_of_every_type_are_read_in_their_order() -> None:
    fields = loaded(ALL).own_fields
    assert [field.name for field in fields] == ["company", "seats", "born", "team", "site", "news", "rules"]
    company, _seats, born, team, *_ = fields
    assert (company.type, company.is_required, company.longest, company.claim) == ("text", True, 40, "company")
    assert (born.claim, born.is_required, born.label("tr")) == (
        "https://portal.example/birthday",
        False,
        "Doğum günü",
    )
    assert [(value, words["tr"]) for value, words in team.choices.items()] == [
        ("dev", "Geliştirme"),
        ("ops", "İşletim"),
    ]


def test_a_field_cannot_be_changed_afterwards() -> None:
    [field] = loaded([TEAM]).own_fields
    with pytest.raises(TypeError):
        field.choices["evil"] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        field.labels["en"] = "Evil"  # type: ignore[index]


WRONG: list[tuple[Any, str]] = [
    ("company", "is not a list of fields in JSON, without a name twice in an object"),
    ({"name": "company"}, "is not a list of fields in JSON, without a name twice in an object"),
    ('[{"name": "a", "name": "b"}]', "is not a list of fields in JSON, without a name twice in an object"),
    ("[" * 100_000, "is not a list of fields in JSON, without a name twice in an object"),
    (["company"], "field 1: is not an object"),
    ([{**COMPANY, "type": "file"}], "field 1: type: Input should be"),
    ([{**COMPANY, "requird": True}], "field 1: requird: Extra inputs are not permitted"),
    ([{**COMPANY, "required": "yes"}], "field 1: required: Input should be a valid boolean"),
    ([{**COMPANY, "name": "Company"}], "field 1: name: String should match"),
    ([{**COMPANY, "name": "company\n"}], "field 1: name: String should match"),
    ([{**COMPANY, "name": "c" * 41}], "field 1: name: String should match"),
    ([{**COMPANY, "claim": "my claim"}], "field 1: claim: String should match"),
    ([{**COMPANY, "label": {"en": "Company"}}], "field 1: label has no text for 'tr', the portal's language"),
    ([{**COMPANY, "label": {"tr": "", "en": "Company"}}], "field 1: label.tr: String should have at least 1"),
    ([{**COMPANY, "label": {"tr": "a\nb", "en": "Company"}}], "field 1: label.tr: String should match"),
    ([{**COMPANY, "maxLength": 0}], "field 1: maxLength: Input should be greater"),
    ([{**COMPANY, "maxLength": 1_001}], "field 1: maxLength: Input should be less"),
    ([{**BORN, "maxLength": 10}], "field 1: maxLength belongs to the types 'text' and 'url'"),
    ([{**TEAM, "choices": {}}], "field 1: choices belong to the type 'choice', which needs some"),
    ([{**COMPANY, "choices": TEAM["choices"]}], "field 1: choices belong to the type 'choice', which needs some"),
    ([{**TEAM, "choices": {"dev": {"en": "Development"}}}], "field 1: choice dev has no text for 'tr'"),
    ([COMPANY, COMPANY], "the name 'company' is there twice"),
    ([COMPANY, {**COMPANY, "name": "firm", "claim": "company"}], "the claim 'company' is there twice"),
    ([{**COMPANY, "name": f"company{n}"} for n in range(21)], "has more than 20 fields"),
    ([{**COMPANY, "name": f"c{n}", "maxLength": 801} for n in range(5)], "the values may have more than 4,000"),
]


@pytest.mark.parametrize(("value", "fault"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said(value: Any, fault: str) -> None:
    """OPS-01."""
    assert [found for found in faults(value) if found.startswith(fault)]


RESERVED = (
    "sub", "iss", "email", "firstName", "first_name", "givenName", "given_name", "phoneNumber", "locale", "id",
    "roles", "groups", "scope", "sid", "birthdate", "title", "fields", "acceptTerms",
)  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_a_name_or_claim_that_means_something_already_is_refused(name: str) -> None:
    """Nobody's own words may become a claim that apps read otherwise."""
    assert faults([{**COMPANY, "name": name}])
    assert faults([{**COMPANY, "claim": name}])


def test_every_fault_is_named_at_once() -> None:
    """OPS-01: those of an entry that is malformed, too, and those of other settings."""
    fields = [{"name": "email", "type": "blob", "label": {"en": "x"}, "maxLength": "3"}, {**COMPANY, "name": "sub"}]
    found = faults(fields, terms_version="v\x07", brand_name="a\x07b")
    expected = ["type", "maxLength", "label has no text for 'tr'", "the claim 'email'", "the claim 'sub'"]
    assert [word for word in expected if not any(word in fault for fault in found)] == []
    assert "TERMS_VERSION has a control character" in found
    assert "BRAND_NAME has a control or private-use character" in found


def test_a_name_has_none_of_the_marks_that_letters_are_filled_in_by() -> None:
    assert faults("", brand_name="Shop \ue000") == ["BRAND_NAME has a control or private-use character"]


def test_a_version_of_the_terms_has_64_characters_at_most() -> None:
    assert loaded("", terms_version="v" * 64).terms_version == "v" * 64
    assert [fault for fault in faults("", terms_version="v" * 65) if fault.startswith("TERMS_VERSION")]


def test_a_label_that_a_language_lacks_is_the_one_of_the_portals_language() -> None:
    """Who adds a language must not have to write every label in it."""
    settings = loaded([{**COMPANY, "label": {"de": "Firma"}}], default_locale="de")
    assert [field.label(locale) for field in settings.own_fields for locale in ("de", "fr")] == ["Firma", "Firma"]
