"""Moments in words: the date as a language has it (CLDR), the time on 24 hours, in UTC, which anybody can convert."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_datetime_format

Length = Literal["year", "day", "brief"]
_WORLD_ENGLISH = "en_001"
"""English without the customs of one country: 29 November, as most of its readers have it."""


@lru_cache(maxsize=64)
def spell_moment(moment: datetime, locale: str, length: Length = "year") -> str:
    """``29 November 2026 14:05 UTC``; with ``day`` without the year, with ``brief`` with a short month too."""
    moment = moment.astimezone(UTC)
    known = _locale(locale)
    time = format_time(moment, "HH:mm", locale=known)
    joined = "{1} {0}" if locale == "en" else str(get_datetime_format("medium", locale=known))
    return f"{joined.replace('{1}', spell_day(moment, locale, length)).replace('{0}', time)} UTC"


def spell_day(moment: date, locale: str, length: Length = "year") -> str:
    """The date alone."""
    if length == "year":
        return format_date(moment, "long", locale=_locale(locale))
    return format_skeleton("MMMMd" if length == "day" else "MMMd", moment, locale=_locale(locale))


def _locale(locale: str) -> Locale:
    return Locale.parse(_WORLD_ENGLISH if locale == "en" else locale)
