"""What a signed-in person is asked before going on: terms that changed, and fields that are required by now."""

from __future__ import annotations

from typing import Literal

from auth_portal.errors import InvalidInput
from auth_portal.settings import Settings
from auth_portal.signin.fields import missing_fields
from auth_portal.signin.users import Profile

Question = Literal["terms", "details"]


def open_question(user: Profile, settings: Settings) -> Question | None:
    """What is to be asked first. Only pages ask: sessions, tokens and what apps refresh go on meanwhile."""
    if not has_accepted(user, settings):
        return "terms"
    return "details" if missing_fields(settings.own_fields, user.fields) else None


def has_accepted(user: Profile, settings: Settings) -> bool:
    """Whether the person accepted the terms that are in force; where these have no version, any are good."""
    return settings.terms_version in ("", user.terms_version)


def check_accepted(is_accepted: bool, field: str) -> None:
    """Raise InvalidInput where the terms are not accepted."""
    if not is_accepted:
        raise InvalidInput(**{field: "not_accepted"})
