"""The statements of ``limits``: a bucket is a row, its level the time at which it will be empty again.

One statement tests and fills, so that no two sends can both take the last place in a bucket.
"""

from __future__ import annotations

from sqlalchemy import bindparam, text

from auth_portal.db import UTCDateTime
from auth_portal.prepared import Prepared

LEDGER = "ledger"
"""Kind of the row that is no bucket: whoever writes it has the account's ledger to itself until the commit."""

_NEVER_FULL = 10**12
_INSERT = "INSERT INTO send_limit (key, kind, spent_until, window_ms)"
_FILL = """
    ON CONFLICT (key) DO UPDATE SET
        kind = excluded.kind,
        window_ms = excluded.window_ms,
        spent_until = excluded.spent_until - :now
            + CASE WHEN send_limit.spent_until BETWEEN :now AND :future + excluded.window_ms
                THEN send_limit.spent_until ELSE :now END
    WHERE send_limit.spent_until + excluded.spent_until - :now <= :now + excluded.window_ms
        OR send_limit.spent_until > :future + excluded.window_ms
    RETURNING kind, key"""

SPEND_ONE = Prepared(text(f"{_INSERT} VALUES (:key0, :kind0, :until0, :window0) {_FILL}"))
LOCK_LEDGER = text(
    f"{_INSERT} VALUES (:account, '{LEDGER}', :now, {_NEVER_FULL}) "
    "ON CONFLICT (key) DO UPDATE SET spent_until = excluded.spent_until"
)
READ = text("SELECT spent_until FROM send_limit WHERE key = :key")
REFUND = text("UPDATE send_limit SET spent_until = spent_until - :increment WHERE key = :key")


def spend_statement(rows: int, device: str | None) -> Prepared:
    """Write the ledger's row, then fill each bucket where that does not overflow; returns what was written.

    ``device``: SQL that selects the known device that asks; None where the caller holds no secret of any. The kind of
    the ledger's row says which one it is. A bucket that is fuller than one can be was filled before the clock was set
    back: it counts as empty. The ledger's row is always first, so that transactions wait for each other there and
    nowhere else.
    """
    user = "SELECT user_id FROM identifier WHERE channel = :channel AND value = :destination"
    asking = f"WITH asking AS MATERIALIZED ({device}) " if device else ""
    known = "(SELECT id FROM asking)"
    kind = f"COALESCE({known}, '{LEDGER}')" if device else f"'{LEDGER}'"
    values = [f"(COALESCE(({user}), :account), {kind}, :now, {_NEVER_FULL})"]
    for row in range(rows):
        key, until = f":key{row}", f":until{row}"
        if device:
            key = f"COALESCE(:own{row} || ':' || {known}, {key})"
            until = f"CASE WHEN {known} IS NULL THEN {until} ELSE :own_until{row} END"
        values.append(f"({key}, :kind{row}, {until}, :window{row})")
    statement = text(f"{asking}{_INSERT} VALUES {', '.join(values)} {_FILL}")
    return Prepared(statement.bindparams(bindparam("moment", type_=UTCDateTime)) if device else statement)
