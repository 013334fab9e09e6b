"""The one statement that opens a challenge: it reads the ledger, chooses the length, reserves the guesses.

What the ledger is (standards.md 9.6): the account's challenges themselves. A live one holds all the guesses that may
be made at it, one that is over those that were taken, one whose code was right those that were not its user's. So
nothing has to be moved or released, and nothing can be forgotten. The caller has locked the account's ledger before
(``limits.spend``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, text

from auth_portal.db import UTCDateTime
from auth_portal.models.challenge import IN_LEDGER, IS_FAILED
from auth_portal.prepared import Prepared
from auth_portal.settings import (
    DEVICE_BUDGET,
    DEVICE_WINDOW,
    LONG_CODE_LENGTH,
    MOST_FAILURES,
    SPARE_GUESSES,
    Settings,
)
from auth_portal.signin.challenge_sql import OPENED
from auth_portal.signin.limits import DEVICE_HASHES
from auth_portal.signin.site_ledger import MOST_COUNTED_AT_ONCE

RELEASE_AFTER = timedelta(seconds=1)
"""How long after its end a challenge still holds its guesses: as far as the clocks of nodes may be apart."""

_MOMENTS = ("now", "expires_at", "resend_before", "future")
_IS_OPEN = "(consumed_at IS NULL AND expires_at > :now AND attempts < attempts_allowed)"
_ON_DEVICE = -1
_LONG = 99


class OpeningSql:
    """The statements for one database and one set of budgets. ``key_ids``: the code keys that are honoured."""

    def __init__(self, dialect_name: str, settings: Settings, key_ids: Sequence[str]) -> None:
        self._settings = settings
        self._least, self._greatest = ("LEAST", "GREATEST") if dialect_name == "postgresql" else ("min", "max")
        self._keys = ", ".join(f"'{key_id}'" for key_id in key_ids)
        self._rungs = settings.ladder
        self._site_rungs = settings.site_rungs
        self._open = {knows: self._prepare(self._statement(knows_device=knows)) for knows in (False, True)}

    def open(self, *, knows_device: bool) -> Prepared:
        """Open a challenge, or note that the caller's live one is sent again.

        No row if it was sent just now, or if the account is not the destination's any more.
        """
        return self._open[knows_device]

    def values(self, now: datetime, site_spent: Collection[int]) -> dict[str, Any]:
        """The parameters about the budgets. ``site_spent``: the lengths whose large site budget is spent."""
        spent = {f"site_spent{length}": length in site_spent for length in self._site_rungs}
        return self._moments(now) | spent

    def _moments(self, now: datetime) -> dict[str, datetime]:
        """From when on guesses count."""
        since = {f"since{position}": now - rung.window for position, rung in enumerate(self._rungs)}
        return since | {
            "released": now - RELEASE_AFTER,
            "device_since": now - DEVICE_WINDOW,
            **{f"site_since{length}": now - rung.window for length, rung in self._site_rungs.items()},
        }

    def _statement(self, *, knows_device: bool) -> str:
        """In the order of reading: the newest challenge of this caller, the ledger, the rung, the row.

        A browser whose code did its work may have the next one at once: an app may want another proof (OP-15).
        """
        first = self._rungs[0].length if self._rungs else LONG_CODE_LENGTH
        device = f"""(SELECT known_device.id FROM known_device WHERE known_device.user_id = :account
            AND known_device.secret_hash IN ({DEVICE_HASHES}) AND known_device.expires_at > :now LIMIT 1)"""  # noqa: S608
        return f"""
        WITH newest AS (
            SELECT id, sent_at, consumed_at IS NULL OR substr(:caller, 1, 8) <> 'browser:' AS blocks,
                {_IS_OPEN} AND key_id IN ({self._keys}) AND (seed IS NULL OR EXISTS (
                SELECT 1 FROM challenge AS first
                WHERE first.id = challenge.seed AND first.consumed_at IS NULL AND first.expires_at > :now)) AS lives
            FROM challenge
            WHERE destination = :destination AND caller = :caller AND channel = :channel
                AND (sent_at <= :future OR {_IS_OPEN})
            ORDER BY sent_at DESC LIMIT 1
        ), asking AS (
            SELECT {device if knows_device else "NULL"} AS device_id,
                (SELECT max(consumed_at) FROM challenge WHERE account = :account AND consumed_at IS NOT NULL)
                    AS succeeded_at
        ), entry AS (
            SELECT device_id, code_length, guessed_at, attempts + foreign_attempts AS taken, expires_at, consumed_at,
                CASE WHEN consumed_at IS NULL AND expires_at > :released AND attempts < attempts_allowed
                    THEN attempts_allowed + foreign_allowed ELSE attempts + foreign_attempts END AS held
            FROM challenge
            WHERE account = :account AND {IN_LEDGER}
        ), ledger AS (
            SELECT {self._sums()} FROM asking LEFT JOIN entry ON true
        ), chosen AS MATERIALIZED (
            SELECT asking.device_id, ledger.*, CASE
                WHEN asking.device_id IS NOT NULL AND ledger.on_device < {DEVICE_BUDGET} THEN {_ON_DEVICE}
                {self._whens()}
                ELSE {_LONG} END AS rung
            FROM asking, ledger
        ), granted AS (
            SELECT device_id, rung, room, {self._least}(:attempts, COALESCE(room, :attempts)) AS own
            FROM (SELECT device_id, rung, CASE rung
                WHEN {_ON_DEVICE} THEN {DEVICE_BUDGET} - on_device {self._rooms()} END AS room FROM chosen) AS found
        )
        INSERT INTO challenge (id, account, device_id, channel, destination, caller, network, device, key_id,
            code_length, attempts, attempts_allowed, loose_attempts, foreign_attempts, foreign_allowed, send_count,
            created_at, sent_at, expires_at)
        SELECT COALESCE((SELECT id FROM newest WHERE lives), :id), :account,
            CASE WHEN rung = {_ON_DEVICE} THEN device_id END, :channel, :destination, :caller, :network, :device,
            :key_id,
            CASE rung WHEN {_ON_DEVICE} THEN {first} {self._lengths()} ELSE {LONG_CODE_LENGTH} END,
            0, own, 0, 0, {self._least}(:foreign, {self._greatest}({SPARE_GUESSES}, COALESCE(room - own, :foreign))),
            1, :now, :now, :expires_at
        FROM granted
        WHERE NOT EXISTS (SELECT 1 FROM newest WHERE blocks AND sent_at > :resend_before AND sent_at <= :future)
            AND :is_known = COALESCE((SELECT CASE user_id WHEN :account THEN 1 ELSE 2 END FROM identifier
                WHERE channel = :channel AND value = :destination), 0)
        ON CONFLICT (id) DO UPDATE SET send_count = challenge.send_count + 1, sent_at = excluded.sent_at
        RETURNING {", ".join(column.name for column in OPENED)}"""  # noqa: S608  made of our own words and numbers

    def _sums(self) -> str:
        """What each length, the device and the run since the last success hold."""
        on_device = "entry.device_id = asking.device_id AND entry.expires_at > :device_since"
        run = """COALESCE(sum(CASE WHEN entry.consumed_at IS NULL THEN entry.held
            - CASE WHEN entry.guessed_at < asking.succeeded_at THEN entry.taken ELSE 0 END ELSE 0 END), 0) AS run"""
        sums = [_sum(on_device, "on_device"), run]
        for position, rung in enumerate(self._rungs):
            of_rung = f"entry.device_id IS NULL AND entry.code_length = {rung.length}"
            sums.append(_sum(f"{of_rung} AND entry.expires_at > :since{position}", f"used{position}"))
        return ", ".join(sums)

    def _whens(self) -> str:
        return " ".join(
            f"WHEN run < {MOST_FAILURES} AND used{position} < {rung.budget} {self._site_allows(rung.length)} "
            f"THEN {position}"
            for position, rung in enumerate(self._rungs)
        )

    def _lengths(self) -> str:
        return " ".join(f"WHEN {position} THEN {rung.length}" for position, rung in enumerate(self._rungs))

    def _rooms(self) -> str:
        return " ".join(
            f"WHEN {position} THEN {self._least}({rung.budget} - used{position}, {MOST_FAILURES} - run)"
            for position, rung in enumerate(self._rungs)
        )

    def _site_allows(self, length: int) -> str:
        """OTP-16: all accounts together. Counts no further than it must, however much more there is."""
        rung = self._site_rungs.get(length)
        if rung is None:
            return ""
        conditions = [f"NOT :site_spent{length}"]
        if rung.budget <= MOST_COUNTED_AT_ONCE:
            conditions = [
                f"""(SELECT COALESCE(sum(failed), 0) FROM (
                    SELECT attempts + foreign_attempts AS failed FROM challenge
                    WHERE code_length = {length} AND {IS_FAILED} AND expires_at > :site_since{length}
                    LIMIT {rung.budget}) AS failures) < {rung.budget}"""  # noqa: S608  made of our own words
            ]
        most = self._settings.most_waiting(rung)
        if 0 < most <= MOST_COUNTED_AT_ONCE:
            conditions.append(
                f"""(SELECT count(*) FROM (
                    SELECT 1 FROM challenge
                    WHERE code_length = {length} AND consumed_at IS NULL AND device_id IS NULL AND expires_at > :now
                    LIMIT {most})
                    AS waiting) < {most}"""  # noqa: S608  made of our own words
            )
        return " ".join(f"AND {condition}" for condition in conditions)

    def _prepare(self, statement: str) -> Prepared:
        moments = (*_MOMENTS, *self._moments(datetime.min.replace(year=2000)))
        typed = [bindparam(name, type_=UTCDateTime) for name in dict.fromkeys(moments) if f":{name}" in statement]
        return Prepared(text(statement).bindparams(*typed).columns(*OPENED))


def _sum(condition: str, name: str) -> str:
    return f"COALESCE(sum(CASE WHEN {condition} THEN entry.held ELSE 0 END), 0) AS {name}"
