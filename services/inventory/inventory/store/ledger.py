"""Reads and appends movements of the ledger."""

from collections.abc import Sequence

import asyncpg

from common.db.unit import Connection, Unit
from common.errors import Conflict
from inventory.domain.ledger import Identity, Movement, Source
from inventory.domain.levels import Level
from inventory.store.levels import update_levels

APPEND = """
INSERT INTO movement
    (merchant_id, key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store)
SELECT $1, key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::timestamptz[], $12::text[], $13::text[])
    AS added (key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store)
ON CONFLICT (merchant_id, channel, store, key) DO NOTHING RETURNING key
"""
LIST = """
SELECT key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store
FROM movement WHERE merchant_id = $1 AND item_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4
"""
BY_IDENTITY = """
SELECT key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store
FROM movement JOIN unnest($2::text[], $3::text[], $4::text[]) AS asked (channel, store, key)
    USING (channel, store, key)
WHERE merchant_id = $1
"""
# The till's own lines, and an earlier hand-over, end the changes of callers; a count of a former item is none.
RECENT = """
SELECT key, movement.item_id, version, movement.sku, source, cause, delta, before, after, recorded_at, channel, store
FROM movement JOIN unnest($2::text[], $3::text[], $4::text[]) AS moved (item_id, new_item_id, sku)
    ON movement.item_id = moved.item_id AND movement.sku = moved.sku
WHERE merchant_id = $1 AND source = 'quicksync' AND key NOT LIKE 'inherited:%'
    AND version > coalesce((
        SELECT max(version) FROM movement ending WHERE ending.merchant_id = $1 AND ending.item_id = moved.item_id
            AND (ending.source = 'clover' OR ending.key LIKE 'handed-over:%')
    ), 0)
    AND recorded_at >= coalesce((
        SELECT max(recorded_at) FROM movement counted WHERE counted.merchant_id = $1
            AND counted.item_id = moved.new_item_id AND counted.source = 'clover'
    ), '-infinity')
ORDER BY movement.item_id, version
"""


async def record(unit: Unit, merchant_id: str, levels: Sequence[Level], movements: Sequence[Movement]) -> None:
    """Write these locked levels and append the movements that led to them.

    Raises Conflict when another transaction has just recorded a movement of one of the identities.
    """
    await update_levels(unit, merchant_id, levels)
    if not movements:
        return
    appended = await unit.conn.fetch(
        APPEND,
        merchant_id,
        [movement.key for movement in movements],
        [movement.item_id for movement in movements],
        [movement.version for movement in movements],
        [movement.sku for movement in movements],
        [movement.source for movement in movements],
        [movement.cause for movement in movements],
        [movement.delta for movement in movements],
        [movement.before for movement in movements],
        [movement.after for movement in movements],
        [movement.recorded_at for movement in movements],
        [movement.channel for movement in movements],
        [movement.store for movement in movements],
    )
    if len(appended) < len(movements):
        raise Conflict("a movement of the same key was recorded at the same time")


async def list_movements(conn: Connection, merchant_id: str, item_id: str, before: int, limit: int) -> list[Movement]:
    """Movements of an item, newest first, beginning with the last one below version `before`."""
    return [_movement(row) for row in await conn.fetch(LIST, merchant_id, item_id, before, limit)]


async def movements_by_identity(
    conn: Connection, merchant_id: str, identities: Sequence[Identity]
) -> dict[Identity, Movement]:
    """Return the recorded movements with these identities."""
    asked = [list(column) for column in zip(*identities, strict=True)]
    found = [_movement(row) for row in await conn.fetch(BY_IDENTITY, merchant_id, *asked)]
    return {movement.identity: movement for movement in found}


async def recent_changes(
    conn: Connection, merchant_id: str, replaced: Sequence[tuple[str, str, str]]
) -> dict[str, list[Movement]]:
    """Return the changes that callers made of these SKUs since the till last changed the count of either item.

    `replaced` has items that are replaced, each with the item that replaces it and the SKU; so has the answer, by item.
    """
    found: dict[str, list[Movement]] = {item_id: [] for item_id, _, _ in replaced}
    columns = [list(column) for column in zip(*replaced, strict=True)]
    for row in await conn.fetch(RECENT, merchant_id, *columns):
        found[row["item_id"]].append(_movement(row))
    return found


def _movement(row: asyncpg.Record) -> Movement:
    return Movement(**{**row, "source": Source(row["source"])})
