"""Registration fields as an operator declares them, one of each type, and what people fill in."""

from __future__ import annotations

import json
from typing import Any

COMPANY: dict[str, Any] = {
    "name": "company",
    "type": "text",
    "required": True,
    "maxLength": 40,
    "label": {"tr": "Şirket", "en": "Company"},
}
SEATS: dict[str, Any] = {"name": "seats", "type": "number", "label": {"tr": "Koltuk", "en": "Seats"}}
BORN: dict[str, Any] = {
    "name": "born",
    "type": "date",
    "label": {"tr": "Doğum günü", "en": "Birthday"},
    "claim": "https://portal.example/birthday",
}
TEAM: dict[str, Any] = {
    "name": "team",
    "type": "choice",
    "label": {"tr": "Ekip", "en": "Team"},
    "choices": {"dev": {"tr": "Geliştirme", "en": "Development"}, "ops": {"tr": "İşletim", "en": "Operations"}},
}
SITE: dict[str, Any] = {"name": "site", "type": "url", "label": {"tr": "Web sitesi", "en": "Web site"}}
NEWS: dict[str, Any] = {"name": "news", "type": "boolean", "label": {"tr": "Haber mektubu", "en": "Newsletter"}}
RULES: dict[str, Any] = {
    "name": "rules",
    "type": "boolean",
    "required": True,
    "label": {"tr": "Ev kuralları", "en": "House rules"},
}
ALL = [COMPANY, SEATS, BORN, TEAM, SITE, NEWS, RULES]
FILLED: dict[str, Any] = {
    "company": "Analytical Engines & Söhne",
    "seats": 12,
    "born": "1815-12-10",
    "team": "dev",
    "site": "https://ada.example/",
    "news": False,
    "rules": True,
}
"""A value for each of ALL."""
CLAIMS = {"https://portal.example/birthday" if name == "born" else name: value for name, value in FILLED.items()}
"""What apps are told of FILLED."""


def declared(*fields: dict[str, Any]) -> dict[str, str]:
    """The setting that declares these fields; all of them where none is given."""
    return {"registration_fields": json.dumps(fields or ALL)}


def typed(values: dict[str, Any]) -> dict[str, str]:
    """These values as a form sends them: a box that is not ticked is not sent."""
    return {
        f"own_{name}": "y" if value is True else str(value) for name, value in values.items() if value is not False
    }
