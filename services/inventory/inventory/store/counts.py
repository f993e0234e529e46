"""Accounts for Clover's counts, and finds the items whose counts are to be read."""

from collections.abc import Mapping, Sequence

from common.db.unit import Connection, Unit
from inventory.domain.counts import apply_clover_count
from inventory.domain.ledger import LevelChange
from inventory.store.ledger import record
from inventory.store.levels import lock_or_add_levels
from inventory.store.pushes import open_pushes

# An unknown item counts as changed even without a count: the number of known items decides how counts are read. So
# does an item that was not read yet, because the absence of a count is news too.
CHANGED = """
SELECT shown.item_id FROM unnest($2::text[], $3::bigint[]) AS shown (item_id, count)
LEFT JOIN level ON level.merchant_id = $1 AND level.item_id = shown.item_id
WHERE level.item_id IS NULL OR level.unread_delta IS NOT NULL
    OR (shown.count IS NOT NULL AND level.shadow IS DISTINCT FROM shown.count)
"""
# Clover may leave out items that never had a count, in every sweep.
EXPECTED = """
SELECT item_id FROM level
WHERE merchant_id = $1 AND item_id > $2 AND sku <> '' AND (shadow IS NOT NULL OR unread_delta IS NOT NULL)
ORDER BY item_id LIMIT $3
"""
REFUSED = "SELECT item_id FROM level WHERE merchant_id = $1 AND refused"
# Locks in the order of all other transactions on levels, so that none deadlock.
NOTE_REFUSALS = """
WITH noted AS (
    SELECT level.item_id, read.refused
    FROM unnest($2::text[], $3::boolean[]) AS read (item_id, refused)
    JOIN level ON level.merchant_id = $1 AND level.item_id = read.item_id AND level.refused <> read.refused
    ORDER BY level.item_id FOR UPDATE OF level
)
UPDATE level SET refused = noted.refused FROM noted WHERE level.merchant_id = $1 AND level.item_id = noted.item_id
"""


async def changed_items(conn: Connection, merchant_id: str, counts: Mapping[str, int | None]) -> list[str]:
    """Return the items whose count in Clover is not accounted for yet."""
    rows = await conn.fetch(CHANGED, merchant_id, list(counts), list(counts.values()))
    return [row["item_id"] for row in rows]


async def absorb(unit: Unit, merchant_id: str, counts: Mapping[str, int | None]) -> Sequence[LevelChange]:
    """Account for these Clover counts and return the changes they led to.

    Items with an open push are left out: their count may be the echo of the push, which only push_stock resolves.
    """
    item_ids = await changed_items(unit.conn, merchant_id, counts)
    if not item_ids:
        return []
    levels = await lock_or_add_levels(unit, merchant_id, item_ids)
    being_pushed = await open_pushes(unit.conn, merchant_id, item_ids)
    changes = [
        apply_clover_count(level, counts[level.item_id], unit.now)
        for level in levels
        if level.item_id not in being_pushed
    ]
    movements = [change.movement for change in changes if change.movement is not None]
    await record(unit, merchant_id, [change.level for change in changes], movements)
    return changes


async def expected_after(conn: Connection, merchant_id: str, item_id: str, limit: int) -> list[str]:
    """Return the linked items that follow this one by id and that a sweep must show.

    They are those that once had a count in Clover, and those that were not read yet.
    """
    return [row["item_id"] for row in await conn.fetch(EXPECTED, merchant_id, item_id, limit)]


async def refused_items(conn: Connection, merchant_id: str) -> list[str]:
    """Return the items whose read Clover refused; they may exist again by now."""
    return [row["item_id"] for row in await conn.fetch(REFUSED, merchant_id)]


async def note_refusals(unit: Unit, merchant_id: str, refused: Mapping[str, bool]) -> None:
    """Note for each of these items, as far as known, whether Clover refused its last read."""
    await unit.conn.execute(NOTE_REFUSALS, merchant_id, list(refused), list(refused.values()))
