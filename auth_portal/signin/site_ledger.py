"""How far the budget of all accounts together is used up, for whoever looks after the portal (OPS-04, 9.7)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from auth_portal.db import autocommit, utcnow
from auth_portal.models import Challenge
from auth_portal.settings import Settings


@dataclass(frozen=True, slots=True)
class SiteLevel:
    """Wrong guesses of unknown devices at codes of one length, in the budget's window."""

    length: int
    failed: int
    budget: int


def read_site_levels(engine: Engine, settings: Settings) -> list[SiteLevel]:
    """One level for each length that has a budget, the shortest first."""
    levels = []
    failed = Challenge.attempts + Challenge.foreign_attempts
    with autocommit(engine).connect() as connection:
        for length in sorted(settings.code_lengths):
            rung = settings.site_rung(length)
            if rung is None or length not in {own.length for own in settings.ladder}:
                continue
            counted = select(func.coalesce(func.sum(failed), 0)).where(
                Challenge.code_length == length,
                Challenge.expires_at > utcnow() - rung.window,
                Challenge.consumed_at.is_(None),
                Challenge.device_id.is_(None),
                failed > 0,
            )
            levels.append(SiteLevel(length, int(connection.execute(counted).scalar_one()), rung.budget))
    return levels
