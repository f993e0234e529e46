"""Reads and appends movements of the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from common.db.unit import Connection, Unit
from common.errors import Conflict
from inventory.domain.ledger import Identity, Movement, Source
from inventory.domain.levels import Level
from inventory.store.levels import update_levels

APPEND = """
INSERT INTO movement
    (merchant_id, key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store, carried)
SELECT $1, *
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::timestamptz[], $12::text[], $13::text[], $14::bigint[])
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
# The first counts of items and the changes of Clover's count; adjustments of uncounted items are neither.
COUNTS = """
SELECT line.* FROM unnest($2::text[]) AS asked (item_id) CROSS JOIN LATERAL (
    SELECT key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store, carried
    FROM movement WHERE merchant_id = $1 AND item_id = asked.item_id AND after IS NOT NULL
        AND (source = 'clover' OR before IS NULL)
    ORDER BY version DESC LIMIT $3
) line ORDER BY item_id, version
"""
MOST_COUNTS = 1000
"""The lines of an item in which its last count is looked for, so that an item that sells every minute costs no more."""

OF_SKUS_SINCE = """
SELECT key, item_id, version, sku, source, cause, delta, before, after, recorded_at, channel, store, carried
FROM movement JOIN unnest($2::text[], $3::timestamptz[]) AS moved (sku, since) USING (sku)
WHERE merchant_id = $1 AND source = 'quicksync' AND sku <> '' AND recorded_at >= since AND key NOT LIKE 'inherited:%'
ORDER BY recorded_at, item_id, version
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
        [movement.carried for movement in movements],
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


async def count_lines(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> dict[str, list[Movement]]:
    """Return the last changes of Clover's count of these items and their first counts, by item, oldest first."""
    found: dict[str, list[Movement]] = {item_id: [] for item_id in item_ids}
    for row in await conn.fetch(COUNTS, merchant_id, item_ids, MOST_COUNTS):
        found[row["item_id"]].append(_movement(row))
    return found


async def changes_since(
    conn: Connection, merchant_id: str, begins: Mapping[str, datetime]
) -> dict[str, list[Movement]]:
    """Return QuickSync's lines about these SKUs since their times, of all items, by SKU, oldest first."""
    found: dict[str, list[Movement]] = {sku: [] for sku in begins}
    for row in await conn.fetch(OF_SKUS_SINCE, merchant_id, list(begins), list(begins.values())):
        found[row["sku"]].append(_movement(row))
    return found


def _movement(row: asyncpg.Record) -> Movement:
    return Movement(**{**row, "source": Source(row["source"])})
