"""Reads and writes stock levels."""

from collections.abc import Collection, Sequence

from common.catalog_client import ItemLink
from common.db import links
from common.db.unit import Connection, Unit
from common.errors import NotFound
from inventory.domain.levels import Level

LOCK_SKUS = "SELECT pg_advisory_xact_lock(hashtextextended('skus ' || $1, 0))"
KEEP_SKUS = "SELECT pg_advisory_xact_lock_shared(hashtextextended('skus ' || $1, 0))"
HOLDERS = """
SELECT item_id, sku FROM level WHERE merchant_id = $1 AND sku <> '' AND (item_id = ANY($2) OR sku = ANY($3))
"""
# Freed before they are taken, because a SKU may move between two of these items and no two have one SKU.
FREE_SKUS = """
UPDATE level SET sku = '', version = level.version + 1
FROM unnest($2::text[], $3::text[]) AS new (item_id, sku)
WHERE level.merchant_id = $1 AND level.item_id = new.item_id AND level.sku <> '' AND level.sku <> new.sku
"""
TAKE_SKUS = """
UPDATE level SET sku = new.sku
FROM unnest($2::text[], $3::text[]) AS new (item_id, sku)
WHERE level.merchant_id = $1 AND level.item_id = new.item_id AND level.sku <> new.sku
"""
ADD = """
INSERT INTO level (merchant_id, item_id) SELECT $1, item_id FROM unnest($2::text[]) AS item_id ORDER BY item_id
ON CONFLICT DO NOTHING
"""
# Every transaction locks in this order, so that two of them cannot deadlock.
LOCK = """
SELECT item_id, sku, on_hand, shadow, version, unread_delta, inherited, refused AS is_refused
FROM level WHERE merchant_id = $1 AND item_id = ANY($2) ORDER BY item_id FOR UPDATE
"""
UPDATE = """
UPDATE level SET on_hand = changed.on_hand, shadow = changed.shadow, version = changed.version,
    unread_delta = changed.unread_delta, inherited = changed.inherited
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS changed (item_id, on_hand, shadow, version, unread_delta, inherited)
WHERE level.merchant_id = $1 AND level.item_id = changed.item_id
"""
NAMED = """
SELECT item_id, sku, on_hand, shadow, version, unread_delta, inherited, refused AS is_refused
FROM level WHERE merchant_id = $1 AND (sku = ANY($2) OR item_id = ANY($3)) ORDER BY item_id
"""
LIST = """
SELECT item_id, sku, on_hand, shadow, version, unread_delta, inherited, refused AS is_refused
FROM level WHERE merchant_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3
"""
LABELS = """
SELECT item_id, coalesce(nullif(sku, ''), item_id) AS label FROM level WHERE merchant_id = $1 AND item_id = ANY($2)
"""
LINKED = "SELECT item_id FROM level WHERE merchant_id = $1 AND sku <> '' AND item_id = ANY($2)"


async def lock_skus(unit: Unit, merchant_id: str) -> None:
    """Make other units that assign SKUs of the merchant wait until this one ends."""
    await unit.conn.execute(LOCK_SKUS, merchant_id)


async def keep_skus(unit: Unit, merchant_id: str) -> None:
    """Make units that assign SKUs of the merchant wait until this one ends. Others that keep them do not wait."""
    await unit.conn.execute(KEEP_SKUS, merchant_id)


async def assign_skus(unit: Unit, merchant_id: str, changed: Sequence[ItemLink]) -> None:
    """Assign the SKUs that these links affect to the items that have them now."""
    item_ids, skus = {each.item_id for each in changed}, {each.sku for each in changed}
    for row in await unit.conn.fetch(HOLDERS, merchant_id, list(item_ids), list(skus)):
        item_ids.add(row["item_id"])
        skus.add(row["sku"])
    owned = {item_id: sku for sku, item_id in (await links.owners(unit.conn, merchant_id, skus)).items()}
    involved = sorted(item_ids | owned.keys())
    await lock_or_add_levels(unit, merchant_id, involved)
    assigned = involved, [owned.get(item_id, "") for item_id in involved]
    await unit.conn.execute(FREE_SKUS, merchant_id, *assigned)
    await unit.conn.execute(TAKE_SKUS, merchant_id, *assigned)


async def lock_levels(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> list[Level]:
    """Return the known levels of these items, locked until the unit ends."""
    return [Level(**row) for row in await unit.conn.fetch(LOCK, merchant_id, item_ids)]


async def lock_or_add_levels(unit: Unit, merchant_id: str, item_ids: Sequence[str]) -> list[Level]:
    """Return the levels of all these items, locked until the unit ends. An unknown item gets one without a count."""
    await unit.conn.execute(ADD, merchant_id, item_ids)
    return await lock_levels(unit, merchant_id, item_ids)


async def update_levels(unit: Unit, merchant_id: str, levels: Sequence[Level]) -> None:
    """Write everything but the SKU of these levels, which the unit has locked."""
    if levels:
        await unit.conn.execute(
            UPDATE,
            merchant_id,
            [level.item_id for level in levels],
            [level.on_hand for level in levels],
            [level.shadow for level in levels],
            [level.version for level in levels],
            [level.unread_delta for level in levels],
            [level.inherited for level in levels],
        )


async def count_levels(conn: Connection, merchant_id: str) -> int:
    """Return the number of known items of the merchant."""
    return int(await conn.fetchval("SELECT count(*) FROM level WHERE merchant_id = $1", merchant_id))


async def linked_items(conn: Connection, merchant_id: str, item_ids: Collection[str]) -> list[str]:
    """Return the items among these that are linked to a SKU."""
    return [row["item_id"] for row in await conn.fetch(LINKED, merchant_id, list(item_ids))]


async def labels(conn: Connection, merchant_id: str, item_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of these items for the merchant, by item id: the SKU, or the item id without one."""
    found = await conn.fetch(LABELS, merchant_id, item_ids)
    return {item_id: item_id for item_id in item_ids} | {row["item_id"]: row["label"] for row in found}


async def named_levels(conn: Connection, merchant_id: str, skus: Sequence[str], item_ids: Sequence[str]) -> list[Level]:
    """Return the known levels with one of these SKUs or item ids."""
    return [Level(**row) for row in await conn.fetch(NAMED, merchant_id, skus, item_ids)]


async def find_level(conn: Connection, merchant_id: str, name: str) -> Level:
    """Return the level with this SKU, or with this item id when no SKU matches. Raises NotFound."""
    levels = await named_levels(conn, merchant_id, [name], [name])
    for level in sorted(levels, key=lambda level: level.sku != name):
        return level
    raise NotFound(f"There is no stock of {name} here: it is neither a linked SKU nor an item seen in Clover.")


async def list_levels(conn: Connection, merchant_id: str, after: str, limit: int) -> list[Level]:
    """Levels in the order of item ids, beginning behind the item `after`."""
    return [Level(**row) for row in await conn.fetch(LIST, merchant_id, after, limit)]
