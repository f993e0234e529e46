"""Requests about rows from outside the worker: release, retry and drop."""

from common.contracts.problems import Code
from common.db.unit import Unit
from common.work.batch import Row
from common.work.table.waiting import subtract_waiting

COUNT_RELEASE = """
UPDATE lease SET releases = jsonb_set(releases, ARRAY[$2], to_jsonb(coalesce((releases ->> $2)::integer, 0) + 1))
WHERE name = $1
"""

RELEASE = """
UPDATE work SET held = false, due_at = $3, attempts = 0
WHERE merchant_id = $1 AND problem = $2 AND held RETURNING id
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


async def release(unit: Unit, merchant_id: str, problem: Code) -> int:
    """Make every row held under this problem due again, oldest first, and return their number.

    The problem closes when the last of these rows has succeeded, not before.
    """
    await unit.conn.execute(COUNT_RELEASE, merchant_id, problem)
    released = await unit.conn.fetch(RELEASE, merchant_id, problem, unit.now)
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
