"""The portal's own registration fields as people see them: labels and values in their language."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import get_locale, gettext

from auth_portal.settings import RegistrationField
from auth_portal.signin.users import Profile
from auth_portal.web.i18n import day_in_words
from auth_portal.web.services import services


def own_labels() -> list[str]:
    """What the fields are called."""
    return [field.label(str(get_locale())) for field in services().settings.own_fields]


def own_facts(user: Profile) -> list[tuple[str, str]]:
    """What a person has filled in: each label with its value."""
    values = user.fields or {}
    known = [field for field in services().settings.own_fields if field.name in values]
    return [(field.label(str(get_locale())), _words(field, values[field.name])) for field in known]


def _words(field: RegistrationField, value: Any) -> str:
    """A value in words; as it is where it was kept under another type or choice that is there no more."""
    if field.type == "boolean" and isinstance(value, bool):
        return str(gettext("Yes")) if value else str(gettext("No"))
    if field.type == "choice" and value in field.choices:
        return field.words(value, str(get_locale()))
    if field.type == "date":
        try:
            return day_in_words(date.fromisoformat(value))
        except (TypeError, ValueError):
            pass
    return str(value)
