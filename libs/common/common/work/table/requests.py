"""Requests about rows from outside the worker: release, retry and drop."""

from collections.abc import Sequence

from common.contracts.problems import Code
from common.db.unit import Unit
from common.work.row import Row
from common.work.table.waiting import subtract_waiting

COUNT_RELEASE = """
UPDATE lease SET releases = jsonb_set(releases, ARRAY[$2], to_jsonb(coalesce((releases ->> $2)::integer, 0) + 1))
WHERE name = $1
"""

RELEASE = """
UPDATE work SET held = false, due_at = $3, attempts = 0
WHERE merchant_id = $1 AND problem = $2 AND (held OR due_at > $3) AND kind <> $4 RETURNING id
"""

# Locks in the order of all other transactions on these rows, so that none deadlock.
RELEASE_KEYS = """
WITH chosen AS (
    SELECT id FROM work WHERE merchant_id = $1 AND kind = $2 AND key = ANY($3) AND problem = $4 AND held
    ORDER BY key COLLATE "C" FOR UPDATE
)
UPDATE work SET held = false, due_at = $5, attempts = 0 FROM chosen WHERE work.id = chosen.id RETURNING work.id
"""

RETRY = """
UPDATE work SET held = false, due_at = $4, attempts = 0, seq = seq + 1
WHERE merchant_id = $1 AND kind = $2 AND key = $3 RETURNING id
"""

RETRY_ROW = """
UPDATE work SET held = false, due_at = $3, attempts = 0, seq = seq + 1
WHERE merchant_id = $1 AND id = $2 RETURNING id
"""

DROP = """
DELETE FROM work WHERE merchant_id = $1 AND kind = $2 AND key = $3 AND held
RETURNING id, kind, key, seq, attempts, problem, trace
"""


async def release(unit: Unit, merchant_id: str, problem: Code, *, without: str = "") -> int:
    """Make every row that waits under this problem due, oldest first, and return their number.

    That goes for rows that are held and for those to be attempted again later. The problem closes when the last of
    these rows has succeeded, not before. Rows of the kind `without` stay as they are: its owner releases them in
    portions, with `release_keys`.
    """
    await unit.conn.execute(COUNT_RELEASE, merchant_id, problem)
    released = await unit.conn.fetch(RELEASE, merchant_id, problem, unit.now, without)
    unit.announce(merchant_id)
    return len(released)


async def release_keys(unit: Unit, merchant_id: str, problem: Code, kind: str, keys: Sequence[str]) -> int:
    """Make those of these keys due again that are held under this problem, and return their number."""
    released = await unit.conn.fetch(RELEASE_KEYS, merchant_id, kind, list(keys), problem, unit.now)
    unit.announce(merchant_id)
    return len(released)


async def retry(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """Make this key due now, held or not; return whether it exists."""
    unit.announce(merchant_id)
    return bool(await unit.conn.fetch(RETRY, merchant_id, kind, key, unit.now))


async def retry_row(unit: Unit, merchant_id: str, row_id: int) -> bool:
    """Make the row of this id due now, held or not; return whether it exists."""
    unit.announce(merchant_id)
    return bool(await unit.conn.fetch(RETRY_ROW, merchant_id, row_id, unit.now))


async def drop(unit: Unit, merchant_id: str, kind: str, key: str) -> bool:
    """Delete this key if it is held, and return whether it was; any other key is left to the worker."""
    rows = [Row(**row) for row in await unit.conn.fetch(DROP, merchant_id, kind, key)]
    await subtract_waiting(unit, merchant_id, rows, done=False)
    return bool(rows)
